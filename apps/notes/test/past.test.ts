import type { Entity } from 'timeweft';
import { expect, test, vi } from 'vitest';
import type { Note } from '../src/lib/notebook.svelte.ts';
import { Past } from '../src/lib/past.svelte.ts';
import { previous } from '../src/lib/previous.ts';
import { PastServer, written, type Made } from './past-server.ts';

const made = written(5_000, () => 1_000_000);

function opened(versions: Made[] = made, rest = ''): { server: PastServer; past: Past } {
  const server = new PastServer(versions, rest);
  const past = new Past(server as unknown as Entity<Note>);
  past.add(server.newest);
  return { server, past };
}

const shows = (past: Past, version: number) => vi.waitFor(() => expect(past.shown?.version.version).toBe(version));

test('begins with the newest version, with two requests at most', async () => {
  const { server, past } = opened();
  expect([past.position, past.total, past.isNewest]).toEqual([5_000, 5_000, true]);
  await shows(past, 5_000);
  expect(past.shown?.value.blob).toBe('the text of version 5000');
  expect(past.shown?.before?.blob).toBe('the text of version 4999');
  expect(server.asked).toEqual(['at']);
});

test('dragged from end to end, the place follows at once and the values of few places are asked for', async () => {
  const { server, past } = opened();
  await shows(past, 5_000);
  const before = server.asked.length;
  for (let number = 5_000; number >= 1; number -= 10) {
    past.go(number);
    expect(past.position).toBe(number);
  }
  past.go(1);
  await shows(past, 1);
  expect(past.shown?.before).toBeUndefined();
  expect(server.asked.length - before).toBeLessThan(10);
});

test('steps go from version to version, over gaps in their numbers', async () => {
  const { past } = opened(made.filter(({ version }) => version % 10 === 0));
  past.step(-1);
  await shows(past, 4_990);
  past.step(-1);
  expect(past.position).toBe(4_980);
  await shows(past, 4_980);
  past.step(1);
  past.step(1);
  await shows(past, 5_000);
  expect(past.isNewest).toBe(true);
});

test('a date leads to what was there then', async () => {
  const { past } = opened();
  past.pick(Math.ceil((made[1_233] as Made).at / 1000));
  await shows(past, 1_234);
  expect(past.position).toBe(1_234);
  past.pick(NaN);
  expect(past.position).toBe(1_234);
});

test('a deletion shows what it deleted', async () => {
  const { past } = opened(made.map((one) => ({ ...one, deleted: one.version === 4_000 })));
  past.go(4_000);
  await shows(past, 4_000);
  expect(past.shown).toMatchObject({ version: { deleted: true }, value: { blob: 'the text of version 3999' } });
});

test('of long texts only what differs from the version shown is asked for', async () => {
  const { server, past } = opened(made, '.'.repeat(30_000));
  await shows(past, 5_000);
  past.go(4_900);
  await shows(past, 4_900);
  expect(server.asked.filter((one) => one.startsWith('at'))).toEqual(['at', 'at, from 5000']);
});

test('what was seen is not asked for again, and a new version is followed from the newest only', async () => {
  const { server, past } = opened(made.slice(0, 300));
  past.go(200);
  await shows(past, 200);
  past.go(201);
  await shows(past, 201);
  const before = server.asked.length;
  past.go(200);
  await shows(past, 200);
  expect(server.asked.length).toBe(before);
  server.made = made.slice(0, 301);
  past.add(server.newest);
  expect([past.position, past.total]).toEqual([200, 301]);
  past.go(301);
  server.made = made.slice(0, 302);
  past.add(server.newest);
  await shows(past, 302);
});

test('a failure is told, and the same place may be tried again', async () => {
  const { server, past } = opened();
  const { at } = server;
  server.at = () => Promise.reject(new Error('cut'));
  past.go(10);
  await vi.waitFor(() => expect(past.failure).toBe('cut'));
  server.at = at;
  past.again();
  await shows(past, 10);
  expect(past.failure).toBeUndefined();
});

test('what a note was before follows from its version', () => {
  const note = { title: 'Tea', blob: 'one two three' };
  expect(previous(note, undefined)).toBeUndefined();
  expect(previous(note, {})).toEqual(note);
  expect(previous(note, { title: 'Te' })).toEqual({ title: 'Te', blob: 'one two three' });
  expect(previous(note, { blob: undefined })).toEqual({ title: 'Tea', blob: '' });
  expect(previous(note, { blob: { $text: [4, -4, '2 '] } })).toEqual({ title: 'Tea', blob: 'one 2 three' });
  expect(previous(note, { blob: { $text: ['zero ', 4, 'and '] } })?.blob).toBe('zero one and two three');
  expect(previous(note, { blob: { $replace: { a: 1 } } })?.blob).toBe('');
  expect(previous(note, { $replace: { title: 'T', blob: 'b', more: 1 } })).toEqual({ title: 'T', blob: 'b' });
});
