/** Values to test with, and what people do to them. */

import fc from 'fast-check';
import { copy } from '../json.js';

const key = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'c', 'id', 'key', '0', '1') },
  fc.constantFrom('', '__proto__', 'constructor', 'toString', '$undefined', '$$text', 'ключ', '😀'),
);
export const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.array(fc.constantFrom('one ', 'two ', '😀', '😁', 'é', '\n'), { maxLength: 20 }).map(parts => parts.join('')),
);
const number = fc.oneof(
  fc.constantFrom(0, 1, -1, 23, 24, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), -(2 ** 32) - 1, 2 ** 53, 1e12, 0.5, 1.1, NaN, Infinity),
  fc.integer(),
  fc.double(),
);
const bigint = fc.oneof(fc.bigInt(), fc.constantFrom(0n, 1n, -1n, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 64n), 2n ** 64n, -(2n ** 64n) - 1n, 3n ** 200n));
const typed = fc.oneof(
  fc.uint8Array({ maxLength: 5 }),
  fc.uint8ClampedArray({ maxLength: 5 }),
  fc.int8Array({ maxLength: 5 }),
  fc.uint16Array({ maxLength: 5 }),
  fc.int16Array({ maxLength: 5 }),
  fc.uint32Array({ maxLength: 5 }),
  fc.int32Array({ maxLength: 5 }),
  fc.float32Array({ maxLength: 5 }),
  fc.float64Array({ maxLength: 5 }),
  fc.bigInt64Array({ maxLength: 5 }),
  fc.bigUint64Array({ maxLength: 5 }),
);

export const { value } = fc.letrec<{ value: unknown; leaf: unknown; object: Record<string, unknown>; array: unknown[] }>(tie => ({
  leaf: fc.oneof(
    { weight: 4, arbitrary: fc.oneof(fc.constantFrom(null, true, false), text, number) },
    fc.constant(undefined),
    bigint,
    fc.date({ noInvalidDate: false }),
    typed,
  ),
  object: fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map(entries => Object.fromEntries(entries)),
  array: fc.array(tie('value'), { maxLength: 6 }),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('leaf'),
    tie('object'),
    tie('array'),
    fc.array(fc.tuple(text, tie('value')), { maxLength: 3 }).map(entries => new Map(entries)),
    fc.uniqueArray(text, { maxLength: 3 }).map(items => new Set(items)),
  ),
}));

/** An old and a next value, where the next is mostly the old one with some things done to it. */
export const pair = fc.tuple(value, value, fc.infiniteStream(fc.nat(99)), value).map(([old, other, dice, extra]): [unknown, unknown] => {
  const roll = (below: number) => (dice.next().value as number) % below;
  const edit = (at: unknown): unknown => {
    if (roll(12) === 0) return copy(extra);
    if (typeof at === 'string' && roll(3) === 0) {
      const units = [...at];
      units.splice(roll(units.length + 1), roll(3), roll(2) ? '😁' : 'x');
      return units.join('');
    }
    if (Array.isArray(at)) {
      const items = at.map(item => (roll(3) ? item : edit(item)));
      if (roll(3) === 0) items.splice(roll(items.length + 1), roll(3), ...(roll(2) ? [copy(extra)] : []));
      if (roll(8) === 0) items.reverse();
      if (roll(8) === 0) items.push(...items.splice(0, roll(3)));
      return items;
    }
    if (at instanceof Map || at instanceof Set) {
      const items = [...(at as Iterable<unknown>)].filter(() => roll(4));
      if (roll(4) === 0) items.reverse();
      return at instanceof Map ? new Map((items as [unknown, unknown][]).map(([name, item]) => [name, edit(item)])) : new Set(items);
    }
    if (typeof at === 'object' && at !== null && Object.getPrototypeOf(at) === Object.prototype) {
      const entries = Object.entries(at).filter(() => roll(8)).map(([name, item]) => [name, roll(3) ? item : edit(item)] as const);
      return Object.fromEntries(roll(5) ? entries : [...entries, ['added', copy(extra)] as const]);
    }
    return at;
  };
  return [old, roll(10) ? edit(copy(old)) : other];
});
