// @vitest-environment happy-dom
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { HomeClient } from '../../src/client.js';
import type { Entity } from '../../src/index.js';
import { writable } from '../../src/svelte/index.js';
import { FakeHost } from '../fake-host.js';
import Form from './Form.svelte';
import Rows from './Rows.svelte';
import Runes from './Runes.svelte';
import Text from './Text.svelte';

interface Row {
  id: number;
  text: string;
}
interface List {
  title: string;
  rows: Row[];
}

const ID = 'list:one';
const ROWS = 3_000;
let host: FakeHost;
let client: HomeClient;
let entity: Entity<List>;
let target: HTMLElement;
let component: Record<string, unknown> | undefined;

const until = (check: () => unknown) => vi.waitFor(() => expect((flushSync(), check())).toBeTruthy(), { interval: 2, timeout: 3_000 });
const list = (count: number): List => ({ title: 'Weft', rows: Array.from({ length: count }, (_, id) => ({ id, text: `row ${id}` })) });
const show = async (what: unknown, props: Record<string, unknown>, count: number) => {
  host.store(ID, list(count));
  component = mount(what as never, { target, props });
  await until(() => entity.status === 'saved');
};
const type = (input: Element, text: string) => {
  (input as HTMLInputElement).value = text;
  input.dispatchEvent(new Event('input', { bubbles: true }));
  flushSync();
};
const inputs = () => [...target.querySelectorAll('input')].map(input => input.value);

beforeEach(() => {
  host = new FakeHost();
  client = host.client();
  entity = client.entity<List>(ID);
  target = document.createElement('div');
  document.body.append(target);
});
afterEach(async () => {
  if (component) await unmount(component);
  component = undefined;
  target.remove();
  host.close();
});

describe.each([
  ['the entity itself', () => entity],
  ['its writable', () => writable(entity)],
])('%s as a store', (_, store) => {
  test('of 3,000 rows the one that changes is rendered', async () => {
    const rendered: number[] = [];
    await show(Rows, { note: store(), rendered }, ROWS);
    expect(rendered).toHaveLength(ROWS);
    rendered.length = 0;
    entity.update(draft => void (draft.rows[1_234]!.text = 'mine'));
    flushSync();
    expect(rendered).toEqual([1_234]);
    await until(() => entity.status === 'saved');
    host.foreign(ID, (value: List) => ({ ...value, rows: value.rows.map(row => (row.id === 7 ? { ...row, text: 'theirs' } : row)) }));
    await until(() => entity.get()!.rows[7]!.text === 'theirs');
    expect(rendered).toEqual([1_234, 7]);
    expect(target.querySelectorAll('li')[7]!.textContent).toBe('theirs');
  });
});

describe('a writable', () => {
  test('takes bind:value, at the top and in rows', async () => {
    await show(Form, { note: writable(entity) }, 3);
    expect(inputs()).toEqual(['Weft', 'row 0', 'row 1', 'row 2']);
    type(target.querySelector('#title')!, 'Warp');
    expect(entity.get()!.title).toBe('Warp');
    expect(target.querySelector('output')!.textContent).toBe('Warp:row 0,row 1,row 2');
    const { rows } = entity.get()!;
    type(target.querySelectorAll('.row')[1]!, 'x');
    expect(entity.get()!.rows.map(({ text }) => text)).toEqual(['row 0', 'x', 'row 2']);
    expect(entity.get()!.rows[0]).toBe(rows[0]);
    type(target.querySelectorAll('.row')[1]!, 'xy');
    type(target.querySelectorAll('.row')[2]!, 'z');
    expect(target.querySelector('output')!.textContent).toBe('Warp:row 0,xy,z');
    await until(() => entity.status === 'saved');
    expect(host.value(ID)).toEqual(entity.get());
    expect(inputs()).toEqual(['Warp', 'row 0', 'xy', 'z']);
  });

  test('takes writes to rows that others have moved', async () => {
    await show(Form, { note: writable(entity) }, 3);
    host.foreign(ID, (value: List) => ({ ...value, rows: [{ id: 50, text: 'theirs' }, ...value.rows] }));
    await until(() => inputs().length === 5);
    type(target.querySelectorAll('.row')[2]!, 'mine');
    expect(entity.get()!.rows.map(({ text }) => text)).toEqual(['theirs', 'row 0', 'mine', 'row 2']);
  });

  test('takes what arrays do', async () => {
    await show(Form, { note: writable(entity) }, 1);
    target.querySelector('button')!.click();
    flushSync();
    await until(() => inputs().length === 3);
    expect(entity.get()!.rows.at(-1)).toEqual({ id: 99, text: 'new' });
    await until(() => entity.status === 'saved');
    expect(host.edits()).toHaveLength(1);
  });

  test('keeps the objects that did not change', async () => {
    const values: List[] = [];
    host.store(ID, list(3));
    const store = writable(entity);
    const stop = store.subscribe(value => value && values.push(value));
    await entity.load();
    entity.update(draft => void (draft.rows[1]!.text = 'x'));
    expect(values).toHaveLength(2);
    expect(values[1]!.rows[0]).toBe(values[0]!.rows[0]);
    expect(values[1]!.rows[2]).toBe(values[0]!.rows[2]);
    expect(values[1]!.rows[1]).not.toBe(values[0]!.rows[1]);
    stop();
  });

  test('takes writes without set, and those that meet another edit', async () => {
    host.store(ID, list(2));
    const store = writable(entity);
    let value: List | undefined;
    const stop = store.subscribe(now => (value = now));
    await entity.load();
    value!.rows[0]!.text = 'one';
    await Promise.resolve();
    expect(entity.get()!.rows[0]!.text).toBe('one');
    value!.rows[1]!.text = 'two';
    entity.update(draft => void (draft.title = 'between'));
    await Promise.resolve();
    await Promise.resolve();
    expect(entity.get()).toEqual({ title: 'between', rows: [{ id: 0, text: 'one' }, { id: 1, text: 'two' }] });
    expect(value).toEqual(entity.get());
    stop();
  });

  test('finds the place of what was read from an older value', async () => {
    host.store(ID, list(3));
    const store = writable(entity);
    let value: List | undefined;
    const stop = store.subscribe(now => (value = now));
    await entity.load();
    const second = value!.rows[1]!;
    entity.update(draft => void draft.rows.shift());
    second.text = 'mine';
    store.set(value);
    expect(entity.get()!.rows).toEqual([{ id: 1, text: 'mine' }, { id: 2, text: 'row 2' }]);
    second.text = 'again';
    store.set(value);
    expect(entity.get()!.rows[0]).toEqual({ id: 1, text: 'again' });
    stop();
  });

  test('can be set and updated as any store', async () => {
    host.store(ID, list(2));
    const store = writable(entity);
    const stop = store.subscribe(() => {});
    await entity.load();
    const { rows } = entity.get()!;
    store.update(value => ({ ...value!, title: 'x' }));
    expect(entity.get()!.title).toBe('x');
    expect(entity.get()!.rows).toBe(rows);
    store.set({ title: 'y', rows: [] });
    expect(entity.get()).toEqual({ title: 'y', rows: [] });
    store.update(value => {
      value!.rows.push({ id: 1, text: 'z' });
      return value;
    });
    expect(entity.get()!.rows).toEqual([{ id: 1, text: 'z' }]);
    stop();
  });
});

describe('runes', () => {
  test('value and status are read again when they change, each by itself', async () => {
    const runs: string[] = [];
    await show(Runes, { entity, runs }, 3);
    const text = () => (flushSync(), target.textContent!.replaceAll(/\s+/g, ' ').trim());
    await until(() => text().startsWith('Weft saved false 3'));
    runs.length = 0;
    host.setStatus(ID, 'offline');
    await until(() => text().includes('offline'));
    expect(runs).toEqual(['offline']);
    host.setStatus(ID, 'saved');
    target.querySelector('button')!.click();
    expect(text()).toContain('set');
    await until(() => text().startsWith('set saved true'));
    expect(runs.filter(run => run === 'value')).toHaveLength(1);
  });
});

test('a text field on a text of the entity, and then on another', async () => {
  await show(Text, { note: entity }, 1);
  const field = target.querySelector('textarea')!;
  expect(field.value).toBe('Weft');
  field.setSelectionRange(4, 4);
  host.foreign(ID, (value: List) => ({ ...value, title: 'The Weft' }));
  await until(() => field.value === 'The Weft');
  expect(field.selectionStart).toBe(8);
  type(field, 'The Weft!');
  expect(entity.get()!.title).toBe('The Weft!');
  target.querySelector('button')!.click();
  flushSync();
  expect(field.value).toBe('row 0');
  type(field, 'row 0?');
  expect(entity.get()).toMatchObject({ title: 'The Weft!', rows: [{ text: 'row 0?' }] });
});
