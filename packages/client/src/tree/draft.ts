/**
 * Trees that may be written to: proxies that copy on the first write, so that what is not written to stays identical.
 *
 * In the copy of a node that was written to, the children that were written to are their proxies and all others the old nodes: `diff` sees by
 * identity what changed. A `Scope` is either for one `update`, or lasting (Svelte's `bind:`): then proxies of unchanged nodes are the same from
 * one version of the tree to the next, and a write finds its place in the newest one.
 */

import { InvalidValueError, mistake, TimeweftError } from '../errors.js';
import { copyOf, isContainer, kindOf, put, sum, type Container } from './value.js';

/** Asked of a proxy of ours for its draft. */
const DRAFT = Symbol('draft');

const draftOf = (value: unknown): Draft | undefined => (typeof value === 'object' ? (value as { [DRAFT]?: Draft } | null)?.[DRAFT] : undefined);

/** What a draft stands for by now; anything else is itself. */
export const latest = (value: unknown): unknown => draftOf(value)?.now ?? value;

/** The node that a draft, or a copy of what can't be frozen, was made of; anything else is itself. */
export const original = (value: unknown): unknown => (draftOf(value) ?? THAWED.get(value as object))?.base ?? value;

/** Whether this is, or may be, a node of a tree or was made of one, and not new from the app. */
export const isNode = (value: unknown): boolean => !Object.is(original(value), value) || (Object.isFrozen(value) && isContainer(value));

/** What was added to a number, with `increment`. */
export interface Increment {
  /** What was there; `undefined` for nothing. */
  readonly from: unknown;
  readonly by: number | bigint;
  /** What it came to: where that is not there any more, something else was written after. */
  readonly to: number | bigint;
}

/** By member, index or key. */
export type Increments = Map<unknown, Increment>;

/** What was written to an object or an array. */
export interface Writes {
  /** Of all members of an object that may differ, removed ones too. */
  readonly keys: ReadonlySet<string>;
  /** Whether the copy with the writes in it may become part of the tree: nobody writes to it any more, and it is as a tree's object is. */
  readonly own: boolean;
  readonly increments: Increments | undefined;
  /** Of an array: since which index elements may be others. `undefined`: they were only assigned, each at its place. */
  readonly since: number | undefined;
}

/** What was written to `value`, a draft of `old`. `undefined`: it isn't one. */
export const writesTo = (old: object, value: unknown): Writes | undefined => {
  const draft = draftOf(value);
  if (draft?.base !== old) return undefined;
  // A draft may be handed to another `update`, from inside its own or after that.
  const own = !draft.scope.open && draft.isTidy && !Object.isFrozen(draft.copy);
  return { keys: draft.written ?? NONE, own, increments: draft.increments, since: draft.since };
};

type Key = string | number;

/** The drafts of one tree. */
export class Scope {
  /** Whether writes are taken. */
  open = true;
  /** Whether the app has written something: reading what can't be frozen makes copies, too. */
  isWritten = false;
  root: Draft | undefined;
  #touched: Draft[] = [];
  readonly #drafts: Map<object, Draft> | WeakMap<object, Draft>;
  /** Copies of what can't be frozen, and what was put in by the app: both may be changed in place. */
  readonly mutable = new WeakSet<object>();

  /**
   * @param lasting whether one proxy stands for a node as long as that is in the tree
   * @param onTouch called at the first write after `start`
   */
  constructor(
    readonly lasting: boolean,
    readonly onTouch: () => void = () => {},
  ) {
    // The faster one where it is soon thrown away.
    this.#drafts = lasting ? new WeakMap() : new Map();
  }

  /** The draft of this tree; what was written before is forgotten. */
  start(tree: Container): object {
    for (const draft of this.#touched) this.#drafts.delete(draft.base);
    this.#touched = [];
    this.root = this.child(tree, undefined, '');
    return this.root.proxy;
  }

  get touched(): boolean {
    return this.#touched.length > 0;
  }

  touch(draft: Draft): void {
    this.#touched.push(draft);
    if (this.#touched.length === 1) this.onTouch();
  }

  child(node: Container, parent: Draft | undefined, key: Key): Draft {
    const known = this.#drafts.get(node);
    if (known) {
      known.parent = parent;
      known.key = key;
      return known;
    }
    const draft = new Draft(this, node, parent, key);
    this.#drafts.set(node, draft);
    return draft;
  }
}

const NONE: ReadonlySet<string> = new Set();

class Draft implements ProxyHandler<object> {
  readonly proxy: object;
  copy: Container | undefined;
  /** The members of an object that were written to or removed. */
  written: Set<string> | undefined;
  /** By member or index; of an array only as long as nothing in it moves after. */
  increments: Increments | undefined;
  /** An array's own method was called: `splice`, as the first, says where it begins. */
  since: number | undefined;
  /** No `delete` has made the copy slow, and no symbol is in it. */
  isTidy = true;

  constructor(
    readonly scope: Scope,
    readonly base: Container,
    public parent: Draft | undefined,
    public key: Key,
  ) {
    // Not the node itself: it is frozen, and a proxy of a frozen object may not show anything else.
    this.proxy = new Proxy(Array.isArray(base) ? [] : {}, this);
  }

  get now(): Container {
    return this.copy ?? this.base;
  }

  get(_: object, key: string | symbol): unknown {
    if (key === DRAFT) return this;
    const now = this.now as Record<string | symbol, unknown>;
    const value = now[key];
    if (typeof value === 'function' && Array.isArray(now) && Object.hasOwn(MUTATORS, key)) return this.#mutator(value as Mutator);
    if (typeof key === 'symbol' || !Object.hasOwn(now, key)) return value;
    const shown = this.#shown(value, key);
    if (!Object.is(shown, value) && !draftOf(shown)) put(this.write(key) as Record<string, unknown>, key, shown);
    return shown;
  }

  /** What the app may write to in place of `value`, which is or was in this: its draft or, of what can't be frozen, a copy. */
  #shown(value: unknown, key: Key): unknown {
    // What is not frozen the app has put in: it is written to as it is.
    if (isContainer(value)) return Object.isFrozen(value) ? this.scope.child(value, this, key).proxy : value;
    if (this.scope.lasting || typeof value !== 'object' || value === null || this.scope.mutable.has(value)) return value;
    const copy = thaw(value) as object;
    this.scope.mutable.add(copy);
    return copy;
  }

  /** An array's own method, on the copy: by way of the traps each element that moves would cost two of them. */
  #mutator(method: Mutator): Mutator {
    return (...given) => {
      this.#check();
      const draft = this.#live();
      draft.scope.isWritten = true;
      draft.increments = undefined;
      draft.since = draft.copy || method !== [].splice ? Infinity : (given[0] as number);
      for (const one of given) if (typeof one === 'object' && one !== null) draft.scope.mutable.add(one);
      const made = method.apply(draft.write(), given);
      if (made === draft.copy) return draft.proxy;
      return method === [].splice ? (made as unknown[]).map(item => draft.#shown(item, '')) : draft.#shown(made, '');
    };
  }

  set(_: object, key: string | symbol, value: unknown): boolean {
    this.#check();
    const draft = this.#live();
    const now = draft.now as Record<string | symbol, unknown>;
    if (Array.isArray(now) && typeof key === 'string' && !/^(\d+|length)$/.test(key)) throw invalid(`an array has no member ${key}`);
    if (key === 'length' && Array.isArray(now)) draft.increments = undefined;
    else draft.increments?.delete(String(key));
    if (Object.hasOwn(now, key) && Object.is(now[key], value)) return true;
    draft.scope.isWritten = true;
    const copy = draft.write(key) as Record<string, unknown>;
    if (typeof value === 'object' && value !== null) draft.scope.mutable.add(value);
    // Over an array this may be `length`.
    if (key === '__proto__') put(copy, key, value);
    else Reflect.set(copy, key, value);
    return true;
  }

  deleteProperty(_: object, key: string | symbol): boolean {
    this.#check();
    const draft = this.#live();
    if (!Object.hasOwn(draft.now, key)) return true;
    draft.isTidy = false;
    draft.scope.isWritten = true;
    draft.increments?.delete(String(key));
    return Reflect.deleteProperty(draft.write(key), key);
  }

  increment(key: string, by: number | bigint): void {
    this.#check();
    const draft = this.#live();
    const increments = (draft.increments ??= new Map());
    const { to } = count(draft.now, key, by, increments);
    draft.scope.isWritten = true;
    put(draft.write(key) as Record<string, unknown>, key, to);
  }

  defineProperty(target: object, key: string | symbol, descriptor: PropertyDescriptor): boolean {
    return 'value' in descriptor && this.set(target, key, descriptor.value);
  }

  has(_: object, key: string | symbol): boolean {
    return Reflect.has(this.now, key);
  }

  ownKeys(): (string | symbol)[] {
    return Reflect.ownKeys(this.now);
  }

  getOwnPropertyDescriptor(target: object, key: string | symbol): PropertyDescriptor | undefined {
    const found = Reflect.getOwnPropertyDescriptor(this.now, key);
    const isLength = key === 'length' && Array.isArray(target);
    return found && { value: this.get(target, key), writable: true, enumerable: found.enumerable ?? true, configurable: !isLength };
  }

  preventExtensions(): boolean {
    return false;
  }

  setPrototypeOf(): boolean {
    return false;
  }

  /** The copy that takes a write, to `member` of an object; every node above knows of it. */
  write(member?: Key | symbol): Container {
    if (!this.copy) {
      this.copy = Array.isArray(this.base) ? [...(this.base as unknown[])] : copyOf(this.base);
      this.scope.touch(this);
      if (this.parent) {
        const key = this.#keyIn(this.parent.write());
        if (key !== undefined) put(this.parent.write(key) as Record<string, unknown>, String(key), this.proxy);
      }
    }
    if (typeof member === 'symbol') this.isTidy = false;
    else if (member !== undefined && !Array.isArray(this.base)) (this.written ??= new Set()).add(String(member));
    return this.copy;
  }

  /** Where this is in that container. It may have moved since it was read, or be out of the tree. */
  #keyIn(container: Container): Key | undefined {
    const items = container as Record<Key, unknown>;
    const is = (value: unknown) => value === this.base || value === this.proxy;
    if (is(items[this.key])) return this.key;
    return Object.keys(items).find(key => is(items[key]));
  }

  /** The draft in the newest version of the tree that a write to this is meant for. */
  #live(): Draft {
    if (!this.scope.lasting) return this;
    if (!this.parent) return this.scope.root ?? this;
    const above = this.parent.#live();
    // Not there any more by identity: then what is now in that place.
    const key = this.#keyIn(above.now) ?? this.key;
    const value = (above.now as Record<Key, unknown>)[key];
    return draftOf(value) ?? (Object.isFrozen(value) && isContainer(value) ? this.scope.child(value, above, key) : this);
  }

  #check(): void {
    if (!this.scope.open) throw closed();
  }
}

const invalid = (why: string) => new InvalidValueError('invalid-value', why);

const closed = () => new TimeweftError('draft-closed', 'a draft is good inside update(), and increment() in a draft');

type Mutator = (...given: unknown[]) => unknown;

const MUTATORS = { copyWithin: 1, fill: 1, pop: 1, push: 1, reverse: 1, shift: 1, sort: 1, splice: 1, unshift: 1 };

/** Of what `thaw` made, what of, and what was added in it. */
const THAWED = new WeakMap<object, { readonly base: object; readonly increments: Increments }>();

/** What was added to numbers in a `Map` of a draft, or inside of it. */
export const countsIn = (value: object): Increments | undefined => THAWED.get(value)?.increments;

/** A deep copy that may be changed. */
const thaw = (value: unknown): unknown => {
  const copy = thawed(value);
  if (typeof copy === 'object' && copy !== null) THAWED.set(copy, { base: value as object, increments: new Map() });
  return copy;
};

const thawed = (value: unknown): unknown => {
  switch (kindOf(value)) {
    case 'array':
      return (value as unknown[]).map(thaw);
    case 'object': {
      const copy: Record<string, unknown> = {};
      for (const [key, item] of Object.entries(value as object)) put(copy, key, thaw(item));
      return copy;
    }
    case 'date':
      return new Date(value as Date);
    case 'map':
      return new Map([...(value as Map<unknown, unknown>)].map(([key, item]) => [thaw(key), thaw(item)]));
    case 'set':
      return new Set([...(value as Set<unknown>)].map(thaw));
    case 'typed':
      return ArrayBuffer.isView(value) ? (value as Uint8Array).slice() : value;
    default:
      return value;
  }
};

/** What an increment makes of a member, element or entry; noted in `increments`. */
const count = (now: object, key: unknown, by: number | bigint, increments?: Increments): Increment => {
  const map = now instanceof Map ? now : undefined;
  const isThere = map ? map.has(key) : Object.hasOwn(now, key as Key) && !(Array.isArray(now) && key === 'length');
  // Of two who put one in at once only one would count.
  if (!isThere && (map || Array.isArray(now))) throw new RangeError(`there is no ${String(key)} to increment: put it in first`);
  const there = map ? map.get(key) : isThere ? (now as Record<string, unknown>)[key as Key] : undefined;
  const before = increments?.get(key);
  // Assigned since, it is not what it was incremented to.
  const known = before && Object.is(before.to, there) ? before : undefined;
  const from = known ? known.from : there;
  const isNumber = ['number', 'bigint'].includes(typeof by) && (known || !isThere || typeof from === 'number' || typeof from === 'bigint');
  // Of the kind of number that is there.
  const total = isNumber ? sum(known?.by ?? (typeof (from ?? by) === 'bigint' ? 0n : 0), by) : undefined;
  const to = from === undefined || total === undefined ? total : sum(from, total);
  if (total === undefined || to === undefined) {
    throw new InvalidValueError('invalid-value', `${String(key)} can't be incremented by ${String(by)}: that takes numbers`, {
      path: [key as Key],
    });
  }
  const made = { from, by: total, to };
  increments?.set(key, made);
  return made;
};

/**
 * Adds to a number, in the function given to `update`, so that it counts: where two people add at once, both do. A number that is assigned
 * would be set to one of two values, and is a conflict. What is missing becomes `by`; a number stays a number, and a bigint a bigint.
 *
 * In an array say it after what moves elements: what `splice` or `sort` moves after is set to what it then is. So is a member that is assigned after.
 * An array or a `Map` has to have the element or entry already: of two people who put one in at once only one would count.
 *
 * @param draft the object, array or `Map` that the number is in: the draft, or something in it
 * @param key the member, the index or the key
 * @throws InvalidValueError where something else than a number is, or comes out
 * @throws RangeError where an array or a `Map` has no such element or entry
 * @example
 * note.update(draft => {
 *   increment(draft.votes, 'yes')
 *   increment(draft, 'budget', -12.5)
 *   increment(draft.stock, 'tea', 3) // a Map
 * })
 */
export const increment = <T extends object>(
  draft: T, key: T extends ReadonlyMap<infer K, unknown> ? K : keyof T & (string | number), by: number | bigint = 1,
): void => {
  if (typeof key !== 'string' && typeof key !== 'number' && !(draft instanceof Map)) throw mistake(`increment takes a name in what it is given, not ${String(key)}`);
  const known = draftOf(draft);
  if (known) return known.increment(String(key), by);
  const increments = countsIn(draft);
  const isMap = draft instanceof Map;
  // What the app has just put in is not shared yet; but a `Map` that is no draft's may be part of a value.
  if (Object.isFrozen(draft) || (isMap && !increments)) throw closed();
  const name = isMap ? key : String(key);
  const { to } = count(draft, name, by, increments);
  if (isMap) draft.set(name, to);
  else put(draft as Record<string, unknown>, name as string, to);
};

/**
 * The value that `recipe` makes of `base`: what it returns or, where that is `undefined`, the draft it was given, with what it wrote. To be handed
 * to `diff`: it may be or contain drafts.
 *
 * @throws InvalidValueError for a recipe that does both: one of them it can't have meant
 */
export const produce = (base: unknown, recipe: (draft: never) => unknown): unknown => {
  const scope = new Scope(false);
  try {
    const draft = isContainer(base) ? scope.start(base) : thaw(base);
    const made = recipe(draft as never);
    if (made === undefined || made === draft) return draft;
    // What an arrow function without braces comes to is no next value: `d => delete d.x`, where there is no x, or `d => d.items.find(is)`.
    if (Object(base) !== base || (!scope.isWritten && kindOf(made) === kindOf(base) && draftOf(made)?.scope !== scope)) return made;
    throw invalid("update()'s function changes its draft or returns the next value: put braces around what it does");
  } finally {
    scope.open = false;
  }
};
