/**
 * From what an app hands in to a tree: checked, copied and frozen.
 *
 * Always copied, also what is frozen already: else one node could be in a tree twice, and what an app keeps a reference to would be frozen
 * under its hands. Where that matters (the parts of the old tree that stay) `diff` keeps the old nodes and does not come here.
 */

import { InvalidValueError, TooLargeError } from '../errors.js';
import { latest } from './draft.js';
import { inOrder, kindOf, pathText, put, RawTypedArray, type Path, type TypedArray } from './value.js';

/** Levels of a value: twice the default of a server, which can't be set higher. */
export const MAX_DEPTH = 256;
/** A node takes a byte at least, and no server takes more: bounds what shared subtrees expand to. */
const MAX_NODES = 1 << 24;

/** One pass over a new value. */
export class Owner {
  readonly #path: Path = [];
  readonly #above: unknown[] = [];
  #nodes = 0;

  /** The tree of `value`, which is at `path` below what this started from. */
  own(value: unknown): unknown {
    this.#nodes += 1;
    if (this.#nodes > MAX_NODES) throw new TooLargeError('too-large', 'the value has more than 16 MiB: split it into several entities');
    const source = latest(value);
    switch (kindOf(source)) {
      case 'leaf':
        return source;
      case 'text':
        return this.#text(source as string);
      case 'array': {
        this.enter(source);
        const items = source as unknown[];
        const copy = new Array<unknown>(items.length);
        for (let i = 0; i < items.length; i += 1) copy[i] = this.at(i, items[i]);
        this.leave();
        return Object.freeze(copy);
      }
      case 'object': {
        this.enter(source);
        const copy: Record<string, unknown> = {};
        for (const key of inOrder(Object.keys(source as object))) put(copy, this.#text(key), this.at(key, (source as Record<string, unknown>)[key]));
        this.leave();
        return Object.freeze(copy);
      }
      case 'date':
        return new Date((source as Date).getTime());
      case 'map': {
        this.enter(source);
        const entries = [...(source as Map<unknown, unknown>)];
        const copy = new Map(entries.map(([key, item], index) => [this.at(index, key), this.at(typeof key === 'string' ? key : index, item)]));
        this.leave();
        return copy;
      }
      case 'set': {
        this.enter(source);
        const copy = new Set([...(source as Set<unknown>)].map((item, index) => this.at(index, item)));
        this.leave();
        return copy;
      }
      case 'typed':
        return ownTyped(source as TypedArray | RawTypedArray);
      default:
        throw this.refusal(source);
    }
  }

  /** The tree of a member or element. */
  at(step: string | number, value: unknown): unknown {
    // Most are leaves: for those the path is not touched.
    if (value === null || (typeof value !== 'object' && typeof value !== 'string' && typeof value !== 'function' && typeof value !== 'symbol')) return value;
    this.#path.push(step);
    const owned = this.own(value);
    this.#path.pop();
    return owned;
  }

  /** Walks into a container, also for a diff that goes inside. */
  enter(container: unknown): void {
    this.#above.push(container);
    if (this.#above.length < MAX_DEPTH) return;
    const place = pathText(this.#path.slice(0, 8));
    if (new Set(this.#above).size < this.#above.length) {
      throw new InvalidValueError('invalid-value', `a value can't contain itself: there is a cycle in ${place}`, { path: this.#path.slice(0, 8) });
    }
    throw new TooLargeError('too-large', `the value is nested deeper than ${MAX_DEPTH} levels, at ${place}`);
  }

  leave(): void {
    this.#above.pop();
  }

  down(step: string | number): void {
    this.#path.push(step);
  }

  up(): void {
    this.#path.pop();
  }

  #text(text: string): string {
    if (isWellFormed(text)) return text;
    throw this.#invalid('holds half of a surrogate pair: cut texts between whole characters');
  }

  /** Why this can't be part of a value. */
  refusal(value: unknown): InvalidValueError {
    const what =
      typeof value === 'object' ? `is a ${value?.constructor?.name ?? 'foreign object'}` : typeof value === 'function' ? 'is a function' : `is a ${typeof value}`;
    return this.#invalid(`${what}: an entity holds JSON, undefined, bigint, Date, Map, Set, Uint8Array and typed arrays`);
  }

  #invalid(why: string): InvalidValueError {
    return new InvalidValueError('invalid-value', `${pathText(this.#path)} ${why}`, { path: [...this.#path] });
  }
}

const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?:[^\ud800-\udbff]|^)[\udc00-\udfff]/;
const isWellFormed = (text: string): boolean => {
  const native = (text as { isWellFormed?: () => boolean }).isWellFormed;
  return native ? native.call(text) : !LONE.test(text);
};

const ownTyped = (source: TypedArray | RawTypedArray): unknown => {
  if (source instanceof RawTypedArray) return new RawTypedArray(source.tag, source.bytes.slice());
  // Node's Buffer and other subclasses become what they stand for; their `slice` may not copy.
  if (source instanceof Uint8Array) return Uint8Array.prototype.slice.call(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
  return source.slice();
};

/**
 * The tree of a whole value.
 *
 * @throws InvalidValueError that names the path of what no entity can hold, or for a cycle
 * @throws TooLargeError for what is too deep or too large for any server
 */
export const own = (value: unknown): unknown => new Owner().own(value);
