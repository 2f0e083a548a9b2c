import { describe, expect, test } from 'vitest';
import { decodePatch, decodeValue } from '../../src/tree/decode.js';
import { host, ID, isClean, note, opened, quiet, type Note } from './setup.js';

describe('a host that dies', () => {
  test('gets what it had not kept once more, with what it was made on', async () => {
    const { entity } = await opened();
    host.keeps = false;
    entity.update(draft => void (draft.title = 'one'));
    entity.update(draft => void draft.rows.push({ id: 4, text: 'd' }));
    await quiet();
    expect(entity.status).toBe('saving');
    host.crash();
    entity.update(draft => void (draft.rows[0]!.text = 'while away'));
    host.keeps = true;
    host.start();
    await isClean(entity);
    const expected = { title: 'one', rows: [{ id: 1, text: 'while away' }, { id: 2, text: 'b' }, { id: 3, text: 'c' }, { id: 4, text: 'd' }] };
    expect(host.value(ID)).toEqual(expected);
    expect(entity.get()).toEqual(expected);
    const again = host.edits().filter(({ type }) => type === 'edit-from');
    expect(again.map(({ op }) => op)).toEqual([1, 2, 3]);
    expect(again[0]!.type === 'edit-from' && decodeValue(again[0]!.base)).toEqual(note());
    expect(again[0]!.type === 'edit-from' && decodePatch(again[0]!.patch)).toMatchObject({ kind: 'map' });
  });

  test('gets nothing twice', async () => {
    const { entity } = await opened();
    entity.update(draft => void draft.rows.push({ id: 4, text: 'd' }));
    await isClean(entity);
    host.keeps = false;
    entity.update(draft => void draft.rows.push({ id: 5, text: 'e' }));
    await quiet();
    // It was on disk, but the tab has not heard.
    const { value, deleted, ops } = host.replicas.get(ID)!;
    host.disk.set(ID, { value, deleted, ops: { ...ops } });
    host.crash();
    host.keeps = true;
    host.start();
    await isClean(entity);
    expect((host.value(ID) as Note).rows.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5]);
  });

  test('shows nothing in between, and keeps identity', async () => {
    const { entity, values } = await opened();
    host.crash();
    host.start();
    await quiet();
    await isClean(entity);
    expect(values).toHaveLength(2);
    expect(entity.get()).toBe(values[1]);
  });

  test('finds what others did meanwhile merged with what waits', async () => {
    const { entity } = await opened();
    host.keeps = false;
    entity.update(draft => void (draft.rows[0]!.text = 'mine'));
    await quiet();
    host.crash();
    host.store(ID, { ...note(), title: 'theirs' });
    host.keeps = true;
    host.start();
    await isClean(entity);
    expect(entity.get()).toEqual({ ...note(), title: 'theirs', rows: [{ id: 1, text: 'mine' }, ...note().rows.slice(1)] });
  });

  test('that only lost count of the tab is told again', async () => {
    const { entity } = await opened();
    const { tab } = host.heard[0]!;
    host.reopen(tab, ID);
    entity.update(draft => void (draft.title = 'mine'));
    await isClean(entity);
    expect(host.value(ID)).toEqual({ ...note(), title: 'mine' });
  });

  test('gets a creation again', async () => {
    const entity = host.client().entity<Note>('note:new');
    await entity.load();
    host.keeps = false;
    entity.set(note());
    entity.update(draft => void (draft.title = 'Warp'));
    await quiet();
    host.crash();
    host.keeps = true;
    host.start();
    await entity.saved();
    expect(host.value('note:new')).toEqual({ ...note(), title: 'Warp' });
    expect(entity.get()).toEqual({ ...note(), title: 'Warp' });
  });
});
