import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ConflictError, ForbiddenError, InvalidValueError, NotFoundError, SignedOutError } from '../src/index.js';
import type { Conflict, Entity } from '../src/index.js';
import { decodePatch, decodeValue } from '../src/tree/decode.js';
import { FakeHost } from './fake-host.js';

interface Row {
  id: number;
  text: string;
}
interface Note {
  title: string;
  rows: Row[];
}

const ID = 'note:one';
const note = (): Note => ({ title: 'Weft', rows: [{ id: 1, text: 'a' }, { id: 2, text: 'b' }, { id: 3, text: 'c' }] });

let host: FakeHost;
const until = (check: () => unknown) => vi.waitFor(() => expect(check()).toBeTruthy(), { interval: 2, timeout: 3_000 });
/** Long enough for everything that is under way to arrive. */
const quiet = () => new Promise(resolve => setTimeout(resolve, 25));
const isClean = (entity: Entity) => until(() => entity.status === 'saved');

beforeEach(() => {
  host = new FakeHost();
});
afterEach(() => {
  host.close();
  vi.restoreAllMocks();
});

const opened = async (options = {}): Promise<{ entity: Entity<Note>; values: (Note | undefined)[]; stop: () => void }> => {
  host.store(ID, note());
  const entity = host.client(options).entity<Note>(ID);
  const values: (Note | undefined)[] = [];
  const stop = entity.subscribe(value => void values.push(value));
  await until(() => entity.status === 'saved');
  return { entity, values, stop };
};

describe('loading', () => {
  test('a subscriber is called at once with undefined, then with the value', async () => {
    const { values } = await opened();
    expect(values).toEqual([undefined, note()]);
    expect(Object.isFrozen(values[1]!.rows[0])).toBe(true);
  });

  test('load resolves with the value, and with undefined where there is none', async () => {
    host.store(ID, note());
    const client = host.client();
    expect(await client.entity(ID).load()).toEqual(note());
    expect(await client.entity('note:none').load()).toBeUndefined();
    host.store('note:gone', 1, true);
    expect(await client.entity('note:gone').load()).toBeUndefined();
  });

  test('an id has one object', () => {
    const client = host.client();
    expect(client.entity(ID)).toBe(client.entity(ID));
    expect(() => client.entity('Note:1')).toThrow(InvalidValueError);
    expect(() => client.entity('note:a/b')).toThrow('type:id');
  });

  test('a host that begins later is found', async () => {
    const late = new FakeHost({ starts: false });
    late.store(ID, note());
    const entity = late.client().entity<Note>(ID);
    const loading = entity.load();
    await quiet();
    late.start();
    expect(await loading).toEqual(note());
    late.close();
  });
});

describe('own edits', () => {
  test('are seen by subscribers before update returns, and reach host and disk', async () => {
    const { entity, values } = await opened();
    entity.update(draft => {
      draft.rows[1]!.text = 'B';
    });
    expect(values.at(-1)!.rows[1]!.text).toBe('B');
    expect(entity.status).toBe('saving');
    await isClean(entity);
    expect((host.value(ID) as Note).rows[1]!.text).toBe('B');
    expect(values).toHaveLength(3);
  });

  test('keep what they do not touch, also when the host has answered', async () => {
    const { entity, values } = await opened();
    const before = entity.get()!;
    entity.set({ ...note(), title: 'Warp' });
    await isClean(entity);
    expect(entity.get()!.rows).toBe(before.rows);
    expect(entity.get()).toBe(values.at(-1));
    expect(values).toHaveLength(3);
  });

  test('that change nothing are not sent', async () => {
    const { entity, values } = await opened();
    entity.set(note());
    entity.update(() => undefined);
    await quiet();
    expect(values).toHaveLength(2);
    expect(host.edits()).toEqual([]);
  });

  test('in a row go out at once, each as a small patch', async () => {
    const { entity } = await opened();
    for (const text of ['x', 'xy', 'xyz']) entity.update(draft => void (draft.title = text));
    await isClean(entity);
    expect(host.edits().map(edit => [edit.type, edit.op, edit.merge])).toEqual([['edit', 1, false], ['edit', 2, true], ['edit', 3, true]]);
    expect((host.value(ID) as Note).title).toBe('xyz');
  });

  test('of another place do not merge with those before', async () => {
    const { entity } = await opened();
    entity.update(draft => void (draft.title = 'x'));
    entity.update(draft => void (draft.rows[0]!.text = 'x'));
    await isClean(entity);
    expect(host.edits().map(({ merge }) => merge)).toEqual([false, false]);
  });

  test('create an entity that is missing', async () => {
    const entity = host.client().entity<Note>('note:new');
    expect(await entity.load()).toBeUndefined();
    expect(() => entity.update(draft => draft)).toThrow(NotFoundError);
    entity.set(note());
    expect(entity.get()).toEqual(note());
    entity.update(draft => void (draft.title = 'Warp'));
    await entity.saved();
    expect(host.value('note:new')).toEqual({ ...note(), title: 'Warp' });
    expect(entity.get()).toEqual({ ...note(), title: 'Warp' });
  });

  test('may come before anything is known', async () => {
    host.store(ID, note());
    const entity = host.client().entity<Note>(ID);
    expect(() => entity.update(draft => draft)).toThrow('not loaded');
    entity.set({ ...note(), title: 'Warp' });
    expect(entity.get()!.title).toBe('Warp');
    await entity.saved();
    expect(host.value(ID)).toEqual({ ...note(), title: 'Warp' });
  });

  test('that count are counted: increments of two tabs at once', async () => {
    host.store(ID, { votes: 1, rows: [{ n: 5n }] });
    const entities = [host.client(), host.client()].map(client => client.entity<{ votes: number; rows: { n: bigint }[]; late?: number }>(ID));
    await Promise.all(entities.map(entity => entity.load()));
    const stops = entities.map(entity => entity.subscribe(() => {}));
    await Promise.all(entities.map(entity => until(() => entity.status === 'saved')));
    for (const entity of entities) {
      entity.increment('votes');
      entity.increment(['rows', 0, 'n'], 2n);
      entity.increment('late', 0.5);
    }
    expect(entities[0]!.get()).toEqual({ votes: 2, rows: [{ n: 7n }], late: 0.5 });
    await Promise.all(entities.map(entity => until(() => entity.get()!.votes === 3)));
    const [edit] = host.edits();
    expect(edit).toMatchObject({ type: 'edit' });
    expect(decodePatch((edit as { action: { patch: Uint8Array } }).action.patch)).toEqual({ kind: 'map', members: new Map([['votes', { kind: 'increment', by: 1 }]]) });
    for (const stop of stops) stop();
  });

  test('that count: of a value that is a number itself, and of nothing else', async () => {
    host.store('counter:one', 41);
    const client = host.client();
    const counter = client.entity<number>('counter:one');
    expect(() => counter.increment([])).toThrow(NotFoundError);
    await counter.load();
    counter.increment([]);
    expect(counter.get()).toBe(42);
    await counter.saved();
    expect(host.value('counter:one')).toBe(42);
    for (const by of [NaN, Infinity, 'x' as never]) expect(() => counter.increment([], by)).toThrow(InvalidValueError);
    const { entity } = await opened();
    expect(() => entity.increment('title')).toThrow(InvalidValueError);
    expect(() => entity.increment(['rows', 7, 'id'])).toThrow(expect.objectContaining({ name: 'InvalidValueError', path: ['rows', 7, 'id'] }));
    expect(() => entity.increment(['__proto__', 'x'])).toThrow(InvalidValueError);
    expect(entity.get()).toEqual(note());
  });

  test('inside an edit of the same entity are refused, and leave both undone', async () => {
    const { entity } = await opened();
    const inside: (() => void)[] = [
      () => entity.update(draft => void (draft.title = 'inner')),
      () => entity.set({ ...note(), title: 'inner' }),
      () => void entity.undo(),
      () => entity.delete(),
    ];
    entity.update(draft => void (draft.rows[0]!.text = 'before'));
    await isClean(entity);
    for (const edit of inside) {
      const nested = () =>
        entity.update(draft => {
          draft.title = 'outer';
          edit();
        });
      expect(nested).toThrow(expect.objectContaining({ code: 'nested-update' }));
    }
    expect(entity.get()!.title).toBe('Weft');
    entity.update(draft => void (draft.title = 'after'));
    await isClean(entity);
    expect(host.value(ID)).toEqual(entity.get());
  });

  test('that are made and returned are refused: it is one or the other', async () => {
    const { entity } = await opened();
    expect(() => entity.update(draft => ((draft.title = 'drafted'), { ...note(), title: 'returned' }))).toThrow(InvalidValueError);
    expect(entity.get()).toEqual(note());
    entity.update(draft => ((draft.title = 'drafted'), draft));
    expect(entity.get()!.title).toBe('drafted');
    entity.update(value => ({ ...value, title: 'returned' }));
    expect(entity.get()!.title).toBe('returned');
    await isClean(entity);
    expect(host.value(ID)).toEqual({ ...note(), title: 'returned' });
  });

  test('that no entity can hold throw and change nothing', async () => {
    const { entity } = await opened();
    expect(() => entity.set({ ...note(), title: (() => 1) as never })).toThrow('title is a function');
    expect(() => entity.set(undefined as never)).toThrow(InvalidValueError);
    expect(entity.get()).toEqual(note());
  });
});

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
    replica.channel.postMessage({ type: 'show', epoch: host.state.epoch, seq: replica.seq, patch: new Uint8Array([0xa1, 0x65, 0x74, 0x69, 0x74, 0x6c, 0x65, 0xd9, 0xfa, 0x02, 0x80]) });
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
});

describe('conflicts', () => {
  const conflict = { id: 7, path: ['title'], mine: 'mine', theirs: 'theirs' };
  const raise = async (entity: Entity<Note>) => {
    entity.update(draft => void (draft.title = 'mine'));
    await isClean(entity);
    host.foreign(ID, (value: Note) => ({ ...value, title: 'theirs' }));
    host.conflict(ID, conflict);
  };

  test('are there until they are resolved', async () => {
    const { entity } = await opened();
    await raise(entity);
    await until(() => entity.conflicts.length === 1);
    expect(entity.status).toBe('conflict');
    expect(entity.conflicts[0]).toMatchObject({ ...conflict, meta: { personId: 'bob' } });
    await expect(entity.saved()).rejects.toThrow(ConflictError);
    entity.conflicts[0]!.resolve('mine');
    await until(() => entity.conflicts.length === 0);
    await until(() => entity.get()!.title === 'mine');
    await entity.saved();
  });

  test('are resolved as theirs by leaving what is there, and by a value by putting it', async () => {
    const { entity } = await opened();
    await raise(entity);
    await until(() => entity.conflicts.length === 1);
    entity.conflicts[0]!.resolve('theirs');
    await until(() => entity.conflicts.length === 0);
    expect(entity.get()!.title).toBe('theirs');
    host.conflict(ID, { ...conflict, id: 8 });
    await until(() => entity.conflicts.length === 1);
    const [second] = entity.conflicts;
    second!.resolve({ value: 'both' });
    second!.resolve('theirs');
    await until(() => entity.get()!.title === 'both');
    expect(host.edits().filter(edit => edit.type === 'edit' && typeof edit.action === 'object' && 'resolve' in edit.action)).toHaveLength(2);
  });

  test('keep their objects while they stand', async () => {
    const { entity } = await opened();
    await raise(entity);
    await until(() => entity.conflicts.length === 1);
    const [before] = entity.conflicts;
    host.foreign(ID, (value: Note) => ({ ...value, rows: [] }));
    host.tellState(ID);
    await until(() => entity.get()!.rows.length === 0);
    expect(entity.conflicts[0]).toBe(before);
  });

  test('leave the list at once when they are resolved, and nobody is told of a conflict in between', async () => {
    const { entity } = await opened();
    await raise(entity);
    await until(() => entity.conflicts.length === 1);
    host.isHeld = true;
    const lengths: number[] = [];
    entity.onChange(({ conflicts }) => lengths.push(conflicts.length));
    entity.conflicts[0]!.resolve('mine');
    expect([entity.conflicts, entity.status]).toEqual([[], 'saving']);
    // Something else, which makes the host say again what conflicts there are.
    host.foreign(ID, (value: Note) => ({ ...value, rows: [] }));
    host.tellState(ID);
    await quiet();
    expect(entity.conflicts).toEqual([]);
    host.release();
    await entity.saved();
    expect(entity.get()).toEqual({ title: 'mine', rows: [] });
    expect(new Set(lengths)).toEqual(new Set([0]));
  });

  test('come back with the reason when the host refuses the choice', async () => {
    const { entity } = await opened();
    await raise(entity);
    await until(() => entity.conflicts.length === 1);
    const [before] = entity.conflicts;
    host.refuses = () => ({ code: 'conflict', message: 'the place is no longer part of the value' });
    before!.resolve('mine');
    expect(entity.conflicts).toEqual([]);
    await until(() => entity.conflicts.length === 1);
    expect(entity.conflicts[0]).toBe(before);
    expect(entity.error).toBeInstanceOf(ConflictError);
    host.refuses = undefined;
    before!.resolve('theirs');
    await until(() => entity.status === 'saved');
    expect(entity.error).toBeUndefined();
  });

  test('that another tab was quicker to decide are nothing to complain of', async () => {
    const { entity } = await opened();
    await raise(entity);
    await until(() => entity.conflicts.length === 1);
    host.isHeld = true;
    entity.conflicts[0]!.resolve('mine');
    await quiet();
    host.replicas.get(ID)!.conflicts = [];
    host.tellState(ID);
    await quiet();
    host.refuses = () => ({ code: 'conflict', message: 'there is no such conflict' });
    host.release();
    await isClean(entity);
    expect(entity.error).toBeUndefined();
  });

  test('are sent as choices, whatever was chosen', async () => {
    const { entity } = await opened();
    await raise(entity);
    const choices = ['mine', 'theirs', 'both', { value: [1] }, { value: undefined }] as const;
    for (const [index, choice] of choices.entries()) {
      host.conflict(ID, { ...conflict, id: 10 + index });
      await until(() => entity.conflicts.some(({ id }) => id === 10 + index));
      entity.conflicts.find(({ id }) => id === 10 + index)!.resolve(choice);
      await until(() => !host.replicas.get(ID)!.conflicts.some(({ id }) => id === 10 + index));
    }
    const sent = host.edits().flatMap(edit => (edit.type === 'edit' && typeof edit.action === 'object' && 'resolve' in edit.action ? [edit.action.resolve] : []));
    expect(sent.map(({ with: choice, value }) => [choice, value && decodeValue(value)])).toEqual([
      ['mine', undefined],
      ['theirs', undefined],
      ['both', undefined],
      ['value', [1]],
      ['value', undefined],
    ]);
    expect(() => entity.conflicts[0]!.resolve({ value: () => {} })).toThrow(InvalidValueError);
    expect(entity.conflicts).toHaveLength(1);
  });

  test('say which stretch they are about, and follow it', async () => {
    const { entity } = await opened();
    host.conflict(ID, { id: 1, path: ['title'], range: [0, 2], mine: 'mine', theirs: 'We' });
    host.conflict(ID, { id: 2, path: ['rows', 1], absent: true, mine: { id: 2, text: 'mine' }, theirs: undefined });
    await until(() => entity.conflicts.length === 2);
    const [first, second] = entity.conflicts as [Conflict, Conflict];
    expect([first.range, first.absent, second.range, second.absent]).toEqual([[0, 2], false, undefined, true]);
    const replica = host.replicas.get(ID)!;
    replica.conflicts = replica.conflicts.map(one => (one.id === 1 ? { ...one, range: [5, 2] } : one));
    host.tellState(ID);
    await until(() => entity.conflicts[0] !== first);
    expect(entity.conflicts[0]!.range).toEqual([5, 2]);
    expect(entity.conflicts[1]).toBe(second);
    // What an app has in its hands resolves the conflict, wherever that is by now.
    first.resolve('theirs');
    await until(() => entity.conflicts.length === 1);
  });

  test('in an element that has moved since are decided by a policy that is a function', async () => {
    const { entity } = await opened({ policy: (c: Conflict) => `${String(c.mine)}!` });
    entity.update(draft => void (draft.rows[2]!.text = 'mine'));
    await isClean(entity);
    host.conflict(ID, { id: 1, path: ['rows', 0, 'text'], mine: 'mine', theirs: 'a' });
    await until(() => entity.get()!.rows[0]!.text === 'mine!');
  });

  test('are decided by a policy that is a function, once', async () => {
    const policy = vi.fn((c: Conflict) => `${String(c.mine)}+${String(c.theirs)}`);
    const { entity } = await opened({ policy });
    await raise(entity);
    await until(() => entity.get()!.title === 'mine+theirs');
    await isClean(entity);
    expect(policy).toHaveBeenCalledTimes(1);
    expect(host.heard.find(({ type }) => type === 'hello')).toMatchObject({ policy: 'keep-theirs-where-both' });
  });

  test('are not decided by a tab that did not make the edit', async () => {
    const policy = vi.fn(() => 'decided');
    const { entity } = await opened();
    const other = host.client({ policy }).entity<Note>(ID);
    const stop = other.subscribe(() => {});
    await other.load();
    await raise(entity);
    await until(() => other.conflicts.length === 1);
    await quiet();
    expect(policy).not.toHaveBeenCalled();
    expect(other.get()!.title).toBe('theirs');
    stop();
  });

  test('a policy of the entity goes to the host', async () => {
    const { entity } = await opened();
    entity.policy = 'mine';
    expect(entity.policy).toBe('mine');
    await until(() => host.heard.some(message => message.type === 'policy' && message.policy === 'mine'));
    host.crash();
    host.start();
    await until(() => host.heard.filter(({ type }) => type === 'policy').length === 2);
  });

  test('a policy that fails leaves the conflict', async () => {
    const complain = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { entity } = await opened({
      policy: () => {
        throw new Error('no idea');
      },
    });
    await raise(entity);
    await until(() => entity.conflicts.length === 1);
    expect(complain).toHaveBeenCalledTimes(1);
  });
});

describe('being open', () => {
  test('ends a while after the last subscriber, and begins anew with the next', async () => {
    const { entity, values, stop } = await opened();
    stop();
    await quiet();
    const again = entity.subscribe(() => {});
    again();
    await until(() => host.heard.some(({ type }) => type === 'close'));
    host.foreign(ID, (value: Note) => ({ ...value, title: 'meanwhile' }));
    await quiet();
    expect(entity.get()).toBe(values.at(-1));
    const seen: (Note | undefined)[] = [];
    entity.subscribe(value => void seen.push(value));
    await until(() => seen.length === 2);
    expect(seen[0]).toBe(values.at(-1));
    expect(seen[1]).toEqual({ ...note(), title: 'meanwhile' });
    expect(seen[1]!.rows).toBe(values.at(-1)!.rows);
  });

  test('lasts until what was edited is on disk', async () => {
    const { entity, stop } = await opened();
    host.keeps = false;
    entity.update(draft => void (draft.title = 'x'));
    stop();
    await new Promise(resolve => setTimeout(resolve, 1_200));
    expect(host.heard.some(({ type }) => type === 'close')).toBe(false);
    host.keep(ID);
    await until(() => host.heard.some(({ type }) => type === 'close'));
  });

  test('an edit of an entity that nobody watches is sent', async () => {
    host.store(ID, note());
    const entity = host.client().entity<Note>(ID);
    await entity.load();
    entity.update(draft => void (draft.title = 'x'));
    await until(() => (host.value(ID) as Note).title === 'x');
    await entity.saved();
  });

  test('a subscriber that throws does not keep others from hearing', async () => {
    const thrown: unknown[] = [];
    const catcher = (error: Error) => void thrown.push(error);
    process.prependOnceListener('uncaughtException', catcher);
    vi.stubGlobal('queueMicrotask', (task: () => void) => {
      try {
        task();
      } catch (error) {
        thrown.push(error);
      }
    });
    const { entity, values } = await opened();
    entity.subscribe(value => {
      if (value?.title === 'x') throw new Error('mine');
    });
    const after: unknown[] = [];
    entity.subscribe(value => void after.push(value?.title));
    entity.update(draft => void (draft.title = 'x'));
    expect(after).toEqual(['Weft', 'x']);
    expect(values.at(-1)!.title).toBe('x');
    expect(thrown).toHaveLength(1);
    process.removeListener('uncaughtException', catcher);
    vi.unstubAllGlobals();
  });

  test('watchers are called for what changes only', async () => {
    const { entity } = await opened();
    await quiet();
    let calls = 0;
    entity.onChange(() => (calls += 1));
    host.tellState(ID);
    host.keep(ID);
    await quiet();
    expect(calls).toBe(0);
    host.setStatus(ID, 'offline');
    await until(() => entity.status === 'offline');
    expect(calls).toBe(1);
  });
});

describe('who is signed in', () => {
  test('nobody: what is asked for says so', async () => {
    host.state = { ...host.state, me: null, status: 'signed-out' };
    const client = host.client();
    await expect(client.entity(ID).load()).rejects.toThrow(SignedOutError);
    expect(() => client.entity(ID).set(1)).toThrow(SignedOutError);
  });

  test('another person sees nothing of what the one before saw', async () => {
    const { entity, values } = await opened();
    host.crash();
    host.disk.clear();
    host.start({ me: { personId: 'bob', email: 'bob@example.com' } });
    await until(() => values.at(-1) === undefined);
    await quiet();
    expect(entity.get()).toBeUndefined();
  });
});
