// @vitest-environment happy-dom
// The README's code is the examples, and they work. `tests/browser` runs the quick start in a browser, as it stands.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { act, createElement } from 'react';
import { createRoot } from 'react-dom/client';
import { flushSync, mount, unmount, type Component } from 'svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeHost } from './fake-host.js';

const ID = 'note:quick-start';
const folder = join(dirname(fileURLToPath(import.meta.url)), '..');
const read = (path: string) => readFileSync(join(folder, path), 'utf8');
const until = (check: () => unknown) => vi.waitFor(() => expect((flushSync(), check())).toBeTruthy(), { interval: 2, timeout: 3_000 });

let host: FakeHost;
let page: HTMLElement;

// The examples make their client when they are loaded.
vi.mock('timeweft', async original => ({ ...(await original<object>()), createClient: () => host.client() }));

beforeEach(() => {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  host = new FakeHost();
  host.store(ID, { title: 'Tea', blob: 'Green, in the morning.' });
  page = document.createElement('div');
  document.body.append(page);
});
afterEach(() => {
  page.remove();
  host.close();
});

test.each(['quick-start.html', 'quick-start.js', 'quick-start.svelte', 'quick-start.tsx', 'trpc.ts'])('the README has %s as it stands', file => {
  const language = file.slice(file.lastIndexOf('.') + 1);
  expect(read('README.md')).toContain(`\`\`\`${language}\n${read(`examples/${file}`)}\`\`\`\n`);
});

test('links of the README lead to files and headings', () => {
  const readme = read('README.md');
  const anchorOf = (heading: string) => heading.toLowerCase().replace(/[^\w\s-]/g, '').trim().replaceAll(' ', '-');
  const anchorsIn = (text: string) => [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!));
  for (const [, target] of readme.matchAll(/\]\(([^)]+)\)/g)) {
    if (target!.startsWith('https:')) continue;
    const [path, anchor] = target!.split('#');
    const text = path ? read(path) : readme;
    if (anchor) expect(anchorsIn(text), target).toContain(anchor);
  }
});

test('the sizes that the README promises are those that the build checks', () => {
  const limits = read('build.mjs').match(/^const LIMITS = .*$/m)?.[0] ?? '';
  const [tab, host] = ['tab', 'host'].map(what => Number(limits.match(new RegExp(`${what}: ([\\d_]+)`))?.[1]?.replaceAll('_', '')) / 1000);
  expect(read('README.md').replaceAll('\n', ' ')).toMatch(new RegExp(`limits: ${tab} KB .*, ${host} KB`));
});

test('the Svelte example shows and edits a note', async () => {
  const { default: App } = (await import('../examples/quick-start.svelte')) as { default: Component };
  const app = mount(App, { target: page });
  await until(() => page.textContent?.includes('4 words'));
  const input = page.querySelector('input')!;
  expect(input.value).toBe('Tea');
  input.value = 'Coffee';
  input.dispatchEvent(new Event('input', { bubbles: true }));
  await until(() => page.querySelector('h1')?.textContent === 'Coffee');
  page.querySelector('button')!.click();
  await until(() => page.querySelector('h1')?.textContent === 'Tea');
  await unmount(app);
});

test('the React example shows and edits a note', async () => {
  const { App } = await import('../examples/quick-start.tsx');
  const root = createRoot(page);
  await act(() => root.render(createElement(App)));
  await act(() => until(() => page.textContent?.includes('22 characters')));
  const input = page.querySelector('input')!;
  expect(input.value).toBe('Tea');
  await act(() => {
    // React keeps track of what it has set itself.
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')!.set!.call(input, 'Coffee');
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
  expect(input.value).toBe('Coffee');
  await act(() => until(() => !page.querySelector('button')!.disabled));
  await act(() => page.querySelector('button')!.click());
  await act(() => until(() => input.value === 'Tea'));
  await act(() => root.unmount());
});
