import { expect, test, vi } from 'vitest';
import { ann, bytes, FakeReplicas, FakeSocket, pass, settle, URL_ } from './fakes.js';
import { Tab } from './person.js';
import { A, B, before, run, running, world } from './running.js';

test('a tab is welcomed, and hears how the connection comes about', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  expect(tab.heard).toEqual(['welcome online ann']);
});

test('the last person is worked for before the server has answered, and nothing is sent before', async () => {
  await before(async tab => {
    await tab.show(A);
    tab.edit(A, 1, 'unsent ');
  });
  world.server.reachable = false;
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  expect(tab.heard).toEqual(['welcome offline ann', `reset "unsent " ${A}`]);
  expect(FakeSocket.all.flatMap(socket => socket.sent)).toEqual([]);
  world.server.reachable = true;
  world.online();
  await settle();
  expect(FakeSocket.last.sent).toEqual([`patch ${A}`]);
});

test('edits of a closed tab are sent at the next start, without any tab', async () => {
  await before(async tab => {
    world.server.reachable = false;
    await tab.show(A);
    tab.edit(A, 1, 'unsent');
  });
  world.server.reachable = true;
  await run();
  await settle();
  expect(FakeSocket.last.sent).toEqual([`patch ${A}`]);
});

test('an entity is read before the first tab joins, and what comes meanwhile waits, in order', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  running.replicas.calls.length = 0;
  tab.say({ type: 'open', entity: A });
  tab.edit(A, 1, 'x');
  tab.edit(A, 2, 'y');
  tab.say({ type: 'open', entity: B });
  await settle();
  const of = (entity: string): string[] => running.replicas.calls.filter(call => call.includes(entity));
  expect(of(A)).toEqual([`load ${A} -`, `policy ${A} keep-theirs-where-both`, `join ${A} one`, `edit ${A} one 1 patch`, `edit ${A} one 2 patch`]);
  expect(of(B)).toEqual([`load ${B} -`, `policy ${B} keep-theirs-where-both`, `join ${B} one`]);
});

test('who closes an entity while it is read does not join', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  tab.say({ type: 'open', entity: A });
  tab.say({ type: 'close', entity: A });
  await settle();
  expect(running.replicas.calls).not.toContain(`join ${A} one`);
  expect(running.replicas.holds(A)).toBe(false);
});

test('an edit is shown to all, and kept when it is on disk', async () => {
  await run();
  const one = await Tab.open(world, 'one');
  const two = await Tab.open(world, 'two');
  await one.show(A);
  await two.show(A);
  one.heard.length = two.heard.length = 0;
  const transaction = IDBDatabase.prototype.transaction;
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...rest) {
    const begun = transaction.apply(this, rest);
    begun.addEventListener('complete', () => one.heard.push('(on disk)'));
    return begun;
  });
  one.edit(A, 1, 'x');
  await settle();
  expect(one.heard).toEqual([`show "x" ${A}`, '(on disk)', `kept ${A} one 1`]);
  expect(two.heard).toEqual([`show "x" ${A}`, `kept ${A} one 1`]);
});

test('effects are performed in the order given', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  tab.heard.length = 0;
  running.replicas.extra['receive'] = [
    { tag: 'show', val: { entity: A, seq: 1, patch: bytes('1') } },
    { tag: 'state', val: { entity: A, state: bytes('') } },
    { tag: 'send', val: { entity: A, frame: bytes('get') } },
    { tag: 'refused', val: { entity: A, tab: 'one', op: 4, code: 'forbidden', message: 'no' } },
    { tag: 'repeat', val: { entity: A, tab: 'one', op: 5 } },
    { tag: 'show', val: { entity: A, seq: 2, patch: bytes('2') } },
  ];
  FakeSocket.last.say('news');
  await settle();
  expect(tab.heard).toEqual([`show "1" ${A}`, `state ${A}`, `refused ${A} one 4`, `again ${A} one 5`, `show "2" ${A}`]);
  expect(FakeSocket.last.sent).toEqual(['get']);
});

test('a choice in a conflict goes to the replica as it was made', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  const handle = vi.spyOn(running.replicas, 'handle');
  const value = bytes('value');
  const resolutions = [{ with: 'mine' }, { with: 'theirs' }, { with: 'both' }, { with: 'value', value }, { with: 'value' }] as const;
  for (const [index, resolution] of resolutions.entries()) {
    tab.say({ type: 'edit', entity: A, epoch: tab.epoch, op: index + 1, seen: 0, merge: false, action: { resolve: { conflict: 7, ...resolution } } });
  }
  await settle();
  const actions = handle.mock.calls.flatMap(([event]) => (event.tag === 'edit' ? event.val.edits.map(({ action }) => action) : []));
  expect(actions).toEqual(
    [{ tag: 'mine' }, { tag: 'theirs' }, { tag: 'both' }, { tag: 'value', val: value }, { tag: 'value', val: undefined }].map(decision => ({
      tag: 'resolve',
      val: { conflict: 7, with: decision },
    })),
  );
});

test('edits of another epoch are dropped', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  tab.epoch = 'earlier';
  tab.edit(A, 1, 'x');
  await settle();
  expect(running.replicas.calls.filter(call => call.startsWith('edit'))).toEqual([]);
});

test("the first tab's policy holds until one is set", async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  tab.say({ type: 'hello', url: URL_, policy: 'mine' });
  await tab.show(A);
  tab.say({ type: 'policy', entity: A, policy: 'theirs' });
  await settle();
  expect(running.replicas.calls.filter(call => call.startsWith('policy'))).toEqual([`policy ${A} mine`, `policy ${A} theirs`]);
});

test('the server is told within a second that a tab is gone', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  running.replicas.extra['gone'] = [{ tag: 'send', val: { entity: A, frame: bytes('unsubscribe') } }];
  tab.end();
  await pass(1_000);
  expect(FakeSocket.last.sent).toEqual(['unsubscribe']);
});

test('a tab that does not ack has left; when it wakes up it is told to open again', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  tab.acks = false;
  await tab.show(A);
  await pass(5_000);
  expect(running.replicas.calls.at(-1)).toBe(`leave ${A} one`);
  tab.heard.length = 0;
  tab.edit(A, 1, 'x');
  tab.ack(A);
  await settle();
  expect(tab.heard).toEqual([`reopen ${A}`, `reopen ${A}`]);
  expect(running.replicas.calls.filter(call => call.startsWith('edit'))).toEqual([]);
});

test('a pause that the server wants grows from 200 milliseconds to ten seconds', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  running.replicas.extra['again'] = [{ tag: 'later', val: A }];
  running.replicas.extra['receive'] = [{ tag: 'later', val: A }];
  FakeSocket.last.say('busy');
  const pauses: number[] = [];
  for (let paused = 0, known = 0; pauses.length < 8; paused += 100) {
    const done = running.replicas.calls.filter(call => call.startsWith('again')).length;
    if (done > known) {
      pauses.push(paused);
      paused = 0;
    }
    known = done;
    await pass(100);
  }
  expect(pauses).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
});

test('without tabs and with nothing to send the socket is closed, and opened for the next tab', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await pass(60_000);
  expect(FakeSocket.last.readyState).toBe(1);
  tab.end();
  await pass(9_000);
  expect(FakeSocket.last.readyState).toBe(1);
  await pass(2_000);
  expect(FakeSocket.last.readyState).toBe(3);
  const next = await Tab.open(world, 'two');
  expect(next.heard).toEqual(['status connecting', 'welcome connecting ann', 'status online']);
});

test('what is unsent keeps the socket open', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  tab.edit(A, 1, 'x');
  await settle();
  tab.end();
  await pass(60_000);
  expect(FakeSocket.last.readyState).toBe(1);
  running.replicas.waiting.clear();
  await pass(10_000);
  expect(FakeSocket.last.readyState).toBe(3);
});

test('an edit after a while offline hurries the connection', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  world.server.reachable = false;
  FakeSocket.last.drop();
  await pass(30_000);
  world.server.reachable = true;
  await pass(5_000);
  if (tab.heard.at(-1) !== 'status online') tab.edit(A, 1, 'x');
  await settle();
  expect(tab.heard).toContain('status online');
});

test('a trap makes a new instance; what was kept is there, and tabs begin anew', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  tab.edit(A, 1, 'unsent ');
  await settle();
  const { epoch } = tab;
  tab.heard.length = 0;
  running.replicas.trap = `edit ${A} one 2`;
  tab.edit(A, 2, 'y');
  await settle();
  await pass(0);
  expect(running.instances).toHaveLength(2);
  expect(tab.epoch).not.toBe(epoch);
  expect(tab.messages.findLast(message => message.type === 'here')).toMatchObject({ me: ann, warnings: [{ code: 'restarted' }] });
  tab.say({ type: 'open', entity: A });
  await settle();
  expect(tab.heard.at(-1)).toBe(`reset "unsent " ${A}`);
  tab.say({ type: 'edit-from', entity: A, epoch: tab.epoch, op: 2, merge: false, base: bytes('unsent '), patch: bytes('y') });
  await settle();
  expect(tab.heard.slice(-2)).toEqual([`show "y" ${A}`, `kept ${A} one 2`]);
  expect(FakeSocket.last.sent).toContain(`patch ${A}`);
});

test('an edit that traps twice is refused', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  for (let round = 0; round < 2; round++) {
    running.replicas.trap = `edit ${A} one 1`;
    tab.edit(A, 1, 'poison');
    await pass(1_000);
    tab.say({ type: 'open', entity: A });
    await settle();
  }
  expect(running.instances).toHaveLength(3);
  running.replicas.trap = `edit ${A} one 1`;
  tab.edit(A, 1, 'poison');
  tab.edit(A, 2, 'harmless');
  await settle();
  expect(running.instances).toHaveLength(3);
  expect(tab.heard.slice(-3)).toEqual([`refused ${A} one 1`, `show "harmless" ${A}`, `kept ${A} one 2`]);
});

test('edits that come together are one call, and tabs are told at once', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  const handle = vi.spyOn(running.replicas, 'handle');
  tab.heard.length = 0;
  for (const [index, patch] of ['x', 'y', 'z'].entries()) tab.edit(A, index + 1, patch);
  await settle();
  expect(handle.mock.calls.map(([{ tag }]) => tag)).toEqual(['edit']);
  expect(tab.heard).toEqual([`show "x" ${A}`, `show "y" ${A}`, `show "z" ${A}`, `kept ${A} one 3`]);
});

test('of edits that came together and trap, those that are to blame are found one by one', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  const all = (): void => ['harmless', 'poison', 'good'].forEach((patch, index) => tab.edit(A, index + 1, patch));
  for (let round = 0; round < 3; round++) {
    running.replicas.trap = `edit ${A} one 2`;
    all();
    await pass(5_000);
    tab.say({ type: 'open', entity: A });
    await settle();
  }
  running.replicas.trap = `edit ${A} one 2`;
  tab.heard.length = 0;
  all();
  await settle();
  expect(running.instances).toHaveLength(4);
  expect(tab.heard).toContain(`refused ${A} one 2`);
  expect(tab.heard).toContain(`show "good" ${A}`);
});

test('an entity that can not be loaded does not keep the others from it', async () => {
  await before(async tab => {
    world.server.reachable = false;
    for (const entity of [A, B]) {
      await tab.show(entity);
      tab.edit(entity, 1, 'unsent');
    }
  });
  const { load } = FakeReplicas.prototype;
  vi.spyOn(FakeReplicas.prototype, 'load').mockImplementation(function (this: FakeReplicas, entity, ...rest) {
    if (entity === A) throw new WebAssembly.RuntimeError('unreachable');
    return load.call(this, entity, ...rest);
  });
  world.server.reachable = true;
  await run();
  for (let second = 0; second < 5; second++) await pass(1_000);
  expect(running.instances).toHaveLength(3);
  expect(FakeSocket.last.sent).toEqual([`patch ${B}`]);
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  tab.edit(A, 1, 'x');
  await settle();
  expect(tab.heard.at(-1)).toBe(`refused ${A} one 1`);
});

test('what has no proper name takes no edits, and does no harm', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show('nonsense');
  tab.edit('nonsense', 1, 'x');
  await settle();
  expect(tab.messages.at(-1)).toMatchObject({ type: 'refused', op: 1, code: 'bad-request' });
  expect(running.instances).toHaveLength(1);
});

test('where nothing can be stored edits work, and every tab is warned', async () => {
  vi.stubGlobal('indexedDB', undefined);
  await run();
  const tab = await Tab.open(world, 'one');
  expect(tab.messages[0]).toMatchObject({ type: 'welcome', me: ann, warnings: [{ code: 'storage-unavailable' }] });
  await tab.show(A);
  tab.edit(A, 1, 'x');
  await settle();
  expect(tab.heard.slice(-2)).toEqual([`show "x" ${A}`, `kept ${A} one 1`]);
});

test('a server that is no Timeweft is named as such, until one answers', async () => {
  const { fetch } = world.server;
  const page = (status: number) => vi.stubGlobal('fetch', async () => new Response('<h1>Hello</h1>', { status, headers: { 'content-type': 'text/html' } }));
  page(404);
  await run();
  const tab = await Tab.open(world, 'one');
  const [welcome] = tab.messages;
  expect(welcome).toMatchObject({ status: 'offline', warnings: [{ code: 'wrong-server', message: expect.stringContaining(`${URL_}/me answered 404`) }] });
  // As an app's own server answers for paths that it does not know.
  page(200);
  await pass(1_000);
  expect(tab.heard.slice(1)).not.toContain('status signed-out');
  // A proxy whose server is down.
  page(502);
  vi.stubGlobal('fetch', fetch);
  for (let step = 0; step < 8; step++) await pass(500);
  expect(tab.heard.at(-1)).toBe('status online');
  expect(tab.messages.findLast(({ type }) => type === 'warning')).toMatchObject({ warning: { code: 'wrong-server' }, over: true });
  expect((await Tab.open(world, 'two')).messages[0]).toMatchObject({ warnings: [] });
});

test("a server that does not answer pages of our origin is told from one that can't be reached", async () => {
  vi.stubGlobal('location', { origin: 'https://page.example' });
  let reachable = false;
  vi.stubGlobal('fetch', async (_: string, { mode }: RequestInit) => {
    if (mode === 'no-cors' && reachable) return new Response(null);
    throw new TypeError('Failed to fetch');
  });
  await run();
  const tab = await Tab.open(world, 'one');
  expect(tab.messages[0]).toMatchObject({ status: 'offline', warnings: [] });
  reachable = true;
  await pass(1_000);
  expect(tab.messages.findLast(({ type }) => type === 'warning')).toMatchObject({
    warning: { code: 'foreign-origin', message: expect.stringContaining('--origin https://page.example') },
  });
});

test('stopping writes what is to be written and says nothing more', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  tab.edit(A, 1, 'unsent');
  await Promise.resolve();
  await running.stop();
  expect(FakeSocket.last.readyState).toBe(3);
  await pass(60_000);
  expect(FakeSocket.all).toHaveLength(1);
  await run();
  await settle();
  expect(FakeSocket.last.sent).toEqual([`patch ${A}`]);
});

test('a host that can not begin says so', async () => {
  await run();
  const { startHost } = await import('../../src/host/index.js');
  const failing = startHost({ url: URL_, instantiate: () => Promise.reject(new Error('no wasm')) });
  await expect(failing.started).rejects.toThrow('no wasm');
  await failing.stop();
});
