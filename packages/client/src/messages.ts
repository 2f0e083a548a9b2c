/**
 * Every message between a tab and the host, and the names of the channels they travel on.
 *
 * The host is one per browser and server origin: a SharedWorker or, where there is none, one tab. Both modes use the same
 * `BroadcastChannel`s, so a tab need not know which it is. Messages are structured clones; values and patches cross as CBOR bytes.
 *
 * | channel | from → to | type |
 * |---|---|---|
 * | `upstream` | tabs → host | {@link Upstream} |
 * | `ack` | tabs → host | {@link Ack}, {@link Echo} |
 * | `tab` | host → one tab | {@link ToTab} |
 * | `entity` | host → the tabs that have it open | {@link ToEntity} |
 * | `all` | host → all tabs | {@link ToAll} |
 *
 * What a channel carries keeps its order; between channels there is none. Hence `epoch`, the random id of the host's run, on everything
 * that counts from something: what names another epoch than the receiver's is dropped by it.
 */

import type { Violation } from './errors.js';
import type { Role } from './sharing.js';

/** What the user of this browser is known as. */
export interface Me {
  /** As in {@link Meta}, `history` and `subscribers`. */
  readonly personId: string;
  /** The address that was signed in with; `null` where there is none: of guests, and of some whom an issuer vouches for. */
  readonly email: string | null;
  /** Set of who has not signed in yet: see {@link Client.guest}. */
  readonly guest?: true;
  /** The admin who acts in this person's name: see {@link Client.impersonate}. */
  readonly impersonatorId?: string;
}

export const isSame = (one: Me | null, other: Me | null): boolean =>
  one?.personId === other?.personId && one?.email === other?.email && one?.impersonatorId === other?.impersonatorId;

/**
 * The connection to the server: one for all tabs of a browser.
 *
 * | status | |
 * |---|---|
 * | `connecting` | not there yet, or lost a moment ago |
 * | `online` | by WebSocket |
 * | `polling` | no WebSocket can be had, so the server is asked every few seconds |
 * | `offline` | the server can't be reached; tried again by itself, at the latest after 15 seconds |
 * | `signed-out` | nobody is signed in, or the session has ended |
 */
export type ClientStatus = 'connecting' | 'online' | 'polling' | 'offline' | 'signed-out';

/**
 * Something that can't be done as it should be. It concerns the whole browser, and the rest goes on.
 *
 * | code | |
 * |---|---|
 * | `storage-unavailable`, `storage-full` | edits are not kept on this device: those that have not reached the server when the last tab closes are lost |
 * | `edits-dropped` | somebody else signed in here, and edits of the one before that were not sent were deleted |
 * | `restarted` | a fault inside; it was begun anew and nothing is lost |
 * | `no-host` | nothing is loaded or saved, as the worker does not start (a missing file, a Content-Security-Policy); it is tried again |
 * | `wrong-server` | what answers is no Timeweft server: the `url` is wrong, or a proxy does not send the requests on |
 * | `no-token` | `getToken` failed, or the server did not take what it gave: call `signIn` when there is another |
 * | `foreign-origin` | the server does not answer pages of this origin: it is to be started with `--origin` |
 */
export interface Warning {
  /** To tell them apart. */
  readonly code: 'storage-unavailable' | 'storage-full' | 'edits-dropped' | 'restarted' | 'no-host' | 'wrong-server' | 'foreign-origin' | 'no-token' | (string & {});
  /** In words for people, in English. */
  readonly message: string;
}

/** A conflict policy that the host can follow by itself; a function stays in the tab, as `keep-theirs-where-both`. */
export type NamedPolicy = 'keep-theirs-where-both' | 'mine' | 'theirs';

/** What an edit does. Bytes are CBOR: a diff in `patch`, a value in `set` and `resolve`. */
export type Action =
  | { patch: Uint8Array }
  | { set: Uint8Array }
  | 'delete'
  | 'undelete'
  | 'undo'
  | 'redo'
  | { resolve: Resolution };

/** How a conflict is decided. `value` is for `with: 'value'`; where it is absent, what is in the place goes. */
export interface Resolution {
  conflict: number;
  with: 'mine' | 'theirs' | 'both' | 'value';
  value?: Uint8Array;
}

/** Tabs → host. `tab` is the sender's random id, for which it holds the Web Lock {@link tabLock} since before its `hello`. */
export type Upstream = { tab: string } & (
  | { type: 'hello'; url: string; policy: NamedPolicy }
  | { type: 'open'; entity: string }
  | { type: 'close'; entity: string }
  /** `op` counts up from 1 per tab and entity; `seen` is the last `seq` that the tab's view was built on. */
  | { type: 'edit'; entity: string; epoch: string; op: number; seen: number; merge: boolean; action: Action }
  /** An edit again, after a `reset` of another epoch, `reopen` or `again`: `patch` over the value `base`, which it was made on. */
  | { type: 'edit-from'; entity: string; epoch: string; op: number; merge: boolean; base: Uint8Array; patch: Uint8Array }
  | { type: 'policy'; entity: string; policy: NamedPolicy }
  /** After `/login/verify`. Answered by `signed-in` once the host works for that person. */
  | { type: 'signed-in'; me: Me }
  /** Answered by `signed-out`. */
  | { type: 'sign-out'; discard: boolean }
  /** At `visibilitychange`: a tab that comes to the front hurries the next attempt to connect, hidden ones are polled for slowly. */
  | { type: 'visible'; visible: boolean }
  | { type: 'bye' }
);

/** Tabs → host, after each `show` and `reset` that a tab with a subscriber takes. Any ack says that the tab is alive there. */
export interface Ack {
  type: 'ack';
  tab: string;
  entity: string;
  epoch: string;
  seq: number;
}

/** Host → itself, behind the acks that are on their way. */
export interface Echo {
  type: 'echo';
}

/** What a tab must know of the host to begin (or begin again). */
export interface HostState {
  epoch: string;
  status: ClientStatus;
  /** The person whose entities these are: of the session, or, offline and after a 401, of the last one. Changes only with `epoch`. */
  me: Me | null;
  warnings: Warning[];
}

/** Host → one tab. */
export type ToTab =
  | ({ type: 'welcome' } & HostState)
  | { type: 'signed-in'; me: Me }
  /**
   * The tab sent something for an entity that the host does not count it in (it was asleep and did not ack): nothing was done. `open` the
   * entity again as in a new epoch: the `reset` that follows says which ops are done; the others are sent again by `edit-from`.
   */
  | { type: 'reopen'; entity: string }
  | ({ type: 'signed-out' } & ({ ok: true } | { unsent: string[] }));

/** Which op of which tab a `show` comes from; `unchanged`: it is what that tab already has as the result of that op. */
export interface Origin {
  tab: string;
  op: number;
  unchanged: boolean;
}

/** Host → tabs that have the entity open: what happened at once, in order. The entity's id is in the channel's name. */
export interface ToEntity {
  epoch: string;
  said: readonly Said[];
}

export type Said =
  /** `value` is absent while it is not known, or missing, or deleted without a copy. `to`: only that tab takes it. */
  | { type: 'reset'; to?: string; seq: number; value?: Uint8Array; ops: Record<string, number> }
  | { type: 'show'; seq: number; patch: Uint8Array; origin?: Origin }
  /** CBOR of {@link EntityState}. */
  | { type: 'state'; state: Uint8Array }
  /** The edits of each tab up to this one are on this browser's disk. */
  | { type: 'kept'; ops: Record<string, number> }
  | { type: 'refused'; tab: string; op: number; code: string; message: string }
  /** That edit was made on something else than what the host has: send it again, and those after it, by `edit-from`. */
  | { type: 'again'; tab: string; op: number };

/** What `state` holds, decoded. `meta` as in the protocol; conflicts and their values as the replica gives them. */
export interface EntityState {
  presence: 'unknown' | 'missing' | 'deleted' | 'present';
  status: 'loading' | 'saved' | 'saving' | 'offline' | 'conflict';
  meta?: unknown;
  role?: Role;
  /** `range`: `[start, length]` in the text or array at `path`. `absent`: theirs deleted the element; `path` ends in the index where it would go; or what the place was in is gone. */
  conflicts: {
    id: number;
    path: (string | number)[];
    range?: [number, number];
    absent?: true;
    base?: unknown;
    mine?: unknown;
    theirs?: unknown;
    meta?: unknown;
    error?: Refusal;
  }[];
  /** Per tab, how many edits can be undone and redone. */
  undo: Record<string, [number, number]>;
  error?: Refusal;
}

/** An error as the protocol has it. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly violations?: readonly Violation[];
}

/** Host → all tabs. `here`: a host begins (another run, another person): say `hello`, and `open` everything again. */
export type ToAll =
  | ({ type: 'here' } & HostState)
  | { type: 'status'; epoch: string; status: ClientStatus }
  | { type: 'me'; epoch: string; me: Me | null }
  /** `over`: what it warned of is no longer so. */
  | { type: 'warning'; epoch: string; warning: Warning; over?: true };

/** On the SharedWorker's port, tab → worker: run a host for this server. Several are possible. */
export interface Start {
  type: 'start';
  url: string;
}

/** On the SharedWorker's port, worker → tab. After `failed` a tab does the host's work itself (leader mode). */
export type Started = { type: 'started'; url: string } | { type: 'failed'; url: string; message: string };

/**
 * A random id: of a tab, of a run of the host. Not `crypto.randomUUID`, which is missing where a page is served without TLS from anywhere but
 * localhost.
 */
export const randomId = (): string => Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('');

const prefix = (url: string): string => `timeweft:${new URL(url).origin}:`;

/** Names of channels and locks, for the server at `url`. */
export const upstreamChannel = (url: string): string => `${prefix(url)}upstream`;
export const ackChannel = (url: string): string => `${prefix(url)}ack`;
export const allChannel = (url: string): string => `${prefix(url)}all`;
export const tabChannel = (url: string, tab: string): string => `${prefix(url)}tab:${tab}`;
export const entityChannel = (url: string, personId: string, entity: string): string => `${prefix(url)}entity:${personId}:${entity}`;
/** Held by a tab for as long as it lives. */
export const tabLock = (url: string, tab: string): string => `${prefix(url)}tab:${tab}`;
/** Held by whoever runs the host: `lead.ts` takes care of that, for the SharedWorker as for a tab where there is none. */
export const leaderLock = (url: string): string => `${prefix(url)}leader`;
