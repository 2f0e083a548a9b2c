/**
 * Who is signed in: as the server says, and as this browser remembers so that a person's data can be shown before the server has answered.
 *
 * The database `timeweft:{origin}` holds that and nothing else; a person's data is in a database of its own (`storage.ts`). What can't be
 * remembered (no IndexedDB) is asked of the server at every start: none of this is needed for being right.
 */

import { openDB, type IDBPObjectStore } from 'idb';
import type { Me } from '../messages.js';
import { within } from './storage.js';

/** How long a request may take before it counts as "no network". */
const PATIENCE = 10_000;

/** `null`: nobody is signed in. Rejects where the server can't be asked. */
export const askMe = async (url: string): Promise<Me | null> => {
  const response = await request(url, '/me');
  if (response.status === 401) return null;
  if (!response.ok) throw new Error(`/me answered ${response.status}`);
  const { personId, email } = (await response.json()) as Me;
  return { personId, email };
};

/** Ends the session, whoever's it is. Rejects where the server can't be asked. */
export const endSession = async (url: string): Promise<void> => {
  const response = await request(url, '/logout', { method: 'POST' });
  if (!response.ok && response.status !== 401) throw new Error(`/logout answered ${response.status}`);
};

const request = (url: string, path: string, init?: RequestInit): Promise<Response> =>
  fetch(url + path, {
    ...init,
    credentials: 'include',
    cache: 'no-store',
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(PATIENCE),
  });

export interface Remembered {
  readonly me: Me | null;
  /** Somebody signed out while the server could not be told: its cookie still works and must not be taken for a session. */
  readonly leaving: boolean;
}

/** What this browser remembers. Failures are swallowed: see above. */
export class Memory {
  readonly #name: string;

  constructor(url: string) {
    this.#name = `timeweft:${new URL(url).origin}`;
  }

  async recall(): Promise<Remembered> {
    return (await this.#open('readonly', store => store.get('session') as Promise<Remembered | undefined>)) ?? { me: null, leaving: false };
  }

  async remember(session: Remembered): Promise<void> {
    await this.#open('readwrite', store => store.put?.(session, 'session') ?? Promise.resolve());
  }

  async #open<M extends IDBTransactionMode, T>(mode: M, use: (store: Store<M>) => Promise<T>): Promise<T | undefined> {
    try {
      const opening = openDB(this.#name, 1, { upgrade: database => void database.createObjectStore('session') });
      const database = await within(opening, late => late.close());
      const transaction = database.transaction('session', mode);
      try {
        const [result] = await Promise.all([use(transaction.store), transaction.done]);
        return result;
      } finally {
        database.close();
      }
    } catch {
      return undefined;
    }
  }
}

type Store<M extends IDBTransactionMode> = IDBPObjectStore<unknown, ['session'], 'session', M>;
