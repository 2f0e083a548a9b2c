/**
 * An entity as a store. `side.ts` has the rules of how tab and host agree; here are the messages, the subscribers and when to be open at all.
 *
 * An entity is open while somebody looks at it or an edit is not on disk, and for a short while after; then no channel and no message is spent on it.
 */

import { Conflicts } from './conflict.js';
import { callable, ConflictError, errorOf, mistake, NotFoundError, TimeweftError } from './errors.js';
import { closed, namedPolicy, signedOut, tell, type Body } from './home.js';
import { incremented, incrementing, type Steps } from './increment.js';
import type { Action, EntityState, Said, ToEntity } from './messages.js';
import { ServerSide } from './server-side.js';
import { conflictOf, Side, type Op } from './side.js';
import { decodeValue } from './tree/decode.js';
import { diff, reconcile, type Change } from './tree/diff.js';
import { latest, produce } from './tree/draft.js';
import { encodePatch, encodeValue } from './tree/encode.js';
import { own } from './tree/own.js';
import { typedIn, type Patch } from './tree/patch.js';
import type { Conflict, Entity, EntityStatus, Meta, Policy, Role } from './types.js';

/** How long it stays open when nobody looks: as long as moving from one page of an app to the next takes. */
const GRACE = 1_000;
/** A pause before it is loaded again because something did not fit: should that happen every time, the tab stays usable. */
const REOPEN = 500;
/** Edits of one text or number that follow each other faster than this are taken back together. */
const TYPING = 1_000;
/** But no more of them than are made in so long: who types without a pause does not lose all of it by one undo. */
const STEP = 5_000;

/** What each of them takes, in the same order. */
const ROLES = ['viewer', 'editor', 'admin'];
const NEEDED = ['read', 'change', 'share'];

const NO_STATE: EntityState = { presence: 'unknown', status: 'loading', conflicts: [], undo: {} };

interface Waiter {
  /** Resolves or rejects when it is time. Returns whether it did. */
  check(): boolean;
  fail(error: TimeweftError): void;
}

export class EntityStore<T> extends ServerSide<T> implements Entity<T> {
  readonly #side = new Side();
  readonly #conflicts = new Conflicts({
    resolve: resolution => void this.#command({ resolve: resolution }),
    mayResolve: () => this.#mayEdit(),
    resolves: conflict => this.#side.resolves(conflict),
  });
  readonly #subscribers = new Set<{ fn: (value: T | undefined) => void }>();
  readonly #watchers = new Set<{ fn: (entity: EntityStore<T>) => void }>();
  readonly #waiters = new Set<Waiter>();
  #stop: (() => void) | undefined;
  #isOpen = false;
  /** The function given to `update` is running. */
  #isProducing = false;
  #grace: ReturnType<typeof setTimeout> | undefined;
  #reopening: ReturnType<typeof setTimeout> | undefined;
  #state = NO_STATE;
  #stateError: TimeweftError | undefined;
  #refusal: TimeweftError | undefined;
  #policy: Policy | undefined;
  #shown: T | undefined;
  /** What watchers saw last. */
  #seen: readonly unknown[] = [];
  /** The step of undo that may go on: where, since when, and when something was last typed. */
  #typed: { place: string; since: number; at: number } | undefined;

  // What is shown

  subscribe(fn: (value: T | undefined) => void): () => void {
    callable(fn);
    this.mayUse();
    const subscriber = { fn };
    this.#subscribers.add(subscriber);
    this.#look();
    fn(this.#shown);
    return () => {
      if (this.#subscribers.delete(subscriber)) this.#look();
    };
  }

  onChange(fn: (entity: this) => void): () => void {
    callable(fn);
    this.mayUse();
    const watcher = { fn: fn as (entity: EntityStore<T>) => void };
    this.#watchers.add(watcher);
    this.#look();
    return () => {
      if (this.#watchers.delete(watcher)) this.#look();
    };
  }

  get(): T | undefined {
    return this.#shown;
  }

  load(): Promise<T | undefined> {
    return this.#wait<T | undefined>((resolve, reject) => {
      if (this.home.status === 'signed-out' && !this.home.me) return reject(signedOut());
      if (this.#isKnown) return resolve(this.#shown);
      return this.error ? reject(this.error) : false;
    });
  }

  saved(): Promise<void> {
    return this.#wait<void>((resolve, reject) => {
      if (this.home.status === 'signed-out' && !this.home.me) return reject(signedOut());
      if (this.error) return reject(this.error);
      if (this.conflicts.length > 0) {
        return reject(new ConflictError('conflict', `${this.id} has a conflict: resolve it (entity.conflicts), then wait again`));
      }
      if (this.#side.ops.length > 0 || !this.#isKnown) return false;
      return this.#state.status === 'saved' && resolve();
    });
  }

  get status(): EntityStatus {
    const { presence, status } = this.#state;
    const isDecided = status === 'conflict' && this.conflicts.length === 0;
    if (isDecided || (this.#side.ops.length > 0 && (status === 'saved' || status === 'loading'))) return 'saving';
    return presence === 'unknown' && status === 'saved' ? 'loading' : status;
  }

  get meta(): Meta | undefined {
    return this.#state.meta as Meta | undefined;
  }

  get role(): Role | undefined {
    return this.#state.role;
  }

  can(what: 'read' | 'change' | 'share'): boolean {
    const { role } = this;
    const needed = NEEDED.indexOf(what);
    if (needed < 0) throw mistake(`${what} is none of ${NEEDED.join(', ')}`);
    if (role) return ROLES.indexOf(role) >= needed;
    // What is not there yet, whoever is signed in may make; not what is withdrawn.
    return this.#isKnown && what !== 'share' && this.#stateError?.code !== 'forbidden';
  }

  get conflicts(): readonly Conflict[] {
    return this.#conflicts.list;
  }

  get error(): TimeweftError | undefined {
    return this.#refusal ?? this.#stateError;
  }

  get canUndo(): boolean {
    return this.#steps[0] > 0;
  }

  get canRedo(): boolean {
    return this.#steps[1] > 0;
  }

  get policy(): Policy {
    return this.#policy ?? this.home.policy;
  }

  set policy(policy: Policy) {
    this.mayUse();
    const named = namedPolicy(policy);
    this.#policy = policy;
    if (this.#isOpen) this.#post({ type: 'policy', entity: this.id, policy: named });
    this.#conflicts.decide(policy);
  }

  // Edits

  set(value: T): void {
    this.#mayEdit();
    if (latest(value) === undefined) {
      throw errorOf('invalid-value', `undefined is no value for an entity: delete ${this.id} with delete()`);
    }
    const { view } = this.#side;
    if (view !== undefined && (this.#shown !== undefined || this.#side.waiting)) {
      const change = diff(view, value);
      // Where it has just been deleted here, the same value is something else.
      if (!change && this.#side.ops.some(({ action }) => action === 'delete')) this.#command('undelete');
      return this.#edit(change);
    }
    // Missing, deleted or not known yet: the host makes of it what it then is.
    const after = view === undefined ? own(value) : (diff(view, value)?.tree ?? view);
    this.#make({ set: encodeValue(after) }, after, { kind: 'replace', value: after });
  }

  update(fn: (value: T) => T | void): void {
    callable(fn);
    this.#produce(this.#changeable(), fn as (draft: never) => unknown);
  }

  increment(path: string | number | Steps, by: number | bigint = 1): void {
    const value = this.#changeable();
    const steps = typeof path === 'object' ? path : [path];
    if (steps.length === 0) this.#edit(incremented(value, by));
    else this.#produce(value, incrementing(steps, by));
  }

  delete(): void {
    this.#command('delete');
  }

  undelete(): void {
    this.#command('undelete');
  }

  undo(): boolean {
    this.mayUse();
    return this.canUndo && this.#command('undo');
  }

  redo(): boolean {
    this.mayUse();
    return this.canRedo && this.#command('redo');
  }

  // Of the server

  async revert(time: string | Date): Promise<void> {
    this.#mayEdit();
    // What this person saw: what others change until the old version is here is not to go with it.
    const [{ value }, seen] = await Promise.all([this.at(time), this.load()]);
    const change = seen !== undefined && this.#shown !== undefined && this.#shown !== seen ? diff(seen, value) : undefined;
    if (change) this.#command({ patch: encodePatch(change.patch) }, seen);
    else this.set(value);
    this.#typed = undefined;
  }

  // For the client

  /**
   * The host begins, or begins again: with what this person has.
   *
   * @param isOther whether that is another person than before
   */
  restart(isOther: boolean): void {
    this.#stop?.();
    this.#stop = undefined;
    if (isOther) this.#side.clear();
    this.#forget();
    if (this.#isOpen) this.#open();
    this.#changed();
  }

  /** The host does not count this tab in any more. */
  reopen(): void {
    if (!this.#isOpen) return;
    this.#join();
  }

  alive(): void {
    if (this.#side.seq !== undefined) this.home.ack(this.id, this.#side.seen);
  }

  told(): void {
    this.#changed();
  }

  /** The client is closed. */
  close(): void {
    clearTimeout(this.#grace);
    clearTimeout(this.#reopening);
    this.#close();
    for (const waiter of this.#waiters) waiter.fail(closed());
    this.#waiters.clear();
  }

  // Inside

  get #steps(): [number, number] {
    return this.#side.steps(this.#state.undo[this.home.tab] ?? [0, 0]);
  }

  get #isKnown(): boolean {
    return this.#side.seq !== undefined && this.#state.presence !== 'unknown';
  }

  #mayEdit(): void {
    this.mayUse();
    // Its draft is of a value that would not be there any more.
    if (this.#isProducing) throw new TimeweftError('nested-update', `an update of ${this.id} is under way: make this change in it, or after it`);
    if (this.home.status === 'signed-out' && !this.home.me) throw signedOut();
  }

  /** What there is to change. */
  #changeable(): T {
    this.#mayEdit();
    const value = this.#shown;
    if (value !== undefined) return value;
    const why = this.#isKnown ? `there is no ${this.id} to change: create it with set()` : `${this.id} is not loaded yet: await load() first`;
    throw new NotFoundError('not-found', why);
  }

  #produce(value: T, recipe: (draft: never) => unknown): void {
    this.#isProducing = true;
    let made: unknown;
    try {
      made = produce(value, recipe);
    } finally {
      this.#isProducing = false;
    }
    this.#edit(diff(value, made));
  }

  #edit(change: Change | undefined): void {
    if (change) this.#make({ patch: encodePatch(change.patch) }, change.tree, change.patch);
  }

  #make(action: Action, after: unknown, patch: Patch): void {
    const at = Date.now();
    const typing = typedIn(patch);
    const typed = this.#typed;
    const merge = !!typing?.goesOn && typed?.place === typing.place && at - typed.at < TYPING && at - typed.since < STEP;
    this.#typed = typing && { place: typing.place, since: merge ? typed.since : at, at };
    this.#conflicts.made(patch);
    this.#refusal = undefined;
    this.#side.edit(action, after, merge);
    this.#look();
    this.#flush();
    this.#changed();
  }

  #command(action: Action, before?: T): true {
    this.#mayEdit();
    this.#typed = undefined;
    this.#refusal = undefined;
    this.#side.command(action, before);
    this.#look();
    this.#flush();
    this.#changed();
    return true;
  }

  #post(message: Body): void {
    if (this.#stop) this.home.post(message);
  }

  #flush(): void {
    for (const op of this.#side.outgoing()) this.#send(op);
  }

  #send({ op, action, merge, again, before }: Op): void {
    const { epoch = '' } = this.home;
    const edit = { entity: this.id, epoch, op, merge };
    if (again && typeof action === 'object' && 'patch' in action) {
      this.#post({ type: 'edit-from', ...edit, base: encodeValue(before), patch: action.patch });
    } else {
      const seen = again ? this.#side.seq : this.#side.seen;
      this.#post({ type: 'edit', ...edit, seen: seen ?? 0, action });
    }
  }

  /** Opens or, a little later, closes. */
  #look(): void {
    const isWanted = this.#subscribers.size > 0 || this.#watchers.size > 0 || this.#waiters.size > 0 || this.#side.ops.length > 0;
    if (isWanted) {
      clearTimeout(this.#grace);
      this.#grace = undefined;
      if (!this.#isOpen && !this.home.isClosed) {
        this.#isOpen = true;
        this.home.hold(this, true);
        this.#open();
      }
    } else if (this.#isOpen) {
      this.#grace ??= setTimeout(() => {
        this.#grace = undefined;
        this.#close();
      }, GRACE);
    }
  }

  #open(): void {
    const { epoch, me } = this.home;
    if (epoch !== undefined && me) this.#stop = this.home.listen(this.id, message => this.#hear(message));
    this.#join();
  }

  #join(): void {
    this.#side.begin();
    this.#post({ type: 'open', entity: this.id });
    if (this.#policy !== undefined) this.#post({ type: 'policy', entity: this.id, policy: namedPolicy(this.#policy) });
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#post({ type: 'close', entity: this.id });
    this.#stop?.();
    this.#stop = undefined;
    this.#isOpen = false;
    this.#side.end();
    this.#forget();
    this.home.hold(this, false);
  }

  #forget(): void {
    this.#state = NO_STATE;
    this.#stateError = undefined;
    this.#conflicts.forget();
  }

  #hear({ epoch, said }: ToEntity): void {
    if (epoch !== this.home.epoch) return;
    try {
      for (const message of said) this.#take(message);
    } catch (error) {
      // Something that does not fit what is here: from the beginning, then.
      if (!(error instanceof TimeweftError)) throw error;
      console.warn(`timeweft: ${this.id} is loaded again:`, error);
      this.#reopening ??= setTimeout(() => {
        this.#reopening = undefined;
        this.reopen();
      }, REOPEN);
    }
    this.#flush();
    this.#changed();
    if (said.some(({ type }) => type === 'show' || type === 'reset')) this.home.ack(this.id, this.#side.seen);
    this.#look();
  }

  #take(message: Said): void {
    const { tab } = this.home;
    switch (message.type) {
      case 'reset':
        if (message.to !== undefined && message.to !== tab) return;
        this.#side.reset(message.seq, message.value && decodeValue(message.value), message.ops[tab] ?? 0);
        if (message.value && this.#state.presence === 'missing') this.#state = { ...this.#state, presence: 'present' };
        return;
      case 'show': {
        const mine = message.origin?.tab === tab ? message.origin : undefined;
        const { base } = this.#side;
        if (this.#side.show(message.seq, message.patch, mine) === 'gap') this.reopen();
        if (base === undefined && this.#side.base !== undefined && this.#state.presence === 'missing') this.#state = { ...this.#state, presence: 'present' };
        return;
      }
      case 'state':
        return this.#takeState(decodeValue(message.state) as EntityState);
      case 'kept':
        return this.#side.kept(message.ops[tab] ?? 0);
      case 'again':
        if (message.tab === tab) this.#side.again(message.op);
        return;
      case 'refused': {
        if (message.tab !== tab) return;
        const refused = this.#side.ops.find(({ op }) => op === message.op);
        const conflict = refused && conflictOf(refused.action);
        // A conflict that another tab was quicker to decide is nothing to complain of.
        if (conflict === undefined || this.#conflicts.has(conflict)) this.#refusal = errorOf(message.code, message.message);
        this.#side.refused(message.op);
      }
    }
  }

  #takeState(told: EntityState): void {
    // What is as it was keeps its identity, so that watchers are called for what is new only.
    const state = reconcile(this.#state, told) as EntityState;
    const { error } = state;
    if (error !== this.#state.error) this.#stateError = error && errorOf(error.code, error.message, error.violations);
    this.#state = state;
    this.#side.count();
    this.#conflicts.take(state.conflicts);
    this.#conflicts.decide(this.policy);
    if (state.status === 'saved' && this.#side.ops.length === 0) this.#conflicts.saved();
  }

  #value(): T | undefined {
    const { presence } = this.#state;
    if (this.#side.waiting) return this.#side.view as T;
    // Right after a reset it is not said yet whether what is there is deleted.
    if (presence === 'unknown') return this.#side.view === undefined ? undefined : this.#shown;
    return presence === 'present' ? (this.#side.view as T) : undefined;
  }

  #changed(): void {
    this.#conflicts.look();
    const value = this.#value();
    const isOther = value !== this.#shown;
    this.#shown = value;
    const seen = this.#seen;
    this.#seen = [value, this.status, this.meta, this.role, this.conflicts, this.error, this.canUndo, this.canRedo];
    if (isOther) for (const { fn } of [...this.#subscribers]) tell(() => fn(value));
    if (this.#seen.some((one, index) => one !== seen[index])) for (const { fn } of [...this.#watchers]) tell(() => fn(this));
    for (const waiter of this.#waiters) if (waiter.check()) this.#waiters.delete(waiter);
  }

  #wait<V>(check: (resolve: (value: V) => true, reject: (error: TimeweftError) => true) => boolean): Promise<V> {
    if (this.home.isClosed) return Promise.reject(closed());
    return new Promise<V>((resolve, reject) => {
      const fail = (error: TimeweftError): true => (reject(error), true);
      const waiter = { check: () => check(value => (resolve(value), true), fail), fail };
      if (waiter.check()) return;
      this.#waiters.add(waiter);
      this.#look();
    }).finally(() => this.#look());
  }
}
