import { expect, test } from 'vitest';
import { Latest } from '../src/lib/latest.ts';

function slow() {
  const asked: string[] = [];
  const told: string[] = [];
  const wanted = new Map<string, () => boolean>();
  const open = new Map<string, { resolve(v: string): void; reject(e: unknown): void }>();
  const latest = new Latest<string, string>(
    (key, isWanted) => {
      asked.push(key);
      wanted.set(key, isWanted);
      return new Promise((resolve, reject) => open.set(key, { resolve, reject }));
    },
    (key, outcome) => told.push('value' in outcome ? `${key}=${outcome.value}` : `${key}!`),
  );
  const settle = async (key: string, fail = false) => {
    if (fail) open.get(key)?.reject(new Error());
    else open.get(key)?.resolve(key.toUpperCase());
    await new Promise((next) => setTimeout(next));
  };
  return { latest, asked, told, wanted, settle };
}

test('only the last of many wishes is loaded after the one under way, and only it is told', async () => {
  const { latest, asked, told, wanted, settle } = slow();
  for (const key of ['a', 'b', 'c', 'd']) latest.want(key);
  expect(asked).toEqual(['a']);
  expect(wanted.get('a')?.()).toBe(false);
  await settle('a');
  expect(asked).toEqual(['a', 'd']);
  expect(wanted.get('d')?.()).toBe(true);
  expect(latest.busy).toBe(true);
  await settle('d');
  expect(told).toEqual(['d=D']);
  expect(latest.busy).toBe(false);
});

test('a failure is told and may be tried again', async () => {
  const { latest, told, settle } = slow();
  latest.want('a');
  await settle('a', true);
  latest.want('a');
  await settle('a');
  expect(told).toEqual(['a!', 'a=A']);
});

test('after stop nothing is told', async () => {
  const { latest, told, settle } = slow();
  latest.want('a');
  latest.stop();
  await settle('a');
  expect(told).toEqual([]);
});
