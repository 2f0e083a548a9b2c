/**
 * What an entity can hold, and what all of `tree` agrees on about it.
 *
 * A tree is a value that this package made: plain objects and arrays, frozen, none of them twice in one tree. So a subtree that is identical
 * is unchanged, and nothing has to be looked at twice. `Date`, `Map`, `Set` and typed arrays can't be frozen; they are copied on the way in
 * and are not to be changed. Objects have their members in the order that the server has them in, that of the keys' UTF-8 bytes, so that all
 * who look at one version see one order. Keys that are array indices (`'7'`) JavaScript puts first, by size, whatever is done.
 */

/** The typed arrays that a value can hold. A `Uint8Array` is a byte string for other clients. */
export type TypedArray =
  | Uint8Array | Uint8ClampedArray | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array
  | BigUint64Array | BigInt64Array | Float32Array | Float64Array;

/** RFC 8746, little-endian; the tags of the big-endian ones are four less. A `Uint8Array` is a byte string. */
export const TYPED_TAGS: Record<string, number> = {
  Uint8ClampedArray: 68, Uint16Array: 69, Uint32Array: 70, BigUint64Array: 71, Int8Array: 72, Int16Array: 77, Int32Array: 78, BigInt64Array: 79,
  Float16Array: 84, Float32Array: 85, Float64Array: 86,
};

/** Whether this machine is. */
export const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Whether a cut there would be inside a surrogate pair. */
export const splits = (text: string, at: number): boolean => (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;

/** A container that a diff goes into. */
export type Container = Record<string, unknown> | unknown[];

/** Where something is in a value. */
export type Path = (string | number)[];

/**
 * A typed array of a kind that JavaScript has none for (RFC 8746: float128, numbers in the other byte order), as other clients may write it: carried
 * along as it is.
 */
export class RawTypedArray {
  constructor(
    /** The CBOR tag, which tells the kind. */
    readonly tag: number,
    /** The numbers, as they were written. */
    readonly bytes: Uint8Array,
  ) {}
}

/** What a value is, in the words of docs/protocol.md; `other` is what no entity can hold. */
export type Kind = 'leaf' | 'text' | 'array' | 'object' | 'date' | 'map' | 'set' | 'typed' | 'other';

export const kindOf = (value: unknown): Kind => {
  switch (typeof value) {
    case 'string':
      return 'text';
    case 'number':
    case 'boolean':
    case 'bigint':
    case 'undefined':
      return 'leaf';
    case 'object':
      break;
    default:
      return 'other';
  }
  if (value === null) return 'leaf';
  if (Array.isArray(value)) return 'array';
  const proto: unknown = Object.getPrototypeOf(value);
  // The last: an object of another window or frame.
  if (proto === Object.prototype || proto === null || Object.getPrototypeOf(proto) === null) return 'object';
  if (value instanceof Date) return 'date';
  if (value instanceof Map) return 'map';
  if (value instanceof Set) return 'set';
  if ((ArrayBuffer.isView(value) && !(value instanceof DataView)) || value instanceof RawTypedArray) return 'typed';
  return 'other';
};

/** Whether a plain map in a diff merges into this rather than replaces it. */
export const isContainer = (value: unknown): value is Container => {
  const kind = kindOf(value);
  return kind === 'object' || kind === 'array';
};

/** Sets an own member: assignment to `__proto__` would set the prototype. */
export const put = (object: Record<string, unknown>, key: string, value: unknown): void => {
  if (key === '__proto__') Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  else object[key] = value;
};

/** Not the native order, in which surrogates come before U+E000, though what they stand for comes after it. */
const rank = (unit: number): number => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800);

/** Sorts by UTF-8 bytes. */
const byBytes = (a: string, b: string): number => {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i += 1) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
};

/** JavaScript has its own order for these. */
const isIndex = (name: string): boolean => String(Number(name) >>> 0) === name;

/** The names in the order that a tree's object has them in; the list itself where it is. */
export const inOrder = (names: readonly string[]): readonly string[] => {
  for (let i = 1; i < names.length; i += 1) {
    if (byBytes(names[i - 1]!, names[i]!) > 0 && !isIndex(names[i - 1]!)) return [...names].sort(byBytes);
  }
  return names;
};

/** The members of these names, in this order. */
const pick = (object: Record<string, unknown>, names: readonly string[]): Record<string, unknown> => {
  const picked: Record<string, unknown> = {};
  for (const name of names) put(picked, name, object[name]);
  return picked;
};

/** The same members in that order. */
export const ordered = (object: Record<string, unknown>): Record<string, unknown> => {
  const names = Object.keys(object);
  const sorted = inOrder(names);
  return sorted === names ? object : pick(object, sorted);
};

/** From so many members on, V8 takes longer to list the names of an object than to copy it by them. */
const MANY = 500;
const listed = new WeakMap<object, readonly string[]>();

/** The names of the members of a tree's object. */
export const namesOf = (object: Record<string, unknown>): readonly string[] => {
  const known = listed.get(object);
  if (known) return known;
  const names = Object.keys(object);
  if (names.length >= MANY && Object.isFrozen(object)) listed.set(object, names);
  return names;
};

/** A copy of a tree's object, to be written to. */
export const copyOf = (object: Record<string, unknown>, without?: ReadonlySet<string>): Record<string, unknown> => {
  const names = namesOf(object);
  if (names.length < MANY && !without?.size) return { ...object };
  const copy: Record<string, unknown> = {};
  for (const name of names) if (!without?.has(name)) put(copy, name, object[name]);
  return copy;
};

/**
 * The object that takes the place of `old` in a tree.
 *
 * @param removed not by `delete`, which would make the object slow for good
 * @param copy one of `old` that differs from it in what is given, and that nobody else has
 */
export const renew = (
  old: Record<string, unknown>, changed: ReadonlyMap<string, unknown>, removed: ReadonlySet<string>, copy = copyOf(old, removed),
): Record<string, unknown> => {
  const added: string[] = [];
  for (const [name, value] of changed) {
    if (!Object.hasOwn(old, name)) added.push(name);
    put(copy, name, value);
  }
  if (added.length === 0) {
    const names = removed.size === 0 && listed.get(old);
    if (names) listed.set(copy, names);
    return Object.freeze(copy);
  }
  // As `Object.keys` has them, which takes longer.
  const names = [...added.filter(isIndex), ...namesOf(old), ...added.filter(name => !isIndex(name))].filter(name => !removed.has(name));
  const sorted = inOrder(names);
  return Object.freeze(sorted === names ? copy : pick(copy, sorted));
};

/** An own member, or `undefined`: `__proto__` and `constructor` are inherited by every object. */
export const member = (object: Record<string, unknown>, key: string): unknown => {
  const value = object[key];
  return value === undefined || Object.hasOwn(object, key) ? value : undefined;
};

const sameNumbers = (a: unknown, b: unknown): boolean =>
  // Numbers are one line: `==` between number and bigint is exact.
  typeof a === 'number'
    ? typeof b === 'bigint'
      ? a == (b as unknown)
      : a !== a && b !== b
    : typeof a === 'bigint' && typeof b === 'number' && a == (b as unknown);

/** Equal leaves: identity, but numbers are one line (`1` equals `1n`) and NaN equals NaN. */
export const sameLeaf = (a: unknown, b: unknown): boolean => a === b || sameNumbers(a, b);

/** Both together, of the kind of the first; `undefined` where they make no finite number, or a fraction of a bigint. */
export const sum = (a: unknown, b: number | bigint): number | bigint | undefined => {
  if (typeof a === 'bigint') return typeof b === 'bigint' ? a + b : Number.isInteger(b) ? a + BigInt(b) : undefined;
  const made = typeof a === 'number' ? a + Number(b) : NaN;
  return Number.isFinite(made) ? made : undefined;
};

/** Deep equality as docs/protocol.md has it. `Map`s and `Set`s are equal in the same order only. */
export const same = (a: unknown, b: unknown): boolean => {
  if (a === b || sameNumbers(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const kind = kindOf(a);
  if (kind !== kindOf(b)) return false;
  switch (kind) {
    case 'array': {
      const [x, y] = [a as unknown[], b as unknown[]];
      return x.length === y.length && x.every((item, i) => same(item, y[i]));
    }
    case 'object': {
      const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>];
      const keys = Object.keys(x);
      if (keys.length !== Object.keys(y).length) return false;
      return keys.every(key => Object.hasOwn(y, key) && same(x[key], y[key]));
    }
    case 'date':
      return sameLeaf((a as Date).getTime(), (b as Date).getTime());
    case 'map':
    case 'set':
      return same([...(a as Iterable<unknown>)], [...(b as Iterable<unknown>)]);
    case 'typed':
      return sameBytes(a, b);
    default:
      return false;
  }
};

/** The bytes of a typed array. */
export const bytesOf = (array: TypedArray | RawTypedArray): Uint8Array =>
  array instanceof RawTypedArray ? array.bytes : new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

const nameOf = (array: object): unknown =>
  array instanceof RawTypedArray ? array.tag : (array as unknown as Record<symbol, unknown>)[Symbol.toStringTag];

const sameBytes = (a: object, b: object): boolean => {
  if (nameOf(a) !== nameOf(b)) return false;
  const [x, y] = [bytesOf(a as TypedArray), bytesOf(b as TypedArray)];
  return x.length === y.length && x.every((byte, i) => byte === y[i]);
};

/** `a.b[2]`, for messages. */
export const pathText = (path: readonly (string | number)[]): string =>
  path.reduce<string>((text, step) => (typeof step === 'number' ? `${text}[${step}]` : text ? `${text}.${step}` : step), '') || 'the value';
