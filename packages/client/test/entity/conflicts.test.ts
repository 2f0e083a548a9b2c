import { describe, expect, test, vi } from 'vitest';
import { ConflictError, InvalidValueError } from '../../src/index.js';
import type { Conflict, Entity } from '../../src/index.js';
import { decodeValue } from '../../src/tree/decode.js';
import { host, ID, isClean, opened, quiet, until, type Note } from './setup.js';

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
    // What is no choice removes nothing, and never reaches the host.
    for (const choice of ['blah', 'Mine', 6, true, {}, { mine: 1 }, null, undefined]) {
      expect(() => entity.conflicts[0]!.resolve(choice as never), String(choice)).toThrow("resolve takes 'mine', 'theirs', 'both' or { value }");
    }
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

  test('stay where a policy forgets to return what it chose', async () => {
    const policy = vi.fn((c: Conflict) => void c.mine);
    const { entity } = await opened({ policy });
    await raise(entity);
    await until(() => policy.mock.calls.length === 1);
    await quiet();
    expect(entity.get()!.title).toBe('theirs');
    expect(entity.conflicts).toHaveLength(1);
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

  test('what is no policy is refused, and the one before holds', async () => {
    const { entity } = await opened();
    for (const wrong of ['minee', undefined, null, 1]) expect(() => (entity.policy = wrong as never)).toThrow(TypeError);
    expect(() => (entity.policy = 'minee' as never)).toThrow('minee is no policy: that is a function or one of keep-theirs-where-both, mine, theirs');
    expect(entity.policy).toBe('keep-theirs-where-both');
    expect(host.heard.filter(({ type }) => type === 'policy')).toEqual([]);
    expect(() => host.client({ policy: 'minee' as never })).toThrow(TypeError);
  });

  test('a policy that fails leaves the conflict', async () => {
    const thrown: unknown[] = [];
    const catcher = (error: unknown): void => void thrown.push(error);
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', catcher);
    const { entity } = await opened({
      policy: () => {
        throw new Error('no idea');
      },
    });
    await raise(entity);
    await until(() => thrown.length > 0);
    process.removeListener('uncaughtException', catcher);
    for (const other of others) process.on('uncaughtException', other);
    expect(thrown).toEqual([new Error('no idea')]);
    expect(entity.conflicts).toHaveLength(1);
  });
});
