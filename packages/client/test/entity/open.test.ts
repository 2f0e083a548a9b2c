import { describe, expect, test, vi } from 'vitest';
import { SignedOutError } from '../../src/index.js';
import { host, ID, note, opened, quiet, until, type Note } from './setup.js';

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
