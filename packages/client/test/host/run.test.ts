import { afterEach, beforeEach, expect, test } from 'vitest';
import { Run } from '../../src/host/run.js';
import type { Storage, Stored } from '../../src/host/storage.js';
import { Tabs } from '../../src/host/tabs.js';
import { browser, FakeReplicas, settle, tidy, URL_ } from './fakes.js';

const A = 'note:a';

beforeEach(() => browser());
afterEach(tidy);

test('what was thought to be unsent and is not is not forgotten before the tabs that wait for it have joined', async () => {
  let loaded = (_: Stored): void => undefined;
  const storage = { unsent: async () => [A], load: () => new Promise<Stored>(resolve => (loaded = resolve)), save: () => undefined };
  const replicas = new FakeReplicas();
  const run = new Run({
    epoch: 'e',
    personId: 'ann',
    replicas,
    storage: storage as unknown as Storage,
    tabs: new Tabs(URL_, { gone: () => undefined, silent: () => undefined }),
    send: () => undefined,
    unauthorized: () => undefined,
    trapped: (what, error) => expect.unreachable(`${what}: ${String(error)}`),
    poisonous: () => false,
    careful: false,
  });
  run.begin();
  run.restore();
  await settle();
  run.take({ type: 'open', tab: 'one', entity: A });
  loaded({ snapshot: undefined, journal: undefined });
  await settle();
  expect(replicas.calls.filter(call => call.includes(A))).toEqual([`load ${A} -`, `policy ${A} keep-theirs-where-both`, `join ${A} one`, `leave ${A} `]);
  expect(run.holds(A)).toBe(true);
  run.end();
});
