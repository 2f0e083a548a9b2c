import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { NotFoundError, type Entity } from '../../src/index.js';
import { encodeValue } from '../../src/tree/encode.js';
import { host, ID, isClean, note, opened, quiet, until, type Note } from './setup.js';

describe('undo', () => {
  test('takes back and does again', async () => {
    const { entity } = await opened();
    expect([entity.canUndo, entity.canRedo, entity.undo()]).toEqual([false, false, false]);
    entity.update(draft => void (draft.title = 'Warp'));
    expect(entity.canUndo).toBe(true);
    expect(entity.undo()).toBe(true);
    expect([entity.canUndo, entity.canRedo]).toEqual([false, true]);
    await until(() => entity.get()!.title === 'Weft');
    await isClean(entity);
    expect([entity.canUndo, entity.canRedo]).toEqual([false, true]);
    expect(entity.redo()).toBe(true);
    await until(() => entity.get()!.title === 'Warp');
    expect([entity.canUndo, entity.canRedo]).toEqual([true, false]);
  });

  test('does not overtake an edit that the host wants again', async () => {
    const { entity } = await opened();
    entity.update(draft => void (draft.title = 'first'));
    await isClean(entity);
    host.isHeld = true;
    entity.update(draft => void (draft.rows[0]!.text = 'second'));
    host.foreign(ID, (value: Note) => ({ ...value, rows: [...value.rows, { id: 9, text: 'theirs' }] }));
    entity.undo();
    entity.update(draft => void (draft.rows[1]!.text = 'third'));
    await quiet();
    host.release();
    await isClean(entity);
    expect(entity.get()).toEqual(host.value(ID));
    expect(host.edits().filter(({ op }) => op === 3)[0]).toMatchObject({ action: 'undo' });
    expect(entity.get()!.title).toBe('first');
    expect(entity.get()!.rows[1]!.text).toBe('third');
    expect(entity.get()!.rows[0]!.text).toBe('a');
  });

  test('delete and undelete', async () => {
    const { entity, values } = await opened();
    entity.delete();
    await until(() => entity.get() === undefined);
    expect(() => entity.update(draft => draft)).toThrow(NotFoundError);
    entity.undelete();
    await until(() => entity.get() !== undefined);
    expect(entity.get()).toBe(values[1]);
    entity.delete();
    await until(() => entity.get() === undefined);
    entity.set({ ...note(), title: 'back' });
    await isClean(entity);
    expect(entity.get()).toEqual({ ...note(), title: 'back' });
  });

  test('what is set right after a deletion is there, also where it is what was there', async () => {
    for (const title of ['Weft', 'fresh']) {
      const { entity } = await opened();
      entity.delete();
      entity.set({ ...note(), title });
      await isClean(entity);
      expect(entity.get()).toEqual({ ...note(), title });
      expect(entity.error).toBeUndefined();
    }
  });

  describe('step by step', () => {
    let entity: Entity<Note>;
    /** Whether each of these edits went on with the step before it. */
    const merges = async () => (await isClean(entity), host.edits().map(({ merge }) => merge));
    const type = (title: string) => entity.update(draft => void (draft.title = title));

    beforeEach(async () => {
      ({ entity } = await opened());
      vi.useFakeTimers({ toFake: ['Date'] });
    });
    afterEach(() => vi.useRealTimers());

    test('what is typed without a pause goes together, for five seconds', async () => {
      for (let n = 1; n <= 12; n += 1) {
        type('x'.repeat(n));
        vi.advanceTimersByTime(900);
      }
      const step = [false, true, true, true, true, true];
      expect(await merges()).toEqual([...step, ...step]);
    });

    test('a pause of a second ends it', async () => {
      type('x');
      vi.advanceTimersByTime(1_000);
      type('xy');
      expect(await merges()).toEqual([false, false]);
    });

    test('whole actions do not go with others, however fast', async () => {
      entity.update(draft => void draft.rows.push({ id: 4, text: 'd' }));
      entity.update(draft => void draft.rows.push({ id: 5, text: 'e' }));
      entity.update(draft => void Object.assign(draft, { title: 'x', rows: [] }));
      entity.set({ ...note(), title: 'y' });
      type('Tea');
      type('Tea!');
      entity.update(draft => void (draft.title = ''));
      expect(await merges()).toEqual([false, false, false, false, false, true, false]);
    });

    test('going back to a version is a step of its own, between what is typed before and after', async () => {
      const old = { value: { ...note(), title: 'Warp' }, meta: {} };
      vi.stubGlobal('fetch', async () => new Response(encodeValue(old) as BodyInit, { headers: { 'content-type': 'application/cbor' } }));
      type('Weft!');
      await entity.revert('2026-11-21T09:30:00.123456Z');
      vi.unstubAllGlobals();
      expect(entity.get()!.title).toBe('Warp');
      type('Warp!');
      expect(await merges()).toEqual([false, false, false]);
      entity.undo();
      await until(() => entity.get()!.title === 'Warp');
      entity.undo();
      await until(() => entity.get()!.title === 'Weft!');
    });
  });
});
