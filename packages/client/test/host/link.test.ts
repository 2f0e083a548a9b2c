import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { browser as surroundings } from '../../src/link.js';
import { leaderLock } from '../../src/messages.js';
import { browser, pass, settle, tidy, URL_, type Browser } from './fakes.js';

const { lead } = vi.hoisted(() => ({ lead: vi.fn() }));
vi.mock('../../src/lead.js', () => ({ lead }));

let world: Browser;
let workers: Port[];
let failures: string[];

class Port {
  onmessage?: (event: { data: unknown }) => void;
  readonly postMessage = vi.fn();
  readonly close = vi.fn();
}

/** How the next ones begin. */
let begins: 'started' | 'failed' | 'refused';

class FakeWorker {
  readonly port = new Port();
  onerror: (() => void) | null = null;

  constructor() {
    if (begins === 'refused') throw new TypeError("This document requires 'TrustedScriptURL' assignment.");
    workers.push(this.port);
    const type = begins;
    void settle(2).then(() => this.port.onmessage?.({ data: { type, url: URL_, message: 'no wasm' } }));
  }
}

const start = (worker: 'shared' | 'leader' | 'auto'): (() => void) => surroundings()!.host(URL_, worker, message => failures.push(message));

beforeEach(() => {
  world = browser();
  workers = [];
  failures = [];
  begins = 'started';
  vi.stubGlobal('document', {});
  vi.stubGlobal('SharedWorker', FakeWorker);
  lead.mockReset().mockReturnValue({ started: Promise.resolve(), stop: vi.fn() });
});
afterEach(tidy);

test('a worker is started, and again when its lock is free', async () => {
  const die = world.locks.hold(leaderLock(URL_));
  const stop = start('auto');
  await pass(60_000);
  expect(workers).toHaveLength(1);
  die();
  const dieToo = world.locks.hold(leaderLock(URL_));
  await settle();
  expect(workers).toHaveLength(2);
  stop();
  dieToo();
  await pass(60_000);
  expect(workers).toHaveLength(2);
  expect(lead).not.toHaveBeenCalled();
});

test('a worker whose lock is not to be seen is asked for every ten seconds, not all the time', async () => {
  const stop = start('auto');
  for (let second = 0; second < 35; second++) await pass(1_000);
  expect(workers.length).toBeGreaterThan(1);
  expect(workers.length).toBeLessThan(6);
  stop();
});

test.each(['refused', 'failed'] as const)('where the worker is %s, the tab leads', async how => {
  begins = how;
  const stop = start('auto');
  await settle();
  expect(lead).toHaveBeenCalledTimes(1);
  stop();
});

test('where what leads can not be loaded, that is said and tried again', async () => {
  begins = 'failed';
  lead.mockImplementationOnce(() => {
    throw new TypeError('Failed to fetch dynamically imported module');
  });
  const stop = start('auto');
  await settle();
  expect(failures).toEqual([expect.stringContaining('Failed to fetch')]);
  await pass(10_000);
  expect(lead).toHaveBeenCalledTimes(2);
  stop();
});

test('a client that is closed meanwhile does not lead', async () => {
  const stop = start('leader');
  stop();
  await settle();
  expect(lead).not.toHaveBeenCalled();
});

test('where it has to be a worker, that is tried again', async () => {
  begins = 'refused';
  const stop = start('shared');
  await settle();
  expect(failures).toHaveLength(1);
  begins = 'started';
  await pass(10_000);
  expect(workers).toHaveLength(1);
  expect(lead).not.toHaveBeenCalled();
  stop();
});
