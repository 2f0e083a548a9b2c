/**
 * What apps see: the types of clients, entities and conflicts.
 */

import type { TimeweftError } from './errors.js';
import type { ClientStatus, Me, Warning } from './messages.js';

export type { ClientStatus, Me, Warning } from './messages.js';

/** What is known of one version of an entity. docs/protocol.md, "Versions". */
export interface Meta {
  readonly entityId: string;
  readonly type: string;
  /** Counts from 1. */
  readonly version: number;
  /** Identifies the version: ISO 8601 in UTC with six fractional digits. */
  readonly validFrom: string;
  /** `9999-01-01T00:00:00.000000Z` for the current version. */
  readonly validTo: string;
  /** Who made it. */
  readonly personId: string;
  /** Who made it in that person's name. */
  readonly impersonatorId?: string;
  readonly deleted?: true;
  /** Present where the value is stored in chunks. */
  readonly chunks?: number;
  /** The diff back to the version before. */
  readonly previousValues?: unknown;
}

/**
 * How an entity is doing.
 *
 * | status | |
 * |---|---|
 * | `loading` | nothing is known of it yet |
 * | `saved` | everything is on the server's disk |
 * | `saving` | edits are on their way |
 * | `offline` | there is no connection; edits are on this browser's disk and are sent when there is |
 * | `conflict` | somebody else changed the same place: see {@link Entity.conflicts} |
 */
export type EntityStatus = 'loading' | 'saved' | 'saving' | 'offline' | 'conflict';

/**
 * What happens where two people change the same place at once. Everywhere else both changes stay, whatever the policy.
 *
 * - `keep-theirs-where-both` (default): theirs is kept in that place, and the entity has a {@link Conflict} to be resolved
 * - `mine`, `theirs`: that one wins
 * - a function: gives the value for the place. It runs in the tab that made the edit.
 *
 * @example
 * counter.policy = conflict => Math.max(Number(conflict.mine), Number(conflict.theirs))
 */
export type Policy = 'keep-theirs-where-both' | 'mine' | 'theirs' | ((conflict: Conflict) => unknown);

/** How a conflict is resolved. A `value` of `undefined` removes what is in the place. */
export type Choice = 'mine' | 'theirs' | { readonly value: unknown };

/**
 * One place that two people have changed at once. Theirs is there now.
 *
 * @example
 * for (const conflict of note.conflicts) {
 *   ask(conflict.path, conflict.mine, conflict.theirs).then(value => conflict.resolve({ value }))
 * }
 */
export interface Conflict {
  readonly id: number;
  readonly path: readonly (string | number)[];
  /** What was there before both; `undefined` where nothing was, as in the other two. */
  readonly base: unknown;
  readonly mine: unknown;
  readonly theirs: unknown;
  /** Of the version that brought theirs: who made it, and when. `undefined` where it is not known. */
  readonly meta: Meta | undefined;
  resolve(choice: Choice): void;
}

/**
 * One entity, as a store: Svelte's contract (`subscribe`, `set`, `update`) with history, undo and conflicts.
 *
 * Values are plain objects and arrays, deeply frozen, and what did not change keeps its identity from one value to the next. A `Date`, `Map`,
 * `Set` or typed array can't be frozen: don't change it, put a new one in its place.
 *
 * @example
 * const note = client.entity<Note>('note:note-123')
 * const stop = note.subscribe(value => render(value))
 * note.update(draft => { draft.title = 'Weft' })
 * await note.saved()
 */
export interface Entity<T = unknown> {
  readonly id: string;

  /**
   * Calls `fn` at once, and again after every change, in this tab before `set` or `update` returns. `undefined`: loading, missing or deleted.
   * As long as there is a subscriber the entity is kept up to date.
   */
  subscribe(fn: (value: T | undefined) => void): () => void;

  /** What subscribers saw last. */
  get(): T | undefined;

  /**
   * Resolves when the value is known, from this browser or the network. `undefined`: missing or deleted.
   *
   * @example
   * const value = await client.entity<Note>('note:note-123').load()
   */
  load(): Promise<T | undefined>;

  /**
   * Makes `value` the value; what is the same as before stays as it is, for others too. Creates the entity where it is missing.
   *
   * @throws InvalidValueError naming the path of what no entity can hold
   */
  set(value: T): void;

  /**
   * Changes the value: `fn` writes to a draft or returns the next value.
   *
   * @example
   * todos.update(list => { list.push({ text: 'weave', done: false }) })
   * counter.update(n => n + 1)
   * @throws NotFoundError when there is no value to change
   */
  update(fn: (value: T) => T | void): void;

  /** Deletes the entity; its history stays. */
  delete(): void;
  /** Takes a `delete` back. */
  undelete(): void;

  /** Takes this tab's last edit back, whatever others did since. `false`: there is none. */
  undo(): boolean;
  /** Does again what `undo` took back. */
  redo(): boolean;
  readonly canUndo: boolean;
  readonly canRedo: boolean;

  readonly status: EntityStatus;
  /** Of the version that the server has. */
  readonly meta: Meta | undefined;
  readonly conflicts: readonly Conflict[];
  /** Why the last edit was refused, until the next one. */
  readonly error: TimeweftError | undefined;

  /** Calls `fn` after any change: of value, status, meta, conflicts or error. Keeps the entity up to date as `subscribe` does. */
  onChange(fn: (entity: this) => void): () => void;

  /**
   * The versions, newest first; asked of the server.
   *
   * @example
   * const { versions, more } = await note.history({ limit: 20 })
   * const older = more ? await note.history({ before: versions.at(-1).validFrom }) : undefined
   */
  history(options?: { before?: string; limit?: number }): Promise<{ versions: Meta[]; more: boolean }>;

  /** The value as it was at that time; asked of the server. */
  at(time: string | Date): Promise<{ value: T; meta: Meta }>;

  /** The ids of those who have it open; asked of the server. */
  subscribers(): Promise<string[]>;

  /**
   * Resolves when everything is on the server's disk. Offline that is later.
   *
   * @throws ConflictError when a conflict waits to be resolved; the error of an edit that was refused
   */
  saved(): Promise<void>;

  /** What happens where both changed the same place; that of the client unless it is set. */
  policy: Policy;
}

/** How a client works. */
export interface ClientOptions {
  /** Where the server is. Default: where the page is from. */
  url?: string;
  /**
   * Who does the work: a SharedWorker, or one tab that is elected. `auto`: a SharedWorker where there is such a thing.
   * @default 'auto'
   */
  worker?: 'shared' | 'leader' | 'auto';
  /** @default 'keep-theirs-where-both' */
  policy?: Policy;
}

/**
 * The way to a server's entities. One a page is enough: all tabs of a browser share one connection and one copy.
 *
 * @example
 * const client = createClient()
 * client.onStatus(status => { banner.hidden = status === 'online' })
 * const note = client.entity<Note>('note:note-123')
 */
export interface Client {
  readonly status: ClientStatus;
  /** Calls `fn` when the status changes. */
  onStatus(fn: (status: ClientStatus) => void): () => void;

  /** Who is signed in; `null`: nobody, or it is not known yet (`status` is `connecting` then). */
  readonly me: Me | null;
  /** Calls `fn` at once and when somebody signs in or out, in whatever tab. */
  onMe(fn: (me: Me | null) => void): () => void;

  /** What can't be done as it should be, as `storage-unavailable`. */
  readonly warnings: readonly Warning[];
  /** Calls `fn` with every warning that there is or comes. */
  onWarning(fn: (warning: Warning) => void): () => void;

  /**
   * Has a code sent to that address. In development mode the answer holds it.
   *
   * @example
   * await client.login('ann@example.com')
   * const me = await client.verify('ann@example.com', prompt('Code?'))
   */
  login(email: string): Promise<{ code?: string }>;
  /** Signs in with the code that was sent. */
  verify(email: string, code: string): Promise<Me>;
  /**
   * Signs out and deletes what this browser has of the person.
   *
   * @throws UnsentChangesError when that would lose edits, unless `discard`
   */
  logout(options?: { discard?: boolean }): Promise<void>;
  /** Ends all sessions of the person, then this one as `logout` does. */
  logoutEverywhere(): Promise<void>;

  /** The entity of that id: `type:id`. The same object for the same id. */
  entity<T = unknown>(id: string): Entity<T>;

  /** Stops. Edits are kept and sent by other tabs or the next time. */
  close(): void;
}
