import { deleteDB } from 'idb';
import { expect, test, vi } from 'vitest';
import { Storage } from '../../src/host/storage.js';
import { upstreamChannel } from '../../src/messages.js';
import { ann, browser, bob, FakeChannel, FakeSocket, pass, settle, URL_ } from './fakes.js';
import { Tab } from './person.js';
import { A, before, run, running, world } from './running.js';

const databases = async (): Promise<string[]> => (await indexedDB.databases()).map(({ name }) => name ?? '').sort();

test('signing out with edits that are not sent says which, and does nothing', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  tab.edit(A, 1, 'x');
  await settle();
  tab.heard.length = 0;
  tab.say({ type: 'sign-out', discard: false });
  await settle();
  expect(tab.heard).toEqual([`signed-out ${A}`]);
  expect(world.server.logouts).toBe(0);
  expect(await databases()).toContain(`timeweft:${URL_}/ann`);
});

test('edits that were not read yet count as unsent', async () => {
  await before(async tab => {
    world.server.reachable = false;
    await tab.show(A);
    tab.edit(A, 1, 'unsent');
  });
  await run();
  const upstream = new FakeChannel(upstreamChannel(URL_));
  const tab = await Tab.open(world, 'one');
  upstream.postMessage({ type: 'sign-out', tab: 'one', discard: false });
  await settle();
  expect(tab.heard.at(-1)).toBe(`signed-out ${A}`);
});

test('signing out ends the session, deletes the data and begins anew', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  tab.edit(A, 1, 'x');
  await settle();
  const { epoch } = tab;
  tab.heard.length = 0;
  tab.say({ type: 'sign-out', discard: true });
  await settle();
  expect(tab.heard).toEqual(['status signed-out', 'here signed-out nobody', 'signed-out']);
  expect(tab.epoch).not.toBe(epoch);
  expect(world.server.logouts).toBe(1);
  expect(FakeSocket.last.readyState).toBe(3);
  expect(await databases()).toEqual([`timeweft:${URL_}`]);
});

test('signing out deletes the data also where databases can not be listed', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  tab.edit(A, 1, 'x');
  await settle();
  const list = indexedDB.databases.bind(indexedDB);
  Object.defineProperty(indexedDB, 'databases', { value: undefined });
  tab.say({ type: 'sign-out', discard: true });
  await settle();
  expect((await list()).map(({ name }) => name)).toEqual([`timeweft:${URL_}`]);
});

test.each(['before the sign-out has begun', 'while it is under way'])('an answer that comes %s does not sign in again', async when => {
  await run();
  const tab = await Tab.open(world, 'one');
  // The connection is lost, and the next attempt is about to hear that it is still Ann.
  const answers: (() => void)[] = [];
  const { fetch } = world.server;
  vi.stubGlobal('fetch', async (input: string, init: RequestInit) => {
    const response = await fetch(input, init);
    if (input.endsWith('/me')) await new Promise<void>(resolve => answers.push(resolve));
    return response;
  });
  FakeSocket.last.drop();
  await pass(250);
  // The sign-out has to wait for what is being read: it may hold unsent edits.
  let read = (): void => undefined;
  vi.spyOn(Storage.prototype, 'load').mockReturnValue(new Promise(resolve => (read = () => resolve({ snapshot: undefined, journal: undefined }))));
  tab.say({ type: 'open', entity: A });
  tab.say({ type: 'sign-out', discard: false });
  await settle();
  const [answerMe] = answers;
  expect(answerMe).toBeDefined();
  if (when === 'while it is under way') {
    answerMe?.();
    await settle();
    read();
  } else {
    read();
    answerMe?.();
  }
  await settle();
  for (const late of answers) late();
  await settle();
  expect(running.replicas.calls.filter(call => call.startsWith('start'))).toEqual(['start ann']);
  expect(tab.messages.findLast(message => message.type === 'here')).toMatchObject({ me: null });
  expect(await databases()).toEqual([`timeweft:${URL_}`]);
});

test('signing out while the network is gone for a moment is made good by itself, though nobody notices that it was gone', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  world.server.reachable = false;
  tab.say({ type: 'sign-out', discard: false });
  await settle();
  expect(world.server.logouts).toBe(0);
  await pass(1_500);
  world.server.reachable = true;
  await pass(3_000);
  expect(world.server.logouts).toBe(1);
  await pass(60_000);
  expect(world.server.logouts).toBe(1);
});

test('signing out offline is made good before the cookie is believed again', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  world.server.reachable = false;
  tab.say({ type: 'sign-out', discard: false });
  await settle();
  expect(tab.heard.at(-1)).toBe('signed-out');
  await running.stop();
  world.server.reachable = true;
  expect(world.server.me).toEqual(ann);
  await run();
  await settle();
  expect(world.server.logouts).toBe(1);
  const next = await Tab.open(world, 'two');
  expect(next.heard).toEqual(['welcome signed-out nobody']);
});

test('who signs in is worked for at once, and the tab is told', async () => {
  world.server.me = null;
  await run();
  const tab = await Tab.open(world, 'one');
  expect(tab.heard).toEqual(['welcome signed-out nobody']);
  world.server.me = ann;
  tab.say({ type: 'signed-in', me: ann });
  await settle();
  expect(tab.heard.slice(1)).toEqual(['here signed-out ann', 'status connecting', 'signed-in ann', 'status online']);
  expect(running.replicas.person).toBe('ann');
});

test('a session that is over leaves the data until somebody else signs in', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  running.replicas.extra['receive'] = [{ tag: 'unauthorized' }];
  world.server.me = null;
  FakeSocket.last.say('401');
  await settle();
  expect(tab.heard.at(-1)).toBe('status signed-out');
  tab.edit(A, 1, 'x');
  await settle();
  expect(tab.heard.at(-1)).toBe(`kept ${A} one 1`);
  expect(running.instances).toHaveLength(1);
  // The same person again: the same epoch goes on.
  const { epoch } = tab;
  world.server.me = ann;
  tab.say({ type: 'signed-in', me: ann });
  await settle();
  expect(FakeSocket.last.sent).toEqual([`patch ${A}`]);
  expect(tab.epoch).toBe(epoch);
});

/** As somebody does who clears the site's data, or a browser that needs the space. */
const clearData = async (cookie: boolean): Promise<void> => {
  if (cookie) world.server.me = null;
  for (const name of await databases()) await deleteDB(name);
  await settle();
};

test("who has cleared the site's data is signed out, in every tab that is still there and in those that come", async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  await clearData(true);
  expect(tab.heard.at(-1)).toBe('here signed-out nobody');
  const next = await Tab.open(world, 'two');
  expect(next.heard).toEqual(['welcome signed-out nobody']);
  expect(await databases()).toEqual([`timeweft:${URL_}`]);
  // And in again.
  world.server.me = ann;
  tab.say({ type: 'signed-in', me: ann });
  await settle();
  expect(tab.heard.at(-1)).toBe('status online');
});

test('who has cleared the data while edits were unsent is told which', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  tab.edit(A, 1, 'unsent');
  await settle();
  await clearData(true);
  expect(tab.messages.findLast(message => message.type === 'here')).toMatchObject({ me: null, warnings: [{ code: 'edits-dropped' }] });
});

test('where the database was deleted and the session was not, all begins anew when the server has everything', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  tab.edit(A, 1, 'unsent');
  await settle();
  const { epoch } = tab;
  await clearData(false);
  await pass(5_000);
  expect(tab.epoch).toBe(epoch);
  running.replicas.waiting.clear();
  await pass(1_000);
  expect(tab.epoch).not.toBe(epoch);
  expect(tab.messages.findLast(message => message.type === 'here')).toMatchObject({ me: ann, status: 'online', warnings: [] });
  // And is remembered for the next time.
  await running.stop();
  world.server.reachable = false;
  await run();
  expect((await Tab.open(world, 'two')).heard).toEqual(['welcome offline ann']);
});

test('another person by the cookie: the first one is forgotten, and nothing of theirs is sent', async () => {
  await before(async tab => {
    world.server.reachable = false;
    await tab.show(A);
    tab.edit(A, 1, 'unsent');
  });
  world.server.reachable = true;
  world.server.me = bob;
  await run();
  const tab = await Tab.open(world, 'one');
  expect(FakeSocket.last.sent).toEqual([]);
  expect(running.replicas.person).toBe('bob');
  expect(await databases()).toEqual([`timeweft:${URL_}`, `timeweft:${URL_}/bob`]);
  const [welcome] = tab.messages;
  expect(welcome).toMatchObject({ type: 'welcome', status: 'online', me: bob, warnings: [{ code: 'edits-dropped' }] });
  await tab.show(A, 'bob');
  expect(tab.heard.at(-1)).toBe(`reset "" ${A}`);
});

test('another person while tabs are open is a new epoch', async () => {
  await run();
  const tab = await Tab.open(world, 'one');
  await tab.show(A);
  const { epoch } = tab;
  world.server.me = bob;
  FakeSocket.last.drop();
  await pass(1_000);
  expect(tab.heard.slice(-3)).toEqual(['status connecting', 'here connecting bob', 'status online']);
  expect(tab.epoch).not.toBe(epoch);
  tab.say({ type: 'open', entity: A });
  await settle();
  expect(tab.heard.at(-1)).toBe('status online');
});
