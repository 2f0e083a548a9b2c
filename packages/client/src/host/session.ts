/**
 * Who is signed in: as the server says, and as this browser remembers so that a person's data can be shown before the server has answered.
 *
 * The database `timeweft:{origin}` holds that and nothing else; a person's data is in a database of its own (`storage.ts`). What can't be
 * remembered (no IndexedDB) is asked of the server at every start: none of this is needed for being right.
 */

import { openDB, type IDBPObjectStore } from 'idb';
import type { Me, Warning } from '../messages.js';
import { foreignOrigin, isForeign, WrongServer, wrongServer } from '../reach.js';
import { within } from './storage.js';

/** How long a request may take before it counts as "no network". */
const PATIENCE = 10_000;

/** `null`: nobody is signed in. Rejects where the server can't be asked. */
export const askMe = async (url: string): Promise<Me | null> => {
  const response = await request(url, '/me');
  if (response.status === 401) return null;
  // Of what is before the server, while that is not there.
  if (response.status >= 500 || response.status === 429) throw new Error(`/me answered ${response.status}`);
  const me = (await response.json().catch(() => ({}))) as Partial<Me>;
  if (!response.ok || me.personId === undefined || me.email === undefined) throw new WrongServer(wrongServer(url, '/me', response.status));
  return me as Me;
};

/** What is to be mended, where it is not only that the server can't be reached for a while. */
export const reasonFor = async (url: string, error: unknown): Promise<Warning | undefined> => {
  if (error instanceof WrongServer) return { code: 'wrong-server', message: error.message };
  return (await isForeign(url)) ? { code: 'foreign-origin', message: foreignOrigin(url) } : undefined;
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
