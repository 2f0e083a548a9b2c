/** What the tests of entities begin with: a note in a host, and an entity that shows it. */

import { afterEach, beforeEach, expect, vi } from 'vitest';
import type { Entity } from '../../src/index.js';
import { FakeHost } from '../fake-host.js';

export interface Row {
  id: number;
  text: string;
}
export interface Note {
  title: string;
  rows: Row[];
}

export const ID = 'note:one';
export const note = (): Note => ({ title: 'Weft', rows: [{ id: 1, text: 'a' }, { id: 2, text: 'b' }, { id: 3, text: 'c' }] });

/** That of the test that runs. */
export let host: FakeHost;
export const until = (check: () => unknown) => vi.waitFor(() => expect(check()).toBeTruthy(), { interval: 2, timeout: 3_000 });
/** Long enough for everything that is under way to arrive. */
export const quiet = () => new Promise(resolve => setTimeout(resolve, 25));
export const isClean = (entity: Entity) => until(() => entity.status === 'saved');

beforeEach(() => {
  host = new FakeHost();
});
afterEach(() => {
  host.close();
  vi.restoreAllMocks();
});

export const opened = async (options = {}): Promise<{ entity: Entity<Note>; values: (Note | undefined)[]; stop: () => void }> => {
  host.store(ID, note());
  const entity = host.client(options).entity<Note>(ID);
  const values: (Note | undefined)[] = [];
  const stop = entity.subscribe(value => void values.push(value));
  await until(() => entity.status === 'saved');
  return { entity, values, stop };
};
