/**
 * One person's entities in IndexedDB: `timeweft:{origin}/{personId}` with the stores `snapshots` (what the server has) and `journals` (what
 * happened since, edits that it does not have among it), both bytes by entity id, and `unsent`, which names the entities with such edits.
 *
 * - `kept` is called for edits that are on disk: after the transaction that holds them completed, with strict durability.
 * - While a transaction runs, what is to be saved gathers, the latest per entity; then it is written by the next one.
 * - What can't be written stays in memory, is what `load` gives, and is written as soon as that works. Then `kept` is called at once, since
 *   memory is all there is, and a warning says so.
 * - A database that can't be read is not written either: that would replace the edits in it.
 * - Who deletes the database (a person who clears the site's data) is not stood in the way of, and `wiped` says that what was in it is gone.
 */

import { deleteDB, openDB, type IDBPDatabase } from 'idb';
import type { Warning } from '../messages.js';
import type { Save } from './wasm.js';

/** What is saved of an entity. A journal of `null` is to be deleted, and so is an empty snapshot. */
interface Entry {
  snapshot?: Uint8Array;
  journal?: Uint8Array | null;
}

export interface Stored {
  snapshot: Uint8Array | undefined;
  journal: Uint8Array | undefined;
}

export interface StorageEvents {
  /** By tab, the last edit. */
  kept(entity: string, ops: ReadonlyMap<string, number>): void;
  /** `over`: it is no longer so. */
  warn(warning: Warning, over?: true): void;
  /** The entities with edits that the server does not have; `undefined` where that can't be known. */
  unsent(): string[] | undefined;
  /** Whether the replica of this entity is in memory, and counts on its snapshot being stored. */
  inUse(entity: string): boolean;
  /** The database was deleted under our hands, and what was stored before with it. */
  wiped(): void;
}

/** IndexedDB can wait for ever: for another context that does not close its connection, or by bugs of browsers. */
const PATIENCE = 5_000;
/** After a failed write, until the next. */
const RETRY = 30_000;

const STORES = ['snapshots', 'journals', 'unsent'] as const;
const RECORDS = ['snapshots', 'journals'] as const;

const MESSAGES = {
  'storage-full': 'The disk space that this browser grants us is used up, so edits are not kept on this device. Free some space.',
  'storage-unavailable': 'This browser lets us store nothing (a private window, or its storage is blocked), so edits are not kept on this device.',
};
type Code = keyof typeof MESSAGES;
const NEWER = 'A newer version of this app uses the storage, so edits are not kept on this device. Reload all tabs of the app.';

export class Storage {
  readonly #name: string;
  readonly #events: StorageEvents;
  /** The newest of what is not on disk. */
  readonly #dirty = new Map<string, Entry>();
  /** Those of them that wait for the next transaction, and the edits that are safe after it. */
  #waiting = new Set<string>();
  #kept = new Map<string, Map<string, number>>();
  #after: (() => void)[] = [];
  #database: IDBPDatabase | undefined;
  #connecting: Promise<IDBPDatabase> | undefined;
  /** It has been there: when it is made anew, it was deleted. */
  #existed = false;
  #writing: Promise<void> | undefined;
  /** While this is so nothing is written, but `again`: to be tried now. */
  #trouble: (Warning & { code: Code }) | undefined;
  #again = false;
  /** It could not be read: never written. */
  #sealed = false;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  private constructor(name: string, events: StorageEvents) {
    this.#name = name;
    this.#events = events;
  }

  static async open(url: string, personId: string, events: StorageEvents): Promise<Storage> {
    const storage = new Storage(prefix(url) + personId, events);
    try {
      await storage.#connected();
    } catch (error) {
      storage.#seal(error);
    }
    return storage;
  }

  /** What was saved last, on disk or not. */
  async load(entity: string): Promise<Stored> {
    const stored = await this.#read(async database => {
      const transaction = database.transaction(RECORDS, 'readonly');
      return Promise.all(RECORDS.map(store => transaction.objectStore(store).get(entity) as Promise<Uint8Array | undefined>));
    });
    // Looked up after the reading: what has been written since is still in `dirty` or was read.
    const { snapshot = stored?.[0], journal = stored?.[1] } = this.#dirty.get(entity) ?? {};
    return { snapshot: snapshot?.length ? snapshot : undefined, journal: journal ?? undefined };
  }

  /** The entities with edits that the server did not have when they were saved. */
  async unsent(): Promise<string[]> {
    const stored = (await this.#read(database => database.getAllKeys('unsent'))) as string[] | undefined;
    return [...new Set([...(stored ?? []), ...this.#dirty.keys()])];
  }

  save({ entity, snapshot, journal, kept }: Save): void {
    if (this.#closed) return;
    this.#dirty.set(entity, { ...this.#dirty.get(entity), ...(snapshot && { snapshot }), journal: journal ?? null });
    this.#waiting.add(entity);
    if (kept.length) {
      const ops = this.#kept.get(entity) ?? new Map<string, number>();
      for (const [tab, op] of kept) ops.set(tab, Math.max(op, ops.get(tab) ?? 0));
      this.#kept.set(entity, ops);
    }
    this.#writing ??= this.#write();
  }

  /** Calls `then` when what was saved last of the entity is on disk, or can't be: at once where nothing waits. */
  onceWritten(entity: string, then: () => void): void {
    if (!this.#waiting.has(entity)) return then();
    this.#after.push(then);
  }

  /** Waits until what was saved is on disk (or can't be), then lets go of the database. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    // Beside the transaction under way: a tab that is left does not live to see its end.
    if (this.#waiting.size > 0 && !this.#trouble) this.#transact(this.#batch(this.#waiting), false).catch(() => undefined);
    await this.#writing;
    this.#drop();
  }

  /** Deletes everything of this person from this browser. */
  async wipe(): Promise<void> {
    this.#waiting.clear();
    this.#kept.clear();
    this.#after = [];
    this.#dirty.clear();
    await this.close();
    await wipe(this.#name);
  }

  async #write(): Promise<void> {
    // A turn later, so that all of one batch of effects goes into one transaction.
    await Promise.resolve();
    while (this.#waiting.size || this.#again) {
      if (this.#again) for (const name of this.#dirty.keys()) this.#waiting.add(name);
      const attempt = this.#again || !this.#trouble;
      const names = this.#waiting;
      const kept = this.#kept;
      const after = this.#after;
      this.#again = false;
      this.#waiting = new Set();
      this.#kept = new Map();
      this.#after = [];
      if (attempt) await this.#attempt(names, kept.size > 0);
      for (const [entity, ops] of kept) this.#events.kept(entity, ops);
      for (const then of after) then();
    }
    // In the same turn as the loop's last look, or a `save` in between would wait for the next one.
    this.#writing = undefined;
  }

  #batch(names: ReadonlySet<string>): Map<string, Entry> {
    return new Map([...this.#dirty].filter(([name]) => names.has(name)));
  }

  /** Writes, at the second try after something was done about the first one's failure. */
  async #attempt(names: ReadonlySet<string>, strict: boolean): Promise<void> {
    const batch = this.#batch(names);
    for (let second = false; ; second = true) {
      try {
        await this.#transact(batch, strict);
        for (const [name, entry] of batch) if (this.#dirty.get(name) === entry) this.#dirty.delete(name);
        if (this.#trouble) this.#recover();
        return;
      } catch (error) {
        const full = nameOf(error) === 'QuotaExceededError';
        if (second || (full && !(await this.#makeRoom()))) return this.#degrade(full ? 'storage-full' : 'storage-unavailable', error);
        if (!full) this.#drop();
      }
    }
  }

  async #transact(batch: ReadonlyMap<string, Entry>, strict: boolean): Promise<void> {
    const transaction = (await this.#connected()).transaction(STORES, 'readwrite', { durability: strict ? 'strict' : 'default' });
    const snapshots = transaction.objectStore('snapshots');
    const journals = transaction.objectStore('journals');
    const marks = transaction.objectStore('unsent');
    const unsent = this.#events.unsent();
    // A request's failure aborts the transaction, and `done` has the reason.
    const ignore = (): void => undefined;
    for (const [name, { snapshot, journal }] of batch) {
      if (snapshot?.length) snapshots.put(snapshot, name).catch(ignore);
      else if (snapshot) snapshots.delete(name).catch(ignore);
      if (journal) journals.put(journal, name).catch(ignore);
      else if (journal === null) journals.delete(name).catch(ignore);
      if (!unsent || unsent.includes(name)) marks.put(true, name).catch(ignore);
      else marks.delete(name).catch(ignore);
    }
    // It does not wait for this page to say that there is no more: that may be left already.
    transaction.commit();
    await transaction.done;
  }

  /** Deletes what nobody uses and the server has: it can be fetched again, edits can't. */
  async #makeRoom(): Promise<boolean> {
    try {
      const transaction = (await this.#connected()).transaction(STORES, 'readwrite');
      const [snapshots, journals, marks] = STORES.map(store => transaction.objectStore(store));
      const [keys = [], unsent = []] = await Promise.all([snapshots?.getAllKeys(), marks?.getAllKeys()]);
      const spare = (keys as string[]).filter(name => !unsent.includes(name) && !this.#dirty.has(name) && !this.#events.inUse(name));
      await Promise.all([...spare.flatMap(name => [snapshots?.delete(name), journals?.delete(name)]), transaction.done]);
      return spare.length > 0;
    } catch {
      return false;
    }
  }

  async #read<T>(use: (database: IDBPDatabase) => Promise<T>): Promise<T | undefined> {
    for (let second = false; !this.#sealed; second = true) {
      try {
        return await use(await this.#connected());
      } catch (error) {
        this.#drop();
        if (second) this.#seal(error);
      }
    }
    return undefined;
  }

  #degrade(code: Code, error: unknown): void {
    if (this.#trouble?.code !== code) {
      if (this.#trouble) this.#events.warn(this.#trouble, true);
      const message = nameOf(error) === 'VersionError' ? NEWER : MESSAGES[code];
      this.#trouble = { code, message: `${message} Edits still reach the server, but those that have not when the last tab closes are lost.` };
      this.#events.warn(this.#trouble);
    }
    if (this.#sealed || this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#again = true;
      this.#writing ??= this.#write();
    }, RETRY);
  }

  #recover(): void {
    if (this.#trouble) this.#events.warn(this.#trouble, true);
    this.#trouble = undefined;
    // What was saved during this attempt was not tried.
    for (const name of this.#dirty.keys()) this.#waiting.add(name);
  }

  #seal(error: unknown): void {
    this.#sealed = true;
    this.#degrade('storage-unavailable', error);
  }

  async #connected(): Promise<IDBPDatabase> {
    return this.#database ?? (this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined)));
  }

  async #connect(): Promise<IDBPDatabase> {
    let isNew = false;
    const opening = openDB(this.#name, 1, {
      upgrade: database => {
        isNew = true;
        for (const store of STORES) database.createObjectStore(store);
      },
      // Another context deletes or upgrades it: holding on would block that for ever.
      blocking: () => this.#lose(),
      terminated: () => this.#lose(),
    });
    this.#database = await within(opening, late => late.close());
    const isWiped = isNew && this.#existed;
    this.#existed = true;
    if (isWiped && !this.#closed) this.#events.wiped();
    return this.#database;
  }

  /** Somebody else has closed the connection. A look at what is left tells why. */
  #lose(): void {
    this.#drop();
    if (!this.#closed && !this.#sealed) this.#connected().catch(() => undefined);
  }

  #drop(): void {
    this.#database?.close();
    this.#database = undefined;
  }
}

// A slash, since a colon could begin the port of another server.
const prefix = (url: string): string => `timeweft:${new URL(url).origin}/`;

const nameOf = (error: unknown): string | undefined => (error as { name?: string } | null)?.name;

/** Deletes the data of everybody but `personId`, also what an earlier run did not get to. */
export const wipeOthers = async (url: string, personId?: string): Promise<void> => {
  try {
    const databases = await indexedDB.databases();
    const others = databases.map(({ name }) => name ?? '').filter(name => name.startsWith(prefix(url)) && name !== prefix(url) + personId);
    await Promise.all(others.map(wipe));
  } catch {
    // No IndexedDB, or one that can't be listed: nothing is there, or only what `Storage.wipe` knows of.
  }
};

const wipe = async (name: string): Promise<void> => {
  try {
    // Emptied first: the deletion waits for every connection to be closed, and a frozen page may not do that.
    const database = await within(openDB(name), late => late.close());
    const stores = STORES.filter(store => database.objectStoreNames.contains(store));
    if (stores.length) {
      const transaction = database.transaction(stores, 'readwrite', { durability: 'strict' });
      for (const store of stores) void transaction.objectStore(store).clear();
      await transaction.done;
    }
    database.close();
    await within(deleteDB(name), () => undefined);
  } catch {
    // What can't be opened can't be emptied; the next start tries again.
  }
};

/** `promise`, or a rejection where it takes too long; `late` gets what comes after that. */
export const within = async <T>(promise: Promise<T>, late: (value: T) => void): Promise<T> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      promise.then(late, () => undefined);
      reject(new Error('IndexedDB did not answer'));
    }, PATIENCE);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
};
