/**
 * A host for tests: the channels and rules of the real one, over Node's BroadcastChannel, with a merge that is as simple as can be (a change that does
 * not fit any more replaces). "Disk" is what edits were kept in; a crash goes back to that.
 */

import { HomeClient } from '../src/client.js';
import type { Surroundings } from '../src/link.js';
import {
  ackChannel, allChannel, entityChannel, tabChannel, upstreamChannel,
  type Ack, type Action, type EntityState, type HostState, type Me, type Refusal, type Resolution, type Said, type ToAll, type ToEntity, type ToTab, type Upstream,
} from '../src/messages.js';
import { apply } from '../src/tree/apply.js';
import { decodePatch, decodeValue } from '../src/tree/decode.js';
import { diff } from '../src/tree/diff.js';
import { encodePatch, encodeValue } from '../src/tree/encode.js';
import { own } from '../src/tree/own.js';
import { NOTHING, type Patch } from '../src/tree/patch.js';
import type { ClientOptions } from '../src/types.js';

interface Tab {
  foreign: number;
  undo: unknown[];
  redo: unknown[];
}

interface Stored {
  value: unknown;
  deleted: boolean;
  ops: Record<string, number>;
}

interface Replica extends Stored {
  seq: number;
  tabs: Map<string, Tab>;
  conflicts: EntityState['conflicts'];
  error?: Refusal;
  known: boolean;
  status: EntityState['status'];
  channel: BroadcastChannel;
}

type Edit = Extract<Upstream, { type: 'edit' | 'edit-from' }>;

let count = 0;

export class FakeHost {
  readonly url = `http://timeweft-${++count}.test`;
  readonly me: Me = { personId: 'ann', email: 'ann@example.com' };
  state: HostState;
  /** Everything that came, in order. */
  readonly heard: Upstream[] = [];
  readonly acks: Ack[] = [];
  readonly disk = new Map<string, Stored>();
  replicas = new Map<string, Replica>();
  /** Whether edits go to disk by themselves. */
  keeps = true;
  /** Whether messages of tabs wait. */
  isHeld = false;
  refuses: ((edit: Edit) => { code: string; message: string } | undefined) | undefined;
  /** Entities with edits that the server has not. */
  unsent: string[] = [];
  readonly #waiting: Upstream[] = [];
  #runs = 0;
  readonly #all: BroadcastChannel;
  readonly #tabs = new Map<string, BroadcastChannel>();
  readonly #open: { close(): void }[] = [];

  constructor({ starts = true } = {}) {
    this.state = { epoch: `run-${++this.#runs}`, status: 'online', me: this.me, warnings: [] };
    this.#all = this.#channel(allChannel(this.url));
    const upstream = this.#channel(upstreamChannel(this.url));
    upstream.onmessage = (({ data }: MessageEvent<Upstream>) => {
      if (!this.state.epoch) return;
      if (this.isHeld) this.#waiting.push(data);
      else this.#take(data);
    }) as never;
    const ack = this.#channel(ackChannel(this.url));
    ack.onmessage = (({ data }: MessageEvent<Ack>) => {
      this.acks.push(data);
      const counted = this.replicas.get(data.entity)?.tabs.has(data.tab) ?? false;
      if (!counted && data.epoch === this.state.epoch) this.#tab(data.tab).postMessage({ type: 'reopen', entity: data.entity } satisfies ToTab);
    }) as never;
    if (!starts) this.state = { ...this.state, epoch: '' };
  }

  /** Another tab of the same browser. */
  client(options: ClientOptions = {}): HomeClient {
    const surroundings: Surroundings = { channel: name => new BroadcastChannel(name) as never, host: () => () => {}, hold: async () => () => {} };
    const client = new HomeClient({ url: this.url, ...options }, surroundings);
    this.#open.push(client);
    return client;
  }

  close(): void {
    for (const one of this.#open) one.close();
    for (const { channel } of this.replicas.values()) channel.close();
    for (const channel of this.#tabs.values()) channel.close();
  }

  /** Tabs are heard again, in the order in which they spoke. */
  release(): void {
    this.isHeld = false;
    for (const message of this.#waiting.splice(0)) this.#take(message);
  }

  /** The process dies: what was not kept is gone, and so is what tabs said meanwhile. */
  crash(): void {
    this.state = { ...this.state, epoch: '' };
    this.#waiting.length = 0;
    this.isHeld = false;
    for (const { channel } of this.replicas.values()) channel.close();
    this.replicas = new Map();
  }

  start(state: Partial<HostState> = {}): void {
    this.state = { ...this.state, ...state, epoch: `run-${++this.#runs}` };
    this.toAll({ type: 'here', ...this.state });
  }

  toAll(message: ToAll): void {
    this.#all.postMessage(message);
  }

  /** What the server has of an entity. */
  store(entity: string, value: unknown, deleted = false): void {
    this.disk.set(entity, { value: own(value), deleted, ops: {} });
  }

  /** Somebody else changes the entity. */
  foreign(entity: string, next: (value: never) => unknown): void {
    const replica = this.#replica(entity);
    const change = diff(replica.value, next(replica.value as never));
    if (change) this.#show(replica, change.patch, change.tree);
    this.disk.set(entity, { ...this.#stored(replica) });
  }

  conflict(entity: string, conflict: Omit<EntityState['conflicts'][number], 'meta' | 'base'>): void {
    const replica = this.#replica(entity);
    replica.conflicts = [...replica.conflicts, { base: undefined, meta: { personId: 'bob' }, ...conflict }];
    this.tellState(entity);
  }

  /** The server refuses what was written: it is taken back, and kept as a conflict. */
  refuse(entity: string, mine: unknown, error: Refusal): void {
    const replica = this.#replica(entity);
    const id = replica.conflicts.length + 1;
    replica.conflicts = [...replica.conflicts, { id, path: [], base: replica.value, mine, theirs: replica.value, meta: undefined, error }];
    replica.error = error;
    this.tellState(entity);
  }

  setStatus(entity: string, status: EntityState['status']): void {
    this.#replica(entity).status = status;
    this.tellState(entity);
  }

  keep(entity: string): void {
    const replica = this.#replica(entity);
    this.disk.set(entity, this.#stored(replica));
    this.#say(replica, { type: 'kept', ops: { ...replica.ops } });
  }

  tellState(entity: string): void {
    const replica = this.#replica(entity);
    const presence = !replica.known ? 'unknown' : replica.value === undefined ? 'missing' : replica.deleted ? 'deleted' : 'present';
    const undo = Object.fromEntries([...replica.tabs].map(([tab, { undo, redo }]) => [tab, [undo.length, redo.length]]));
    const status = replica.conflicts.length > 0 ? 'conflict' : replica.status;
    const { conflicts, error } = replica;
    const state = { presence, status, meta: { version: replica.seq }, conflicts, undo, ...(error && { error }) };
    this.#say(replica, { type: 'state', state: encodeValue(state) });
  }

  value(entity: string): unknown {
    return this.#replica(entity).value;
  }

  edits(): Edit[] {
    return this.heard.filter((message): message is Edit => message.type === 'edit' || message.type === 'edit-from');
  }

  reopen(tab: string, entity: string): void {
    this.#replica(entity).tabs.delete(tab);
    this.#tab(tab).postMessage({ type: 'reopen', entity } satisfies ToTab);
  }

  /** The tab was asleep and is not counted in any more. */
  forget(tab: string, entity: string): void {
    this.#replica(entity).tabs.delete(tab);
  }

  /** As if a message had been lost. */
  skip(entity: string): void {
    this.#replica(entity).seq += 1;
  }

  // Inside

  #channel(name: string): BroadcastChannel {
    const channel = new BroadcastChannel(name);
    this.#open.push(channel);
    return channel;
  }

  #tab(tab: string): BroadcastChannel {
    const known = this.#tabs.get(tab);
    if (known) return known;
    const made = new BroadcastChannel(tabChannel(this.url, tab));
    this.#tabs.set(tab, made);
    return made;
  }

  #stored({ value, deleted, ops }: Stored): Stored {
    return { value, deleted, ops: { ...ops } };
  }

  #replica(entity: string): Replica {
    const known = this.replicas.get(entity);
    if (known) return known;
    const stored = this.disk.get(entity) ?? { value: undefined, deleted: false, ops: {} };
    const channel = new BroadcastChannel(entityChannel(this.url, this.state.me?.personId ?? '', entity));
    const made: Replica = { ...this.#stored(stored), seq: 0, tabs: new Map(), conflicts: [], known: true, status: 'saved', channel };
    this.replicas.set(entity, made);
    return made;
  }

  #say(replica: Replica, ...said: Said[]): void {
    replica.channel.postMessage({ epoch: this.state.epoch, said } satisfies ToEntity);
  }

  #take(message: Upstream): void {
    this.heard.push(message);
    const { tab } = message;
    switch (message.type) {
      case 'hello':
        return this.#tab(tab).postMessage({ type: 'welcome', ...this.state } satisfies ToTab);
      case 'open': {
        const replica = this.#replica(message.entity);
        replica.tabs.set(tab, { foreign: replica.seq, undo: [], redo: [] });
        this.#reset(replica, tab);
        return this.tellState(message.entity);
      }
      case 'close':
        return void this.replicas.get(message.entity)?.tabs.delete(tab);
      case 'sign-out':
        if (this.unsent.length > 0 && !message.discard) return this.#tab(tab).postMessage({ type: 'signed-out', unsent: this.unsent } satisfies ToTab);
        this.#tab(tab).postMessage({ type: 'signed-out', ok: true } satisfies ToTab);
        this.crash();
        return this.start({ me: null, status: 'signed-out' });
      case 'signed-in':
        this.crash();
        this.start({ me: message.me, status: 'online' });
        return this.#tab(tab).postMessage({ type: 'signed-in', me: message.me } satisfies ToTab);
      case 'edit':
      case 'edit-from':
        if (message.epoch === this.state.epoch) this.#edit(message);
    }
  }

  #edit(edit: Edit): void {
    const replica = this.#replica(edit.entity);
    const { tab, op } = edit;
    if (op <= (replica.ops[tab] ?? 0)) return;
    const known = replica.tabs.get(tab);
    if (!known) return this.#tab(tab).postMessage({ type: 'reopen', entity: edit.entity } satisfies ToTab);
    const action: Action | undefined = edit.type === 'edit' ? edit.action : undefined;
    const onValue = typeof action === 'object' && 'patch' in action;
    if (edit.type === 'edit' && onValue && known.foreign > edit.seen) return this.#say(replica, { type: 'again', tab, op });
    replica.ops[tab] = op;
    const refusal = this.refuses?.(edit);
    if (refusal) {
      known.foreign = replica.seq + 1;
      this.#say(replica, { type: 'refused', tab, op, ...refusal });
      this.#show(replica, NOTHING, replica.value, { tab, op, unchanged: false });
    } else {
      this.#act(replica, known, edit, action);
    }
    this.tellState(edit.entity);
    if (this.keeps) this.keep(edit.entity);
  }

  #act(replica: Replica, tab: Tab, edit: Edit, action: Action | undefined): void {
    const origin = { tab: edit.tab, op: edit.op, unchanged: true };
    const before = replica.value;
    if (edit.type === 'edit-from') {
      const base = decodeValue(edit.base);
      const mine = merged(before, base, decodePatch(edit.patch));
      tab.undo.push(before);
      return this.#show(replica, diff(before, mine)?.patch ?? NOTHING, mine, { ...origin, unchanged: false });
    }
    if (action === 'undo' || action === 'redo') {
      const [from, to] = action === 'undo' ? [tab.undo, tab.redo] : [tab.redo, tab.undo];
      const value = from.length > 0 ? from.pop() : before;
      to.push(before);
      return this.#show(replica, diff(before, value)?.patch ?? NOTHING, value, { ...origin, unchanged: false });
    }
    if (action === 'delete' || action === 'undelete') {
      replica.deleted = action === 'delete';
      return this.#show(replica, NOTHING, before, origin);
    }
    if (typeof action !== 'object') return;
    if ('set' in action) {
      const value = decodeValue(action.set);
      replica.deleted = false;
      if (before !== undefined) return this.#show(replica, diff(before, value)?.patch ?? NOTHING, value, { ...origin, unchanged: false });
      replica.value = value;
      replica.seq += 1;
      for (const one of replica.tabs.values()) one.foreign = replica.seq;
      return this.#reset(replica);
    }
    if (!edit.merge) tab.undo.push(before);
    tab.redo = [];
    if ('patch' in action) {
      const patch = decodePatch(action.patch);
      replica.deleted = false;
      return this.#show(replica, patch, apply(before, patch), origin);
    }
    const conflict = replica.conflicts.find(({ id }) => id === action.resolve.conflict);
    const after = conflict ? own(decided(before, conflict, action.resolve)) : before;
    replica.conflicts = replica.conflicts.filter(one => one !== conflict);
    this.#show(replica, diff(before, after)?.patch ?? NOTHING, after, { ...origin, unchanged: false });
  }

  #reset(replica: Replica, to?: string): void {
    const value = replica.value === undefined ? {} : { value: encodeValue(replica.value) };
    this.#say(replica, { type: 'reset', seq: replica.seq, ops: { ...replica.ops }, ...value, ...(to === undefined ? {} : { to }) });
  }

  #show(replica: Replica, patch: Patch, value: unknown, origin?: { tab: string; op: number; unchanged: boolean }): void {
    replica.seq += 1;
    replica.value = value;
    for (const [name, tab] of replica.tabs) if (!origin?.unchanged || origin.tab !== name) tab.foreign = replica.seq;
    this.#say(replica, { type: 'show', seq: replica.seq, patch: encodePatch(patch), ...(origin && { origin }) });
  }
}

/** A place inside objects and arrays. */
const decided = (value: unknown, { path, mine, theirs }: EntityState['conflicts'][number], choice: Resolution): unknown => {
  const [step, ...rest] = path;
  if (step !== undefined) {
    const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }) as Record<string | number, unknown>;
    copy[step] = decided(copy[step], { id: 0, path: rest, mine, theirs }, choice);
    return copy;
  }
  if (choice.with === 'value') return choice.value && decodeValue(choice.value);
  return choice.with === 'mine' ? mine : choice.with === 'theirs' ? value : `${String(theirs)}${String(mine)}`;
};

const merged = (now: unknown, base: unknown, patch: Patch): unknown => {
  try {
    return own(apply(now, patch));
  } catch {
    return own(apply(base, patch));
  }
};
