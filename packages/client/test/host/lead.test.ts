import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { lead } from '../../src/lead.js';
import { browser, pass, settle, tidy, URL_ } from './fakes.js';

type Load = NonNullable<Parameters<typeof lead>[1]>;

let log: string[];
/** Who has loaded what it needs to begin. */
let prepared: string[];
let target: EventTarget;
/** Whether the next host can begin. */
let works: boolean;

const load =
  (name: string): Load =>
  async () => ({
    prepare: async () => void prepared.push(name),
    startHost: () => {
      log.push(`${name} starts`);
      return {
        started: works ? Promise.resolve() : Promise.reject(new Error(`${name} fails`)),
        stop: async () => void log.push(`${name} stops`),
      };
    },
  });

/** As in a page. */
const page = (): void => {
  target = new EventTarget();
  vi.stubGlobal('document', {});
  vi.stubGlobal('addEventListener', target.addEventListener.bind(target));
  vi.stubGlobal('removeEventListener', target.removeEventListener.bind(target));
};

beforeEach(() => {
  browser();
  log = [];
  prepared = [];
  works = true;
});
afterEach(tidy);

test('one leads, and the next one when it ends', async () => {
  const one = lead(URL_, load('one'));
  const two = lead(URL_, load('two'));
  await Promise.all([one.started, two.started]);
  expect(log).toEqual(['one starts']);
  expect(prepared).toEqual(['two']);
  one.stop();
  await settle();
  expect(log).toEqual(['one starts', 'one stops', 'two starts']);
});

test('who waits and stops does not lead later', async () => {
  const one = lead(URL_, load('one'));
  const two = lead(URL_, load('two'));
  await settle();
  two.stop();
  one.stop();
  await settle();
  expect(log).toEqual(['one starts', 'one stops']);
});

test('hosts of different servers do not wait for each other', async () => {
  lead(URL_, load('one'));
  lead('https://other.example', load('two'));
  await settle();
  expect(log).toEqual(['one starts', 'two starts']);
});

test('a host that can not begin says so, and the next one has its turn', async () => {
  works = false;
  const one = lead(URL_, load('one'));
  await expect(one.started).rejects.toThrow('one fails');
  works = true;
  const two = lead(URL_, load('two'));
  await two.started;
  expect(log).toEqual(['one starts', 'one stops', 'two starts']);
});

/** Loads nothing while `offline`. */
let offline = false;
const fromNetwork = (name: string): Load => {
  const loaded = load(name);
  return async () => {
    log.push(`${name} loads`);
    if (offline) throw new TypeError('Failed to fetch dynamically imported module');
    return loaded();
  };
};

test('a new leader begins without a network, with what it has loaded while it waited', async () => {
  const one = lead(URL_, load('one'));
  await one.started;
  const two = lead(URL_, load('two'));
  await two.started;
  await settle();
  expect(prepared).toEqual(['two']);
  one.stop();
  await settle();
  expect(log.at(-1)).toBe('two starts');
});

test('who can not begin tries again, less and less often, and others have their turn meanwhile', async () => {
  offline = true;
  const one = lead(URL_, fromNetwork('one'));
  await expect(one.started).rejects.toThrow('Failed to fetch');
  await pass(1_000);
  await pass(2_000);
  expect(log).toEqual(['one loads', 'one loads', 'one loads']);
  // A tab that has everything.
  const two = lead(URL_, load('two'));
  await two.started;
  expect(log.at(-1)).toBe('two starts');
  await pass(4_000);
  two.stop();
  offline = false;
  await pass(60_000);
  expect(log.filter(word => word.endsWith('starts'))).toEqual(['two starts', 'one starts']);
  one.stop();
});

test('a leader that takes over while there is no network begins when there is', async () => {
  offline = true;
  const one = lead(URL_, load('one'));
  await one.started;
  const two = lead(URL_, fromNetwork('two'));
  await two.started;
  one.stop();
  await settle();
  await pass(20_000);
  expect(log).not.toContain('two starts');
  offline = false;
  await pass(30_000);
  expect(log.at(-1)).toBe('two starts');
  two.stop();
  await settle();
  expect(log.at(-1)).toBe('two stops');
});

test('without locks it begins at once', async () => {
  vi.stubGlobal('navigator', {});
  const one = lead(URL_, load('one'));
  await one.started;
  one.stop();
  await settle();
  expect(log).toEqual(['one starts', 'one stops']);
});

test('a page that is left leads no more, and again when it comes back from the cache', async () => {
  page();
  const one = lead(URL_, load('one'));
  const two = lead(`${URL_}/`, load('two'));
  await settle();
  target.dispatchEvent(new Event('pagehide'));
  await settle();
  expect(log).toEqual(['one starts', 'one stops']);
  target.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
  await settle();
  expect(log.slice(2)).toEqual(['one starts']);
  one.stop();
  two.stop();
  target.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
  await settle();
  expect(log.slice(3)).toEqual(['one stops']);
});

test('each failure to begin is told, also of who waited for its turn', async () => {
  const failures: string[] = [];
  const one = lead(URL_, load('one'));
  const two = lead(URL_, load('two'), error => failures.push(String(error)));
  await Promise.all([one.started, two.started]);
  works = false;
  one.stop();
  await settle();
  expect(failures).toEqual(['Error: two fails']);
  works = true;
  await pass(1_000);
  expect(log.at(-1)).toBe('two starts');
  expect(failures).toHaveLength(1);
  two.stop();
});
