import { describe, expect, test, vi } from 'vitest';
import { ForbiddenError, InvalidValueError } from '../../src/index.js';
import type { Conflict } from '../../src/index.js';
import { host, ID, isClean, note, opened, quiet, until, type Note } from './setup.js';

describe('what others do', () => {
  test('arrives, and leaves the rest identical', async () => {
    const { entity, values } = await opened();
    const before = entity.get()!;
    host.foreign(ID, (value: Note) => ({ ...value, rows: value.rows.map(row => (row.id === 2 ? { ...row, text: 'theirs' } : row)) }));
    await until(() => entity.get()!.rows[1]!.text === 'theirs');
    expect(entity.get()!.rows[0]).toBe(before.rows[0]);
    expect(entity.get()!.rows[2]).toBe(before.rows[2]);
    expect(values).toHaveLength(3);
  });

  test('waits while an own edit is not answered, and then both are there', async () => {
    const { entity, values } = await opened();
    host.isHeld = true;
    entity.update(draft => void (draft.rows[0]!.text = 'mine'));
    const mine = entity.get()!;
    host.foreign(ID, (value: Note) => ({ ...value, title: 'theirs' }));
    await quiet();
    expect(entity.get()).toBe(mine);
    host.release();
    await isClean(entity);
    expect(entity.get()).toEqual({ title: 'theirs', rows: [{ id: 1, text: 'mine' }, { id: 2, text: 'b' }, { id: 3, text: 'c' }] });
    // What was painted already is not painted again.
    expect(entity.get()!.rows).toBe(mine.rows);
    expect(values).toHaveLength(4);
    expect(host.edits().map(({ type }) => type)).toEqual(['edit', 'edit-from']);
  });

  test('does not shuffle edits that follow each other fast', async () => {
    const { entity } = await opened();
    for (let round = 0; round < 40; round += 1) {
      entity.update(draft => void draft.rows.push({ id: 100 + round, text: 'mine' }));
      if (round % 3 === 0) host.foreign(ID, (value: Note) => ({ ...value, title: `theirs ${round}` }));
      if (round % 5 === 0) await new Promise(resolve => setTimeout(resolve, 1));
    }
    await isClean(entity);
    expect(entity.get()).toEqual(host.value(ID));
    expect(entity.get()!.rows.filter(({ id }) => id >= 100).map(({ id }) => id)).toEqual(Array.from({ length: 40 }, (_, round) => 100 + round));
  });

  test('in another tab of the same browser comes by the host', async () => {
    const { entity } = await opened();
    const other = host.client().entity<Note>(ID);
    await other.load();
    const stop = other.subscribe(() => {});
    entity.update(draft => void (draft.title = 'from one'));
    await until(() => other.get()!.title === 'from one');
    other.update(draft => void draft.rows.pop());
    await until(() => entity.get()!.rows.length === 2);
    expect(entity.get()).toEqual(other.get());
    stop();
  });

  test('is asked for as a whole when a message was lost', async () => {
    const { entity } = await opened();
    const { rows } = entity.get()!;
    host.skip(ID);
    host.foreign(ID, (value: Note) => ({ ...value, title: 'theirs' }));
    await until(() => entity.get()!.title === 'theirs');
    expect(entity.get()!.rows).toBe(rows);
    expect(host.heard.filter(({ type }) => type === 'open')).toHaveLength(2);
  });

  test('is asked for as a whole when a patch does not fit', async () => {
    const { entity } = await opened();
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    const replica = host.replicas.get(ID)!;
    replica.seq += 1;
    const patch = new Uint8Array([0xa1, 0x65, 0x74, 0x69, 0x74, 0x6c, 0x65, 0xd9, 0xfa, 0x02, 0x80]);
    replica.channel.postMessage({ epoch: host.state.epoch, said: [{ type: 'show', seq: replica.seq, patch }] });
    await until(() => host.heard.filter(({ type }) => type === 'open').length === 2);
    await isClean(entity);
    expect(entity.get()).toEqual(note());
  });

  test('every show and reset is acked, and nothing else', async () => {
    const { entity } = await opened();
    entity.update(draft => void (draft.title = 'x'));
    await isClean(entity);
    await quiet();
    expect(host.acks.length).toBe(2);
    expect(host.acks.at(-1)).toMatchObject({ entity: ID, epoch: host.state.epoch, seq: 1 });
  });
});

describe('an edit that is refused', () => {
  test('is taken back, with the reason', async () => {
    const { entity, values } = await opened();
    host.refuses = () => ({ code: 'forbidden', message: 'only Bob may' });
    entity.update(draft => void (draft.title = 'mine'));
    await until(() => entity.error);
    expect(entity.error).toBeInstanceOf(ForbiddenError);
    expect(entity.error!.message).toBe('only Bob may');
    expect(entity.get()).toBe(values[1]);
    await expect(entity.saved()).rejects.toThrow('only Bob may');
    host.refuses = undefined;
    entity.update(draft => void (draft.title = 'again'));
    expect(entity.error).toBeUndefined();
    await entity.saved();
    expect(host.value(ID)).toEqual({ ...note(), title: 'again' });
  });

  test('does not take those after it along', async () => {
    const { entity } = await opened();
    host.refuses = ({ op }) => (op === 1 ? { code: 'invalid-value', message: 'no' } : undefined);
    entity.update(draft => void (draft.title = 'bad'));
    entity.update(draft => void (draft.rows[0]!.text = 'good'));
    await isClean(entity);
    expect(entity.get()).toEqual(host.value(ID));
    expect(entity.get()!.rows[0]!.text).toBe('good');
    expect(entity.get()!.title).toBe('Weft');
  });

  test('by a rule of its type says which, is kept to be mended, and no policy sends it again', async () => {
    const policy = vi.fn(() => 'decided');
    const { entity } = await opened({ policy });
    const rule = { path: '/title', message: 'at most 3 characters' };
    entity.update(draft => void (draft.title = 'too long'));
    await isClean(entity);
    const edits = host.edits().length;
    host.refuse(ID, entity.get(), { code: 'invalid-value', message: 'no', violations: [rule] });
    await until(() => entity.conflicts.length === 1);
    await quiet();
    const [{ error }] = entity.conflicts as [Conflict];
    for (const one of [entity.error, error]) {
      expect(one).toBeInstanceOf(InvalidValueError);
      expect((one as InvalidValueError).violations).toEqual([rule]);
    }
    await expect(entity.saved()).rejects.toBe(entity.error);
    expect(policy).not.toHaveBeenCalled();
    expect(host.edits().length).toBe(edits);
    entity.conflicts[0]!.resolve({ value: { ...entity.get(), title: 'fit' } });
    expect(entity.conflicts).toHaveLength(0);
    await until(() => entity.get()!.title === 'fit');
  });

  test('of a creation leaves nothing', async () => {
    const entity = host.client().entity<Note>('note:new');
    await entity.load();
    host.refuses = () => ({ code: 'forbidden', message: 'no' });
    entity.set(note());
    await until(() => entity.error);
    await quiet();
    expect(entity.get()).toBeUndefined();
  });
});
