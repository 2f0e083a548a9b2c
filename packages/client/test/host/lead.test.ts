import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { lead } from '../../src/lead.js';
import { browser, settle, tidy, URL_ } from './fakes.js';

type Load = NonNullable<Parameters<typeof lead>[1]>;

let log: string[];
let target: EventTarget;
/** Whether the next host can begin. */
let works: boolean;

const load =
  (name: string): Load =>
  async () => ({
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
  works = true;
});
afterEach(tidy);

test('one leads, and the next one when it ends', async () => {
  const one = lead(URL_, load('one'));
  const two = lead(URL_, load('two'));
  await Promise.all([one.started, two.started]);
  expect(log).toEqual(['one starts']);
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
