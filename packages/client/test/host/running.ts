/** What the tests of the host begin with: a browser, and the host that runs in it. It is stopped after each. */

import { afterEach, beforeEach, vi } from 'vitest';
import { browser, FakeSocket, settle, tidy, type Browser } from './fakes.js';
import { host, Tab, type Hosted } from './person.js';

export const A = 'note:a';
export const B = 'note:b';

export let world: Browser;
export let running: Hosted;

beforeEach(() => {
  world = browser();
  vi.spyOn(Math, 'random').mockReturnValue(1);
});
afterEach(async () => {
  const stopped = running.stop();
  await settle();
  await stopped;
  tidy();
});

/** Begins, once more where one has run before. */
export const run = async (): Promise<void> => {
  running = await host();
};

/** A host that ran before, and what it left in the browser. */
export const before = async (work: (tab: Tab, host: Hosted) => Promise<void>): Promise<void> => {
  await run();
  const tab = await Tab.open(world, 'earlier');
  await work(tab, running);
  await settle();
  tab.end();
  await running.stop();
  FakeSocket.all.length = 0;
};
