/**
 * One epoch: one person's replicas from a `start` of the wasm to the next.
 *
 * What comes from tabs, server and timers is handed to the wasm, one call after the other, and the effects of each are performed in order
 * before the next. An entity that is not in memory is read from IndexedDB first; what comes for it meanwhile waits in a queue of its own.
 * After a trap, and after `end`, calls do nothing: the next epoch begins from what is stored.
 */

import { randomId, type Action, type Said, type Upstream } from '../messages.js';
import type { Storage } from './storage.js';
import type { Tabs } from './tabs.js';
import type { Edited, Effect, ReplicaAction, ReplicaEvent, Replicas, Send } from './wasm.js';

export interface RunOptions {
  readonly epoch: string;
  readonly personId: string;
  readonly replicas: Replicas;
  readonly storage: Storage;
  readonly tabs: Tabs;
  send(send: Send): void;
  unauthorized(): void;
  /** `what` names the call, so that one that traps again and again can be told from bad luck. */
  trapped(what: string, error: unknown): void;
  /** Whether that call has trapped too often to be made again. */
  poisonous(what: string): boolean;
  /** Something has trapped: which edit it was is found out one by one. */
  readonly careful: boolean;
}

/** A message about one entity. */
export type ForEntity = Extract<Upstream, { entity: string }>;

type Edit = Extract<ForEntity, { op: number }>;

const BROKEN = 'This edit can not be processed, and was left out. Please report it to the developers of Timeweft.';

/** Tabs that are behind hold back the others' edits no longer than this. */
const PATIENCE = 100;
const OF_TABS: readonly ReplicaEvent['tag'][] = ['join', 'leave', 'gone', 'edit-from', 'policy'];

/** The replicas' clock. */
const TICK = 1_000;
/** Pauses before `again`. */
const LATER = 200;
const LATER_MOST = 10_000;

export class Run {
  readonly #options: RunOptions;
  readonly #loading = new Map<string, (() => void)[]>();
  readonly #later = new Map<string, { tries: number; at: number; timer: ReturnType<typeof setTimeout> }>();
  /**
   * Edits that have come, by entity, until those that are behind them in the queue of messages are here too, and tabs have taken in what was shown
   * last: many are one call, and few changes. Else thirty tabs that write are busy with what each other writes, and their edits come one by one.
   */
  readonly #edits = new Map<string, Edited[]>();
  readonly #turn = new MessageChannel();
  #waiting: ReturnType<typeof setTimeout> | undefined;
  /** What is about to be said. */
  #saying: { entity: string; said: Said[] } | undefined;
  #restored: Promise<void> = Promise.resolve();
  #ticking: ReturnType<typeof setInterval> | undefined;
  #over = false;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#turn.port1.onmessage = ({ data }: MessageEvent<string>) => this.#ready(data);
  }

  get epoch(): string {
    return this.#options.epoch;
  }

  begin(): void {
    const { replicas, personId } = this.#options;
    this.#ask('start', () => replicas.start(randomId(), personId));
  }

  end(): void {
    this.#flush();
    this.#over = true;
    this.#turn.port1.close();
    clearTimeout(this.#waiting);
    clearInterval(this.#ticking);
    for (const { timer } of this.#later.values()) clearTimeout(timer);
  }

  /** Brings back what the server does not have yet, whether or not a tab opens it. One after the other: tabs that open something go first. */
  restore(): void {
    this.#restored = this.#options.storage.unsent().then(async entities => {
      for (const entity of entities) {
        await new Promise<void>(resolve => {
          // Left at once, by nobody: it is forgotten if nothing was unsent after all. But not before the tabs that wait for it have joined.
          const leave = (): void => {
            const others = this.#loading.get(entity);
            if (others?.length) others.push(leave);
            else resolve(this.#leave(entity, ''));
          };
          if (!this.#with(entity, leave)) resolve();
        });
      }
    });
  }

  /** The entities with edits that the server does not have, once those that are on disk are known. */
  async unsent(): Promise<string[]> {
    await this.#restored;
    for (let [queue] = this.#loading.values(); queue && !this.#over; [queue] = this.#loading.values()) {
      const waiting = queue;
      await new Promise<void>(resolve => waiting.push(resolve));
    }
    return this.unsentNow() ?? [];
  }

  /** Those in memory; `undefined` where it is not known any more. */
  unsentNow(): string[] | undefined {
    this.#flush();
    return this.#ask('unsent', () => this.#options.replicas.unsent());
  }

  holds(entity: string): boolean {
    return this.#ask('holds', () => this.#options.replicas.holds(entity)) ?? false;
  }

  take(message: ForEntity): void {
    const { tabs, personId } = this.#options;
    const { entity, tab } = message;
    if (this.#over || ('epoch' in message && message.epoch !== this.epoch)) return;
    if (message.type === 'open') {
      const first = tabs.open(personId, entity, tab);
      this.#with(entity, () => {
        // It may have left while the entity was read.
        if (!tabs.isOpen(entity, tab)) return this.#leave(entity, tab);
        if (first) this.#handle({ tag: 'policy', val: { entity, policy: tabs.policy(tab) } });
        this.#handle({ tag: 'join', val: { entity, tab } });
      });
    } else if (message.type === 'close') {
      tabs.leave(entity, tab);
      this.silent(entity, tab);
    } else if (!tabs.isOpen(entity, tab)) {
      tabs.toTab(tab, { type: 'reopen', entity });
    } else if (message.type === 'policy') {
      this.#with(entity, () => this.#handle({ tag: 'policy', val: { entity, policy: message.policy } }));
    } else if (!this.#with(entity, () => this.#edit(message))) {
      this.#refuse(message, 'internal', BROKEN);
    }
  }

  ack(entity: string, tab: string): void {
    const { tabs } = this.#options;
    if (!tabs.isOpen(entity, tab)) return tabs.toTab(tab, { type: 'reopen', entity });
    tabs.acked(entity, tab);
    this.#ready(entity);
  }

  gone(tab: string): void {
    this.#handle({ tag: 'gone', val: tab });
  }

  /** The tab has left the entity: it said so, or did not ack. */
  silent(entity: string, tab: string): void {
    if (!this.#loading.has(entity)) this.#leave(entity, tab);
  }

  connected(): void {
    clearInterval(this.#ticking);
    const tick = (): void => this.#handle({ tag: 'tick', val: performance.now() });
    tick();
    this.#handle({ tag: 'connected' });
    if (!this.#over) this.#ticking = setInterval(tick, TICK);
  }

  disconnected(): void {
    clearInterval(this.#ticking);
    this.#handle({ tag: 'disconnected' });
  }

  receive(frame: Uint8Array): void {
    this.#handle({ tag: 'receive', val: frame });
  }

  poll(): void {
    this.#handle({ tag: 'poll' });
  }

  #leave(entity: string, tab: string): void {
    this.#handle({ tag: 'leave', val: { entity, tab } });
  }

  #edit(message: Edit): void {
    const { entity, tab, op, merge } = message;
    const what = named(entity, message);
    if (this.#options.poisonous(what)) return this.#refuse(message, 'internal', BROKEN);
    // It was read, and that gave nothing: it is no entity's name.
    if (!this.holds(entity)) return this.#refuse(message, 'bad-request', `${entity} is not the name of an entity: type:id`);
    if (message.type === 'edit-from') return this.#handle({ tag: 'edit-from', val: { entity, tab, op, merge, base: message.base, patch: message.patch } }, what);
    const edit = { tab, op, seen: message.seen, merge, action: tagged(message.action) };
    if (this.#options.careful) return this.#handle({ tag: 'edit', val: { entity, edits: [edit] } }, what);
    const waiting = this.#edits.get(entity);
    if (waiting) return void waiting.push(edit);
    this.#edits.set(entity, [edit]);
    this.#turn.port2.postMessage(entity);
  }

  /** Hands on the edits of an entity, unless there are tabs that are behind. */
  #ready(entity: string): void {
    if (!this.#edits.has(entity)) return;
    if (!this.#options.tabs.owe(entity)) this.#flush([entity]);
    else this.#waiting ??= setTimeout(() => this.#flush(), PATIENCE);
  }

  /** Hands on the edits that have come so far. */
  #flush(entities = [...this.#edits.keys()]): void {
    for (const entity of entities) {
      const edits = this.#edits.get(entity) ?? [];
      this.#edits.delete(entity);
      if (edits.length) this.#handle({ tag: 'edit', val: { entity, edits } }, edits.map(edit => named(entity, edit)).join());
    }
    if (this.#edits.size) return;
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
  }

  #refuse({ entity, tab, op }: Edit, code: string, message: string): void {
    this.#say(entity, { type: 'refused', tab, op, code, message });
    this.#tell();
  }

  /** Runs `task` when the entity is in memory; `false` if it never will. */
  #with(entity: string, task: () => void): boolean {
    const queue = this.#loading.get(entity);
    if (queue) queue.push(task);
    else if (this.holds(entity)) task();
    else return this.#load(entity, [task]);
    return true;
  }

  #load(entity: string, queue: (() => void)[]): boolean {
    const what = `load ${entity}`;
    if (this.#over || this.#options.poisonous(what)) return false;
    this.#loading.set(entity, queue);
    void this.#options.storage.load(entity).then(({ snapshot, journal }) => {
      this.#handle({ tag: 'load', val: { entity, snapshot, journal } }, what);
      // A task may add to the queue it is in.
      for (let task = queue.shift(); task; task = queue.shift()) task();
      this.#loading.delete(entity);
    });
    return true;
  }

  /** `what` names it should it trap; only that of loads and edits is ever asked for again. */
  #handle(event: ReplicaEvent, what: string = event.tag): void {
    // What tabs do stays in order.
    if (OF_TABS.includes(event.tag)) this.#flush();
    for (const effect of this.#ask(what, () => this.#options.replicas.handle(event)) ?? []) {
      const said = saidBy(effect);
      if (said) this.#say(...said);
      else this.#perform(effect);
    }
    this.#tell();
  }

  #ask<T>(what: string, call: () => T): T | undefined {
    if (this.#over) return undefined;
    try {
      return call();
    } catch (error) {
      this.#over = true;
      this.end();
      this.#options.trapped(what, error);
      return undefined;
    }
  }

  #perform(effect: Effect): void {
    const { storage } = this.#options;
    this.#tell();
    switch (effect.tag) {
      case 'send': {
        const { val } = effect;
        // A change under a key that is not on disk would be made again after a crash, under another.
        return storage.onceWritten(val.entity, () => this.#over || this.#options.send(val));
      }
      case 'save':
        return storage.save(effect.val);
      case 'later':
        return this.#wait(effect.val);
      case 'forget':
        clearTimeout(this.#later.get(effect.val)?.timer);
        this.#later.delete(effect.val);
        return;
      case 'unauthorized':
        return this.#options.unauthorized();
    }
  }

  #say(entity: string, said: Said): void {
    if (this.#saying?.entity !== entity) this.#tell();
    (this.#saying ??= { entity, said: [] }).said.push(said);
  }

  /** Says what there is to say: of thirty tabs that hear each of thirty edits by itself, none does anything else. */
  #tell(): void {
    if (!this.#saying) return;
    const { entity, said } = this.#saying;
    this.#saying = undefined;
    this.#options.tabs.toEntity(entity, { epoch: this.epoch, said });
  }

  #wait(entity: string): void {
    const last = this.#later.get(entity);
    clearTimeout(last?.timer);
    const now = Date.now();
    // What went well for a while begins with short pauses again.
    const tries = last && now - last.at < 3 * LATER_MOST ? last.tries + 1 : 0;
    const pause = Math.min(LATER_MOST, LATER * 2 ** tries) * (0.5 + Math.random() / 2);
    const timer = setTimeout(() => this.#handle({ tag: 'again', val: entity }), pause);
    this.#later.set(entity, { tries, at: now, timer });
  }
}

const named = (entity: string, { tab, op }: { tab: string; op: number }): string => `edit ${entity} ${tab} ${op}`;

/** What tabs are told of an effect, and for which entity. */
const saidBy = (effect: Effect): [entity: string, said: Said] | undefined => {
  switch (effect.tag) {
    case 'show': {
      const { entity, seq, patch, origin } = effect.val;
      return [entity, { type: 'show', seq, patch, ...(origin && { origin }) }];
    }
    case 'reset': {
      const { entity, seq, to, value, ops } = effect.val;
      return [entity, { type: 'reset', seq, ops: Object.fromEntries(ops), ...(to && { to }), ...(value && { value }) }];
    }
    case 'state':
      return [effect.val.entity, { type: 'state', state: effect.val.state }];
    case 'refused': {
      const { entity, tab, op, code, message } = effect.val;
      return [entity, { type: 'refused', tab, op, code, message }];
    }
    case 'repeat':
      return [effect.val.entity, { type: 'again', tab: effect.val.tab, op: effect.val.op }];
    default:
      return undefined;
  }
};

const tagged = (action: Action): ReplicaAction => {
  if (typeof action === 'string') return { tag: action };
  if ('patch' in action) return { tag: 'patch', val: action.patch };
  if ('set' in action) return { tag: 'set', val: action.set };
  const { conflict, with: choice, value } = action.resolve;
  return { tag: 'resolve', val: { conflict, with: choice === 'value' ? { tag: choice, val: value } : { tag: choice } } };
};
