import type { Client, Listed } from 'timeweft';
import { expect, test } from 'vitest';
import { discover } from '../src/lib/discover.ts';
import type { Entry, Notebook } from '../src/lib/notebook.svelte.ts';

const TIME = Date.UTC(2026, 10, 21);

/** A notebook with those entries, where `notes` are there, by title; what it is told to change. */
function opened(entries: Record<string, Entry>, notes: Record<string, string | Error>) {
  const loaded: string[] = [];
  const told: { entries: Record<string, Entry>; gone: readonly string[] }[] = [];
  const notebook = {
    list: Object.entries(entries).map(([id, entry]) => ({ id, ...entry })),
    note: (id: string) => ({
      load: () => {
        loaded.push(id);
        const title = notes[id];
        if (title instanceof Error) return Promise.reject(title);
        return Promise.resolve(title === undefined ? undefined : { title, blob: '' });
      },
    }),
    agree: (changed: ReadonlyMap<string, Entry>, gone: readonly string[]) =>
      told.push({ entries: Object.fromEntries(changed), gone }),
  };
  return { notebook: notebook as unknown as Notebook, loaded, told };
}

/** A server with those notes. */
function serving(ids: Record<string, number>): Pick<Client, 'list'> {
  return {
    async *list(type: string): AsyncGenerator<Listed> {
      for (const [id, time] of Object.entries(ids)) {
        const validFrom = new Date(time).toISOString().replace('Z', '000Z');
        yield { entityId: `${type}:${id}`, validFrom, personId: 'ann' };
      }
    },
  };
}

test('notes that others made are put in with their titles, the notebook itself is not', async () => {
  const { notebook, loaded, told } = opened({ old: { title: 'Old', updated: TIME } }, { made: 'Made elsewhere' });
  await discover(serving({ old: TIME, made: TIME + 5, 'notes-index': TIME, 'notes-people': TIME }), notebook);
  expect(told).toEqual([{ entries: { made: { title: 'Made elsewhere', updated: TIME + 5 } }, gone: [] }]);
  expect(loaded).toEqual(['made']);
});

test('a title is read again when the note is much newer than its entry', async () => {
  const { notebook, told } = opened({ a: { title: 'A', updated: TIME }, b: { title: 'B', updated: TIME } }, { a: 'A2', b: 'B2' });
  await discover(serving({ a: TIME + 3_600_000, b: TIME + 1_000 }), notebook);
  expect(told).toEqual([{ entries: { a: { title: 'A2', updated: TIME + 3_600_000 } }, gone: [] }]);
});

test('what is on no list is taken out if it is gone, and stays if it is here or not known', async () => {
  const entry = { title: '', updated: TIME };
  const { notebook, told } = opened({ gone: entry, offline: entry, secret: entry }, { offline: 'Made offline', secret: new Error('no') });
  await discover(serving({}), notebook);
  expect(told).toEqual([{ entries: {}, gone: ['gone'] }]);
});

test('a list that can not be read whole changes nothing', async () => {
  const { notebook, told } = opened({ a: { title: 'A', updated: TIME } }, {});
  const broken: Pick<Client, 'list'> = {
    async *list() {
      throw new Error('not implemented');
    },
  };
  await expect(discover(broken, notebook)).rejects.toThrow('not implemented');
  expect(told).toEqual([]);
});
