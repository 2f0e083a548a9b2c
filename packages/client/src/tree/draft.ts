/**
 * Trees that may be written to: proxies that copy on the first write, so that what is not written to stays identical.
 *
 * In the copy of a node that was written to, the children that were written to are their proxies and all others the old nodes: `diff` sees by
 * identity what changed. A `Scope` is either for one `update`, or lasting (Svelte's `bind:`): then proxies of unchanged nodes are the same from
 * one version of the tree to the next, and a write finds its place in the newest one.
 */

import { TimeweftError } from '../errors.js';
import { copyOf, isContainer, kindOf, put, type Container } from './value.js';

/** Asked of a proxy of ours for its draft. */
const DRAFT = Symbol('draft');

const draftOf = (value: object): Draft | undefined => (value as { [DRAFT]?: Draft })[DRAFT];

/** What a draft stands for by now; anything else is itself. */
export const latest = (value: unknown): unknown => (typeof value === 'object' && value !== null ? (draftOf(value)?.now ?? value) : value);

/** What was written to an object. */
export interface Writes {
  /** Of all members that may differ, removed ones too. */
  readonly keys: ReadonlySet<string>;
  /** Whether the copy with the writes in it may become part of the tree: nobody writes to it any more, and it is as a tree's object is. */
  readonly own: boolean;
}

/** What was written to `value`, a draft of `old`. `undefined`: it isn't one. */
export const writesTo = (old: object, value: unknown): Writes | undefined => {
  const draft = draftOf(value as object);
  return draft?.base === old ? { keys: draft.written ?? NONE, own: !draft.scope.lasting && draft.isTidy } : undefined;
};

type Key = string | number;

/** The drafts of one tree. */
export class Scope {
  /** Whether writes are taken. */
  open = true;
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
    if (typeof value !== 'object' || value === null || typeof key === 'symbol' || !Object.hasOwn(now, key)) return value;
    if (draftOf(value)) return value;
    // What is not frozen the app has put in: it is written to as it is.
    if (Object.isFrozen(value) && isContainer(value)) return this.scope.child(value, this, key).proxy;
    if (this.scope.lasting || isContainer(value) || this.scope.mutable.has(value)) return value;
    const copy = thaw(value) as object;
    this.scope.mutable.add(copy);
    put(this.write(key) as Record<string, unknown>, key, copy);
    return copy;
  }

  /** An array's own method, on the copy: by way of the traps each element that moves would cost two of them. */
  #mutator(method: Mutator): Mutator {
    return (...given) => {
      this.#check();
      const draft = this.#live();
      for (const one of given) if (typeof one === 'object' && one !== null) draft.scope.mutable.add(one);
      const made = method.apply(draft.write(), given);
      if (made === draft.copy) return draft.proxy;
      const asDraft = (item: unknown) => (Object.isFrozen(item) && isContainer(item) ? draft.scope.child(item, draft, '').proxy : item);
      return Array.isArray(made) && !Object.isFrozen(made) && !draftOf(made) ? made.map(asDraft) : asDraft(made);
    };
  }

  set(_: object, key: string | symbol, value: unknown): boolean {
    this.#check();
    const draft = this.#live();
    const now = draft.now as Record<string | symbol, unknown>;
    if (Object.hasOwn(now, key) && Object.is(now[key], value)) return true;
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
    return Reflect.deleteProperty(draft.write(key), key);
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
    if (typeof value !== 'object' || value === null) return this;
    return draftOf(value) ?? (Object.isFrozen(value) && isContainer(value) ? this.scope.child(value, above, key) : this);
  }

  #check(): void {
    if (this.scope.open) return;
    throw new TimeweftError('draft-closed', 'a draft is only good inside the function given to update(): call update() again');
  }
}

type Mutator = (...given: unknown[]) => unknown;

const MUTATORS = { copyWithin: 1, fill: 1, pop: 1, push: 1, reverse: 1, shift: 1, sort: 1, splice: 1, unshift: 1 };

/** A deep copy that may be changed. */
const thaw = (value: unknown): unknown => {
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

/**
 * The value that `recipe` makes of `base`: what it returns or, where that is `undefined`, the draft it was given, with what it wrote. To be handed
 * to `diff`: it may be or contain drafts.
 */
export const produce = (base: unknown, recipe: (draft: never) => unknown): unknown => {
  if (!isContainer(base)) {
    const made = recipe(base as never);
    return made === undefined ? base : made;
  }
  const scope = new Scope(false);
  try {
    const draft = scope.start(base);
    const made = recipe(draft as never);
    return made === undefined ? draft : made;
  } finally {
    scope.open = false;
  }
};
