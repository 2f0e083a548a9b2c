// @vitest-environment happy-dom

import { NetworkError, type Client, type Listed, type Membership, type Meta, type Organisation, type Role } from 'timeweft';
import { beforeEach, expect, test } from 'vitest';
import { keptList } from '../src/lib/kept-list.ts';
import { MOST, Notebook } from '../src/lib/notebook.svelte.ts';

const TIME = Date.UTC(2026, 10, 21);
const instant = (time: number): string => new Date(time).toISOString().replace('Z', '000Z');

/** An entity in memory, as much as a notebook uses. */
class Fake {
  value: unknown;
  meta: Partial<Meta> | undefined;
  role: string | undefined;
  status = 'saved';
  readonly #watchers = new Set<() => void>();
  subscribe = (fn: () => void) => (fn(), this.onChange(fn));
  onChange = (fn: () => void) => (this.#watchers.add(fn), () => void this.#watchers.delete(fn));
  get = () => this.value;
  load = async () => this.value;
  saved = async () => undefined;
  set = (value: unknown) => this.is(value);
  update = (fn: (value: object) => void) => {
    const draft = structuredClone(this.value) as object;
    fn(draft);
    this.is(draft);
  };
  delete = () => this.is(undefined);
  undelete = () => this.is({ title: 'Back', blob: '' });

  is(value: unknown, time?: number, role?: string): void {
    this.value = value;
    if (time) this.meta = { validFrom: instant(time) };
    if (role) this.role = role;
    for (const fn of this.#watchers) fn();
  }
}

/** A client of Ann's, and what the server lists. */
function client() {
  const entities = new Map<string, Fake>();
  const entity = (id: string) => entities.get(id) ?? (entities.set(id, new Fake()), entities.get(id) as Fake);
  const listed = new Map<string, number>();
  const server = { error: undefined as Error | undefined, asked: 0 };
  async function* list(type: string): AsyncGenerator<Listed> {
    server.asked += 1;
    if (server.error) throw server.error;
    for (const [id, time] of listed) yield { entityId: `${type}:${id}`, validFrom: instant(time), personId: 'ann' };
  }
  async function* orgs(): AsyncGenerator<Membership> {
    for (const id of memberships) yield { entityId: id, role: 'editor', ...(entity(id).value as Organisation) };
  }
  const memberships = new Set<string>();
  const team = (id: string, name: string | undefined, role: Role = 'editor') => {
    memberships.add(id);
    const value: Organisation = { nodes: { all: {} }, grants: { ann: { all: role } }, ...(name !== undefined && { name }) };
    entity(id).is(value, TIME, role);
  };
  const me = { personId: 'ann', email: 'ann.b@example.org' };
  const made = { me, status: 'online', entity, list, orgs, onStatus: () => () => undefined } as unknown as Client;
  const there = (id: string, title: string, time: number, role = 'admin') => {
    listed.set(id, time);
    entity(`page:${id}`).is({ title, blob: '' }, time, role);
  };
  return { client: made, entity, listed, server, there, team, memberships };
}

beforeEach(() => localStorage.clear());

test('it lists what the server says, newest first, by the titles that the notes have', async () => {
  const { client: ann, there, entity } = client();
  there('a', 'A', TIME);
  there('b', 'B', TIME + 1000, 'viewer');
  const notebook = new Notebook(ann);
  expect(notebook.known).toBe(false);
  await notebook.refresh();
  expect(notebook.list.map(({ id, title, mayChange }) => [id, title, mayChange])).toEqual([['b', 'B', false], ['a', 'A', true]]);
  entity('page:a').is({ title: 'A2', blob: '' }, TIME + 5000);
  expect(notebook.list.map(({ title }) => title)).toEqual(['A2', 'B']);
});

test('what is deleted or withdrawn has no place any more, and what is no text no title', async () => {
  const { client: ann, there, entity, listed } = client();
  there('a', 'A', TIME);
  there('b', 'B', TIME - 1);
  const notebook = new Notebook(ann);
  await notebook.refresh();
  entity('page:a').is(undefined);
  entity('page:b').is({ title: { not: 'a text' }, blob: '' });
  expect(notebook.list.map(({ id, title }) => [id, title])).toEqual([['b', '']]);
  listed.delete('a');
  await notebook.refresh();
  expect(keptList('notes', 'ann')).toEqual(['b']);
});

test('a note that was just made is there before the server knows it, and stays while it was not sent', async () => {
  const { client: ann, server } = client();
  const notebook = new Notebook(ann);
  const id = notebook.create();
  expect(notebook.list.map((note) => note.id)).toEqual([id]);
  await notebook.refresh();
  expect(server.asked).toBeGreaterThan(0);
  expect(notebook.list.map((note) => note.id)).toEqual([id]);
});

test('no more are listed than it can follow, and it says so', async () => {
  const { client: ann, there } = client();
  for (let n = 0; n <= MOST; n++) there(`n${n}`, `N${n}`, TIME + n);
  const notebook = new Notebook(ann);
  await notebook.refresh();
  expect(notebook.more).toBe(true);
  expect(notebook.list.length).toBe(MOST);
  expect(notebook.list[0]?.id).toBe(`n${MOST}`);
});

test('what it listed last is listed without a connection, to the same person only', async () => {
  const { client: ann, there, server } = client();
  there('a', 'A', TIME);
  await new Notebook(ann).refresh();
  server.error = new NetworkError('network', 'no');
  const later = new Notebook(ann);
  await later.refresh();
  expect(later.problem).toBeUndefined();
  expect(later.list.map(({ title }) => title)).toEqual(['A']);
  expect(keptList('notes', 'bob')).toEqual([]);
});

test('a list that can\'t be read changes nothing, and says why', async () => {
  const { client: ann, there, server } = client();
  there('a', 'A', TIME);
  const notebook = new Notebook(ann);
  await notebook.refresh();
  server.error = new Error('out of order');
  await notebook.refresh();
  expect(notebook.problem).toBe('out of order');
  expect(notebook.list.length).toBe(1);
});

test('a person has the name of their address until they choose another, and others the one that they tell', async () => {
  const { client: ann, entity } = client();
  const notebook = new Notebook(ann);
  expect(notebook.name('ann')).toBe('ann.b');
  await notebook.begin();
  expect(entity('person:ann').value).toEqual({ public: { name: 'ann.b' } });
  notebook.introduce({ name: 'Ann', color: 190 });
  await notebook.begin();
  expect(entity('person:ann').value).toEqual({ public: { name: 'Ann', color: 190 } });
  expect([notebook.name('ann'), notebook.color('ann'), notebook.who('ann')]).toEqual(['Ann', 190, 'You']);
  expect([notebook.name('bob'), notebook.knows('bob')]).toEqual(['Somebody', false]);
  notebook.meet([{ personId: 'bob', role: 'viewer', public: { name: 'Bob', color: 25 } }]);
  expect([notebook.name('bob'), notebook.color('bob'), notebook.knows('bob')]).toEqual(['Bob', 25, true]);
});

test('teams are the organisations that have a name, and a note of one says so', async () => {
  const { client: ann, there, team, entity, memberships } = client();
  there('a', 'A', TIME);
  there('b', 'B', TIME - 1);
  team('org:kitchen', 'The kitchen');
  team('org:garden', 'Garden', 'viewer');
  team('org:small', undefined);
  entity('org:kitchen').update((value) => Object.assign(value, { attached: { 'page:a': 'all' } }));
  const notebook = new Notebook(ann);
  await notebook.refresh();
  const { teams } = notebook;
  expect(teams.list.map(({ name, node, mayShare }) => [name, node, mayShare])).toEqual([['Garden', undefined, false], ['The kitchen', 'all', false]]);
  expect(notebook.list.map(({ id, team }) => [id, team?.name])).toEqual([['a', 'The kitchen'], ['b', undefined]]);
  teams.choose('org:kitchen');
  const id = notebook.create(teams.chosen);
  expect(entity('org:kitchen').value).toMatchObject({ attached: { 'page:a': 'all', [`page:${id}`]: 'all' } });
  expect(notebook.list.find((note) => note.id === id)?.team?.name).toBe('The kitchen');
  expect(keptList('teams', 'ann')).toEqual(['org:kitchen', 'org:garden']);
  // Who was let go has nothing chosen that is not there.
  memberships.delete('org:kitchen');
  entity('org:kitchen').is(undefined);
  await teams.refresh();
  expect([teams.chosen, teams.list.map(({ name }) => name)]).toEqual([undefined, ['Garden']]);
});

test('a team that is made here is there at once, and its maker\'s', async () => {
  const { client: ann, entity } = client();
  const { teams } = new Notebook(ann);
  teams.create('Crew');
  expect(teams.chosen?.name).toBe('Crew');
  await teams.refresh();
  const [made] = teams.list;
  expect(entity(made?.id ?? '').value).toEqual({ name: 'Crew', nodes: { all: {} }, grants: { ann: { all: 'admin' } } });
  teams.rename(made?.id ?? '', 'Night crew');
  expect(teams.list[0]?.name).toBe('Night crew');
  teams.remove(made?.id ?? '');
  expect(teams.list).toEqual([]);
});
