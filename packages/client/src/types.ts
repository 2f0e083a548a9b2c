/**
 * What apps see: the types of clients, entities and conflicts.
 */

import type { TimeweftError } from './errors.js';
import type { ClientStatus, Me, Warning } from './messages.js';
import type { Accepted, Invitation, Membership, People, Role, Share, Unshare } from './sharing.js';
import type { Signing } from './signing.js';

export type { ClientStatus, Me, Warning } from './messages.js';
export type { Accepted, Invitation, Membership, Organisation, People, Role, Share, Unshare } from './sharing.js';
export type { Session, Signing } from './signing.js';

/** What is known of one version of an entity. */
export interface Meta {
  /** `type:id`, as `note:note-123`. */
  readonly entityId: string;
  /** What is before the colon of the id. */
  readonly type: string;
  /** Counts from 1. */
  readonly version: number;
  /** Since when, and what identifies the version: ISO 8601 in UTC with six fractional digits, `2026-11-21T09:30:00.123456Z`. */
  readonly validFrom: string;
  /** Until when; `9999-01-01T00:00:00.000000Z` for the current version. */
  readonly validTo: string;
  /** Who made it. */
  readonly personId: string;
  /** Who made it in that person's name. */
  readonly impersonatorId?: string;
  /** Present where this version is a deletion. */
  readonly deleted?: true;
  /** How many; present where the value is stored in chunks. */
  readonly chunks?: number;
  /** When the server took it, where its author said since when it is valid. */
  readonly recordedAt?: string;
  /** The diff back to the version before, in the form of docs/protocol.md; absent on version 1, and where the type suppresses it. */
  readonly previousValues?: unknown;
}

/**
 * How an entity is doing in this browser.
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
 * What happens where two people change the same place at once. It decides that place; everywhere else both changes stay, whatever the policy.
 *
 * - `keep-theirs-where-both` (default): theirs is kept in that place, and the entity has a {@link Conflict} to be resolved
 * - `mine`, `theirs`: that one wins
 * - a function: gives the value for the place. It runs in the tab that made the edit. Where it gives `undefined`, and neither mine nor theirs is that, or throws, the
 *   conflict stays.
 *
 * @example
 * counter.policy = conflict => Math.max(Number(conflict.mine), Number(conflict.theirs))
 */
export type Policy = 'keep-theirs-where-both' | 'mine' | 'theirs' | ((conflict: Conflict) => unknown);

/**
 * How a conflict is resolved. Whatever is chosen changes the place that the conflict is about, and nothing around it.
 *
 * - `'mine'`, `'theirs'`: that one
 * - `'both'`: theirs and then mine, of a list what of mine is not there yet, where there is a {@link Conflict.range}; where the path leads to an element of an array, mine is put in after it.
 *   Nowhere else: there can't be both.
 * - `{ value }`: something third; of a range the text or the elements for that stretch. `undefined` removes what is in the place.
 */
export type Choice = 'mine' | 'theirs' | 'both' | { readonly value: unknown };

/**
 * One place that two people have changed at once, the smallest that holds what they disagree on. Theirs is in the value; what was written here is
 * kept until `resolve`, also over a reload, and beside other conflicts of the same place. What the server refuses is kept in the same way: see
 * {@link Conflict.error}.
 *
 * The place moves with what is around it: then `path` and `range` are new, in a new object with the same `id`. As long as nothing of it changes, a
 * conflict stays the same object.
 *
 * @example
 * for (const conflict of note.conflicts) {
 *   ask(conflict.path, conflict.mine, conflict.theirs).then(value => conflict.resolve({ value }))
 * }
 */
export interface Conflict {
  /** Tells the conflicts of an entity apart. */
  readonly id: number;
  /**
   * Where it is: keys and indices, from the outside in; empty for the whole value. A `Map` is gone into as an array of its entries, each `[key, value]`: the
   * value of the first entry of the `Map` at `m` is at `['m', 0, 1]`. So is a `Set`, as an array of its items.
   */
  readonly path: readonly (string | number)[];
  /**
   * Set where it is about a stretch of the text or array at `path` only: where that starts, and how long it is, in UTF-16 units or elements. Then `base`,
   * `mine` and `theirs` are what was made of that stretch.
   */
  readonly range: readonly [start: number, length: number] | undefined;
  /**
   * Whether the place is gone. Where the others deleted the element of an array that was changed here, `path` ends in the index where `'mine'` puts it back;
   * where all of it is withdrawn, or what the place was in is gone, only `'theirs'` can be chosen.
   */
  readonly absent: boolean;
  /** What was there before both; `undefined` where nothing was, as in the other two. */
  readonly base: unknown;
  /** What was made of it here. */
  readonly mine: unknown;
  /**
   * What others had made of it when the conflict arose. They may have gone on since: what is there by now, and what a choice other than `'theirs'` replaces,
   * is in the value at `path`. Of a range of an array it replaces `theirs` alone: what others put in there since stays.
   */
  readonly theirs: unknown;
  /** Of the version that brought theirs: who made it, and when. `undefined` where it is not known. */
  readonly meta: Meta | undefined;
  /**
   * Why the server refused what was written here, as an {@link InvalidValueError} with the rules that it breaks; `undefined` where it is another
   * person's change that stands against it. Nothing of it was sent again and no policy decides it: `theirs` is what was there before, `'mine'` tries
   * once more, and a `value` is for what was mended. What is refused after it joins it: `base` is then what is there by then, and `mine` that with all that
   * was refused. What others write after that stays, whatever is chosen.
   */
  readonly error: TimeweftError | undefined;
  /**
   * Ends the conflict: `'theirs'` leaves the value as it is, anything else is an edit of it, which `undo` takes back. It leaves `entity.conflicts` at once.
   * What was chosen is in the value a few milliseconds later, and subscribers are called then: the host knows where its place is by now. The conflict
   * comes back with the reason in `entity.error` where the choice can't be carried out: a {@link ConflictError} where the place is no longer part
   * of the value, an {@link InvalidValueError} for `'both'` where there can't be. A second call does nothing. An entity that others have deleted comes
   * back with what is chosen.
   *
   * @throws InvalidValueError naming the path of what no entity can hold; also when `choice` is none
   * @throws SignedOutError when nobody is signed in
   */
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
  /** `type:id`, as it was asked for. */
  readonly id: string;

  /**
   * Calls `fn` at once, and again after every change, in this tab before `set` or `update` returns. `undefined`: loading, missing or deleted.
   * As long as there is a subscriber the entity is kept up to date. Returns what ends that.
   */
  subscribe(fn: (value: T | undefined) => void): () => void;

  /** What subscribers saw last, without waiting: `undefined` also where nobody has subscribed or loaded yet. */
  get(): T | undefined;

  /**
   * Resolves when the value is known, from this browser or the network. `undefined`: missing, deleted, or not for this person to know of.
   * Offline, and never loaded here before: when the network is back.
   *
   * @example
   * const value = await client.entity<Note>('note:note-123').load()
   * @throws SignedOutError when nobody is signed in
   */
  load(): Promise<T | undefined>;

  /**
   * Makes `value` the value. It is compared with what is there, so what is the same stays as it is and only the difference is sent: others'
   * changes elsewhere stay. Creates the entity where it is missing. What is handed in is copied, not frozen.
   *
   * @throws InvalidValueError naming the path of what no entity can hold, as a function
   * @throws TooLargeError when the value is too deep or too large for any server
   * @throws SignedOutError when nobody is signed in
   */
  set(value: T): void;

  /**
   * Changes the value: `fn` writes to a draft, or returns the next value, of the same kind, and writes nothing. The draft is good until `fn` returns, so `fn` is not `async`.
   *
   * What is done to the draft is understood as such: an element that is moved within its array is moved for everybody, with what others do inside it. From
   * one array to another it is deleted and inserted. Where others add to a number at the same time, use {@link increment}.
   *
   * @example
   * todos.update(list => { list.push({ text: 'weave', done: false }) })
   * counter.update(n => n + 1)
   * @throws NotFoundError when there is no value to change: missing (create it with `set`), deleted, or not loaded yet
   * @throws InvalidValueError naming the path of what no entity can hold; also when `fn` writes to its draft and returns something else, or returns a
   * part of its draft
   * @throws SignedOutError when nobody is signed in
   */
  update(fn: (value: T) => T | void): void;

  /**
   * Adds to a number, or a bigint: where two people do so at once, both count, other than with `update(draft => { draft.votes += 1 })`. A member that is
   * not there counts as 0; an element, or an entry of a `Map`, has to be there. `path` is a key, or keys (also of `Map`s) and indices from the outside
   * in; `[]` where the value itself is the number.
   *
   * @example
   * poll.increment('votes')
   * poll.increment(['options', 2, 'votes'], -1)
   * shop.increment(['stock', 'tea'], 3) // `stock` may be an object or a Map
   * @throws NotFoundError as `update`
   * @throws InvalidValueError where something else than a number is, or comes out
   * @throws RangeError where an array has no such element, or a `Map` no such entry
   * @throws SignedOutError when nobody is signed in
   */
  increment(path: string | number | readonly (string | number)[], by?: number | bigint): void;

  /** Deletes the entity for everybody; its history stays. `set` brings it back with that value. */
  delete(): void;
  /** Takes a `delete` back, with the value that was there. */
  undelete(): void;

  /**
   * Takes this tab's last edit back; what others changed since stays, and so does what they did too. Where that was the same place, this edit and those
   * before it can't be taken back any more. What is typed in one text, or a number that is changed, goes together as long as there is no pause of a second,
   * and for five seconds at most; anything else (an element that is put in, a `revert`, a `delete`, a choice in a conflict) is a step of its own. The last 200
   * steps are remembered while the tab has the entity open. `false`: there is none.
   */
  undo(): boolean;
  /** Does again what `undo` took back. `false`: there is nothing. */
  redo(): boolean;
  /** Whether `undo` has something to take back. */
  readonly canUndo: boolean;
  /** Whether `redo` has something to do again. */
  readonly canRedo: boolean;

  /** How it is doing; see {@link EntityStatus}. */
  readonly status: EntityStatus;
  /** Of the version that the server has; `undefined` while that is not known. */
  readonly meta: Meta | undefined;
  /**
   * What this person is with it, as the server said last: also known offline, and another at once when it is changed. `undefined` while it is not known, and
   * where there is nothing.
   */
  readonly role: Role | undefined;
  /**
   * Whether this person may do that, so that a viewer is not shown an editor. The server decides all the same. What is not there yet whoever is signed in may
   * make: that is to change it.
   */
  can(what: 'read' | 'change' | 'share'): boolean;
  /** What waits to be resolved, oldest first. */
  readonly conflicts: readonly Conflict[];
  /** Why the last edit was refused, until the next one. */
  readonly error: TimeweftError | undefined;

  /**
   * Calls `fn` after any change: of value, status, meta, conflicts or error. Keeps the entity up to date as `subscribe` does; returns what ends
   * that.
   */
  onChange(fn: (entity: this) => void): () => void;

  /**
   * The versions, newest first, without their values; asked of the server, so not offline. `limit` is 50 unless given, 1,000 at most; `before` is the
   * `validFrom` of the oldest that you have.
   *
   * @example
   * const { versions, more } = await note.history({ limit: 20 })
   * const older = more ? await note.history({ before: versions.at(-1).validFrom }) : undefined
   * @throws NetworkError when the server can't be reached
   */
  history(options?: { before?: string; limit?: number }): Promise<{ versions: Meta[]; more: boolean }>;

  /**
   * The value as it was at that time; asked of the server, so not offline. A string is an ISO 8601 date in UTC with three or six fractional digits,
   * as `validFrom` and `toISOString()` are. With `from`, another version that you hold, only the difference is sent, and what is the same in both
   * keeps its identity.
   *
   * @example
   * const version = await note.at(versions[1].validFrom)
   * const older = await note.at(versions[2].validFrom, { from: version })
   * @throws NotFoundError when there was none at that time
   * @throws InvalidValueError where that is no time
   * @throws NetworkError when the server can't be reached
   */
  at(time: string | Date, options?: { from?: { value: T; meta: Meta } }): Promise<{ value: T; meta: Meta }>;

  /**
   * Goes back to the value of that time: an edit like `set` with it, so there is a new version, `undo` takes it back, and nothing of the history is
   * lost. Resolves when it is shown; `saved()` tells when it is on the server's disk.
   *
   * @example
   * const { versions } = await note.history({ limit: 2 })
   * await note.revert(versions[1].validFrom)
   * @throws NotFoundError when there was none at that time
   * @throws NetworkError when the server can't be reached
   * @throws SignedOutError when nobody is signed in
   */
  revert(time: string | Date): Promise<void>;

  /**
   * The ids of the persons who have it open, or had within the last 15 minutes; asked of the server, so not offline.
   *
   * @throws NetworkError when the server can't be reached
   */
  subscribers(): Promise<string[]>;

  /**
   * Who is what with it; asked of the server, so not offline.
   *
   * @throws NetworkError when the server can't be reached
   */
  people(): Promise<People>;
  /**
   * Gives a person a role with it, or everybody; what they had is replaced. The policy of its type has to be `org`, and it takes the role `admin`.
   * An organisation is shared likewise, at one of its nodes.
   *
   * @example
   * await note.share({ personId, role: 'editor' })
   * await note.share({ email: 'bob@example.com', role: 'viewer' }) // a mail with a link
   * const { token } = await note.share({ link: true, role: 'viewer' }) // for whoever has it: client.accept(token)
   * await note.share({ everybody: true, role: 'viewer' })
   * await team.share({ email: 'bob@example.com', role: 'editor', node: 'helpers' }) // a member from then on
   * @throws ForbiddenError when this person may not, or entities of its type can't be shared
   * @throws NetworkError when the server can't be reached
   */
  share(share: Extract<Share, { personId: string } | { everybody: true }>): Promise<void>;
  share(share: Extract<Share, { link: true }>): Promise<Invitation & { token: string }>;
  /** In development mode there is a `token` too, as nobody has a mail. */
  share(share: Extract<Share, { email: string }>): Promise<Invitation & { token?: string }>;
  /**
   * Takes from a person, or everybody, what they are with it; or withdraws an invitation. Who leaves takes it from themselves. In their browsers it is gone with
   * its copy, and edits they had not sent are in {@link Entity.conflicts} there.
   *
   * @throws ForbiddenError when this person may not, or they have it by an organisation, where it is taken
   * @throws NetworkError when the server can't be reached
   */
  unshare(whom: Unshare): Promise<void>;

  /**
   * Resolves when everything is on the server's disk. Offline that is later, and there is no time limit.
   *
   * @throws ConflictError when a conflict waits to be resolved; the error of an edit that was refused
   */
  saved(): Promise<void>;

  /**
   * What happens where both changed the same place; that of the client unless it is set. It is about this browser's edits: a name holds for all its tabs (the
   * last one that was set), a function for the tab that it was set in. Not kept over a reload. What is no policy is a `TypeError`.
   */
  policy: Policy;
}

/** One of {@link Client.list}. */
export interface Listed {
  /** `type:id`. */
  readonly entityId: string;
  /** Of its current version. */
  readonly validFrom: string;
  /** Who made that. */
  readonly personId: string;
}

/**
 * What the entities of a type are, by its name: empty until an app says so, as `npx timeweft types timeweft.types.json src/timeweft.types.d.ts` does of what it
 * declares to the server.
 *
 * @example
 * declare module 'timeweft' {
 *   interface Types { todo: { text: string; done?: boolean } }
 * }
 */
export interface Types {}

/** How a client works. */
export interface ClientOptions {
  /** Where the server is, as `https://timeweft.example.org`; a path in it is left out. Default: where the page is from. */
  url?: string;
  /**
   * Who does the work: a SharedWorker, or one tab that is elected. `auto`: a SharedWorker where there is such a thing and it starts.
   * @default 'auto'
   */
  worker?: 'shared' | 'leader' | 'auto';
  /**
   * What happens where two people change the same place at once, in entities that have no policy of their own.
   * @default 'keep-theirs-where-both'
   */
  policy?: Policy;
  /**
   * For apps with a sign-in of their own, by an issuer that the server is set up for: gives a JWT, or `null` while nobody is signed in there. Called by
   * {@link Client.signIn}, and by the client itself whenever nobody is signed in here: at the start, and when the session has ended. What goes wrong is a
   * warning `no-token`.
   */
  getToken?: () => Promise<string | null>;
}

/**
 * The way to a server's entities. After `close`, what would do something throws a {@link ClosedError}, or rejects with it. One a page is enough: all tabs of a browser share one connection and one copy.
 *
 * @example
 * const client = createClient()
 * client.onStatus(status => { banner.hidden = status === 'online' })
 * const note = client.entity<Note>('note:note-123')
 */
export interface Client extends Signing {
  /** The connection to the server; see {@link ClientStatus}. */
  readonly status: ClientStatus;
  /** Calls `fn` when the status changes, not at once. Returns what ends that, as the other two do. */
  onStatus(fn: (status: ClientStatus) => void): () => void;

  /** Who is signed in; `null`: nobody, or it is not known yet (`status` is `connecting` then). Offline it is who was last. */
  readonly me: Me | null;
  /** Calls `fn` at once and when somebody signs in or out, in whatever tab. */
  onMe(fn: (me: Me | null) => void): () => void;

  /** What can't be done as it should be, as `storage-unavailable`. */
  readonly warnings: readonly Warning[];
  /** Calls `fn` with every warning that there is or comes. */
  onWarning(fn: (warning: Warning) => void): () => void;

  /** As below, where the type is in {@link Types}. */
  entity<K extends keyof Types & string>(id: `${K}:${string}`): Entity<Types[K]>;
  /**
   * The entity of that id. The same object for the same id, and no request until it is used.
   *
   * `type:id`: the type is what the server's rules go by, of up to 32 lower-case letters, digits and `-`; the id is of up to 64 letters, digits,
   * `_` and `-`.
   *
   * @throws InvalidValueError when that is no id
   */
  entity<T = unknown>(id: string): Entity<T>;

  /**
   * The entities of a type that this person may read, deleted ones left out; asked of the server page by page as you go on, so not offline. What is made or
   * deleted meanwhile may be missing or still be there. `limit` is that of a page.
   *
   * @example
   * for await (const { entityId } of client.list('note')) {
   *   console.log((await client.entity<Note>(entityId).load())?.title)
   * }
   * @throws NetworkError when the server can't be reached
   */
  list(type: string, options?: { limit?: number }): AsyncIterable<Listed>;

  /**
   * The organisations that this person is a member of, as `list` has them: not those in which only single entities were shared.
   *
   * @example
   * for await (const { entityId, name, role } of client.orgs()) menu.add(name ?? entityId, role)
   * @throws NetworkError when the server can't be reached
   */
  orgs(): AsyncIterable<Membership>;

  /**
   * Accepts an invitation, by the token of a link: `?invitation=TOKEN` where it came by mail.
   *
   * @example
   * const token = new URLSearchParams(location.search).get('invitation')
   * const { entityId } = token ? await client.accept(token) : {}
   * @throws NotFoundError when it is no invitation, or not any more
   * @throws ForbiddenError when it is for another address than the one signed in with
   * @throws NetworkError when the server can't be reached
   */
  accept(token: string): Promise<Accepted>;

  /** Stops, for good. Edits are kept and sent by other tabs or the next time; what waits fails with `ClosedError`. */
  close(): void;
}
