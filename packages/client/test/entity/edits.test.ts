import { describe, expect, test } from 'vitest';
import { InvalidValueError, NotFoundError } from '../../src/index.js';
import { decodePatch } from '../../src/tree/decode.js';
import { FakeHost } from '../fake-host.js';
import { host, ID, isClean, note, opened, quiet, until, type Note } from './setup.js';

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

  test('a time that is none is named as it was given', async () => {
    const { entity } = await opened();
    const wrong: [unknown, string][] = [['yesterday', 'yesterday'], ['2020-01-01', '2020-01-01'], [new Date(NaN), 'Invalid Date'], [5, '5'], [undefined, 'undefined']];
    for (const [time, name] of wrong) {
      for (const asked of [entity.at(time as Date), entity.revert(time as Date)]) {
        await expect(asked).rejects.toThrow(InvalidValueError);
        await expect(asked).rejects.toThrow(`${name} is no time`);
      }
    }
  });
});
