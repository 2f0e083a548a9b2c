// @vitest-environment happy-dom

import { flushSync, mount, unmount } from 'svelte';
import type { Choice, Conflict } from 'timeweft';
import { afterEach, expect, test, vi } from 'vitest';
import ConflictView from '../src/lib/Conflict.svelte';

vi.mock('../src/lib/context.ts', () => ({ notebookContext: () => ({ name: () => 'Bob' }) }));

let stop: (() => unknown) | undefined;

function shown(parts: Partial<Conflict>, current: unknown = { title: 'Tea', blob: 'Drink the tea at noon.' }) {
  const chosen: Choice[] = [];
  const plain = { id: 1, path: ['blob'], range: undefined, absent: false, base: 'one', mine: 'noon', theirs: 'one', meta: undefined, error: undefined };
  const conflict = { ...plain, ...parts, resolve: (choice: Choice) => chosen.push(choice) };
  const component = mount(ConflictView, { target: document.body, props: { conflict: conflict as unknown as Conflict, current } });
  flushSync();
  stop = () => unmount(component);
  const button = (name: string) => [...document.querySelectorAll('button')].find((one) => one.textContent === name);
  return { chosen, button };
}

afterEach(() => stop?.());

test('of a stretch of a text both can be kept, and it is shown where it is', () => {
  const { chosen, button } = shown({ range: [10, 3] });
  expect(document.querySelector('.stretch')?.textContent).toContain('Drink the tea at noon.');
  expect(document.querySelector('.stretch mark')?.textContent).toBe('tea');
  for (const name of ['Keep mine', 'Keep theirs', 'Keep both']) button(name)?.click();
  expect(chosen).toEqual(['mine', 'theirs', 'both']);
});

test('of a member there can not be both', () => {
  const { button } = shown({ path: ['starred'], mine: true, theirs: undefined });
  expect(button('Keep mine')).toBeDefined();
  expect(button('Keep both')).toBeUndefined();
  expect(document.querySelector('.stretch')).toBeNull();
});

test('of an element of a list there can, but for one that others deleted', () => {
  expect(shown({ path: ['rows', 1] }).button('Keep both')).toBeDefined();
  stop?.();
  expect(shown({ path: ['rows', 1], absent: true }).button('Keep both')).toBeUndefined();
});
