import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Tabs } from '../../src/host/tabs.js';
import { ackChannel, entityChannel, tabChannel, tabLock, type Said, type ToEntity } from '../../src/messages.js';
import { browser, FakeChannel, pass, settle, tidy, URL_, type FakeLocks } from './fakes.js';

const A = 'note:a';
const said = (...said: Said[]): ToEntity => ({ epoch: 'e', said });
const state = said({ type: 'state', state: new Uint8Array() });
const show = said({ type: 'show', seq: 1, patch: new Uint8Array() }, { type: 'state', state: new Uint8Array() });

let locks: FakeLocks;
let tabs: Tabs;
let log: string[];
let acks: FakeChannel;

beforeEach(() => {
  ({ locks } = browser());
  log = [];
  tabs = new Tabs(URL_, { gone: tab => log.push(`gone ${tab}`), silent: (entity, tab) => log.push(`silent ${entity} ${tab}`) });
  acks = new FakeChannel(ackChannel(URL_));
  acks.onmessage = () => tabs.echoed();
});
afterEach(() => {
  tabs.close();
  tidy();
});

/** A tab that lives until what is returned is called. */
const live = async (tab: string): Promise<() => void> => {
  const release = locks.hold(tabLock(URL_, tab));
  await settle();
  tabs.add(tab, true);
  tabs.open('ann', A, tab);
  return release;
};

test('a tab whose lock is free is gone, and has left its entities', async () => {
  const end = await live('one');
  await live('two');
  await pass(60_000);
  expect(log).toEqual([]);
  end();
  await settle();
  expect(log).toEqual(['gone one']);
  expect([tabs.has('one'), tabs.isOpen(A, 'one'), tabs.isOpen(A, 'two')]).toEqual([false, false, true]);
});

test('a tab that says so is gone once', async () => {
  const end = await live('one');
  tabs.remove('one');
  end();
  await settle();
  expect(log).toEqual(['gone one']);
});

test('a tab that greets is there, also where its lock is one that is not seen', async () => {
  tabs.add('one', true);
  tabs.open('ann', A, 'one');
  await settle();
  expect(log).toEqual([]);
  tabs.toEntity(A, show);
  await pass(5_000);
  expect(log).toEqual([`silent ${A} one`]);
});

test('the last word of a tab that is gone does not bring it back', async () => {
  const end = await live('one');
  end();
  await settle();
  tabs.add('one', false);
  await settle();
  expect(log).toEqual(['gone one', 'gone one']);
  expect(tabs.size).toBe(0);
});

test('without locks tabs stay until they do not ack', async () => {
  vi.stubGlobal('navigator', {});
  tabs.add('one', true);
  tabs.open('ann', A, 'one');
  tabs.toEntity(A, show);
  await pass(5_000);
  expect(log).toEqual([`silent ${A} one`]);
});

test('who does not ack within five seconds has left that entity', async () => {
  await live('one');
  await live('two');
  tabs.toEntity(A, show);
  tabs.acked(A, 'two');
  await pass(4_900);
  expect(log).toEqual([]);
  await pass(200);
  expect(log).toEqual([`silent ${A} one`]);
  expect([tabs.has('one'), tabs.isOpen(A, 'one'), tabs.isOpen(A, 'two')]).toEqual([true, false, true]);
});

test('later messages give no later date', async () => {
  await live('one');
  for (let round = 0; round < 5; round++) {
    tabs.toEntity(A, show);
    await pass(1_000);
  }
  expect(log).toEqual([`silent ${A} one`]);
});

test('only the tab that a message is for must ack it', async () => {
  await live('one');
  await live('two');
  tabs.toEntity(A, said({ type: 'reset', to: 'two', seq: 1, ops: {} }));
  await pass(5_000);
  expect(log).toEqual([`silent ${A} two`]);
});

test('nothing is waited for when nothing is owed', async () => {
  await live('one');
  tabs.toEntity(A, state);
  expect(vi.getTimerCount()).toBe(0);
  tabs.toEntity(A, show);
  expect(vi.getTimerCount()).toBe(1);
  tabs.acked(A, 'one');
  expect(vi.getTimerCount()).toBe(0);
});

test('after a sleep the acks that are on their way are waited for', async () => {
  await live('one');
  tabs.toEntity(A, show);
  // The machine sleeps: time passes and timers do not run.
  vi.setSystemTime(Date.now() + 3_600_000);
  await pass(5_000);
  expect(log).toEqual([]);
  tabs.acked(A, 'one');
  await pass(60_000);
  expect(log).toEqual([]);
});

test('an ack that comes late, but before what was sent behind it, is in time', async () => {
  await live('one');
  await live('two');
  let echo = (): void => undefined;
  acks.onmessage = () => (echo = () => tabs.echoed());
  tabs.toEntity(A, show);
  await pass(20_000);
  expect(log).toEqual([]);
  tabs.acked(A, 'one');
  echo();
  expect(log).toEqual([`silent ${A} two`]);
  tabs.toEntity(A, show);
  await pass(4_900);
  echo();
  expect(log).toEqual([`silent ${A} two`]);
});

test('an entity has a channel while a tab has it open', async () => {
  const name = entityChannel(URL_, 'ann', A);
  const channels = (): number => [...FakeChannel.all].filter(channel => channel.name === name).length;
  const end = await live('one');
  await live('two');
  expect(channels()).toBe(1);
  end();
  await settle();
  expect(channels()).toBe(1);
  tabs.leave(A, 'two');
  expect(channels()).toBe(0);
  tabs.toEntity(A, show);
  expect(vi.getTimerCount()).toBe(0);
});

test('a tab is spoken to on its own channel', async () => {
  const heard: unknown[] = [];
  const channel = new FakeChannel(tabChannel(URL_, 'one'));
  channel.onmessage = ({ data }) => heard.push(data);
  await live('one');
  await live('two');
  tabs.toTab('one', { type: 'reopen', entity: A });
  tabs.toTab('two', { type: 'reopen', entity: A });
  await settle();
  expect(heard).toEqual([{ type: 'reopen', entity: A }]);
});
