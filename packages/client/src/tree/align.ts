/**
 * Which elements of two lists are the same ones, and which of them stay in order when an array changes.
 *
 * Elements are numbered so that the same ones have one number. Short lists get the longest common subsequence; in long ones the numbers that occur
 * once on both sides hold fast and what lies between is aligned again. Never more than `CELLS` of work beside the length of the lists.
 */

import { latest } from './draft.js';
import { bytesOf, inOrder, kindOf, RawTypedArray, same, type TypedArray } from './value.js';

const CELLS = 1 << 21;
const ROUNDS = 4;
/** Of one hash no more are told apart: what collides more often than by chance is taken for new. */
const ALIKE = 16;
/** Of one element no more parts are hashed: what an app hands in may be endless. */
const HASHED = 1_000;

/** Positions in both lists, rising in both. */
export type Pair = readonly [number, number];

/** The elements that stay, of those that are equal. */
export const align = (old: readonly unknown[], next: readonly unknown[]): Pair[] => {
  const { a, b } = number(old, next);
  return rising(a, b);
};

/** Where each name is; -1 where it is twice. */
export const named = <E, N>(list: readonly E[], nameOf: (element: E) => N | undefined, start = 0, end = list.length): Map<N, number> => {
  const places = new Map<N, number>();
  for (let i = start; i < end; i += 1) {
    const name = nameOf(list[i]!);
    if (name !== undefined) places.set(name, places.has(name) ? -1 : i);
  }
  return places;
};

/** Of a text or a number; numbers are one line. */
export const keyOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? `t${value}` : typeof value === 'bigint' ? `n${value}` : typeof value === 'number' ? `n${Number.isInteger(value) ? BigInt(value) : value}` : undefined;

export const rising = (a: number[], b: number[]): Pair[] => {
  const pairs: Pair[] = [];
  between(a, b, 0, a.length, 0, b.length, ROUNDS, pairs);
  return pairs;
};

const between = (a: number[], b: number[], a0: number, a1: number, b0: number, b1: number, rounds: number, pairs: Pair[]): void => {
  while (a0 < a1 && b0 < b1 && a[a0] === b[b0]) pairs.push([a0++, b0++]);
  let tail = 0;
  while (a0 < a1 - tail && b0 < b1 - tail && a[a1 - 1 - tail] === b[b1 - 1 - tail]) tail += 1;
  const [n, m] = [a1 - tail - a0, b1 - tail - b0];
  if (n > 0 && m > 0) {
    if (n * m <= CELLS) for (const [i, j] of heaviest(n, m, (i, j) => Number(a[a0 + i] === b[b0 + j]))) pairs.push([a0 + i, b0 + j]);
    else if (rounds > 0) {
      const { rise: fixed, isAll } = anchors(a, b, a0, a0 + n, b0, b0 + m);
      let [i, j] = [a0, b0];
      // Without any, all of it counts as changed.
      for (const [x, y] of fixed) {
        if (!isAll) between(a, b, i, x, j, y, rounds - 1, pairs);
        pairs.push([x, y]);
        [i, j] = [x + 1, y + 1];
      }
      if (fixed.length > 0 && !isAll) between(a, b, i, a0 + n, j, b0 + m, rounds - 1, pairs);
    }
  }
  for (; tail > 0; tail -= 1) pairs.push([a1 - tail, b1 - tail]);
};

/** The choice of pairs, rising on both sides, that weighs most; what weighs nothing is no pair. */
export const heaviest = (n: number, m: number, weight: (i: number, j: number) => number): Pair[] => {
  const width = m + 1;
  // best[i][j]: what can be had from i… and j….
  const best = new Uint32Array((n + 1) * width);
  const paired = (i: number, j: number): number => {
    const here = weight(i, j);
    return here && here + best[(i + 1) * width + j + 1]!;
  };
  for (let i = n - 1; i >= 0; i -= 1) {
    for (let j = m - 1; j >= 0; j -= 1) best[i * width + j] = Math.max(paired(i, j), best[(i + 1) * width + j]!, best[i * width + j + 1]!);
  }
  const pairs: Pair[] = [];
  for (let i = 0, j = 0; i < n && j < m; ) {
    const here = best[i * width + j]!;
    if (here && paired(i, j) === here) pairs.push([i++, j++]);
    else if (best[(i + 1) * width + j] === here) i += 1;
    else j += 1;
  }
  return pairs;
};

/** What occurs once in both: the longest choice that rises in both. `isAll`: nothing occurs twice, so that there is no longer one. */
const anchors = (a: number[], b: number[], a0: number, a1: number, b0: number, b1: number): { rise: Pair[]; isAll: boolean } => {
  const mine = named(a, id => id, a0, a1);
  const theirs = named(b, id => id, b0, b1);
  const ends: number[] = [];
  const candidates: { pair: Pair; before: number }[] = [];
  for (const [id, x] of mine) {
    const y = theirs.get(id) ?? -1;
    if (x < 0 || y < 0) continue;
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (candidates[ends[middle]!]!.pair[1] < y) low = middle + 1;
      else high = middle;
    }
    candidates.push({ pair: [x, y], before: low > 0 ? ends[low - 1]! : -1 });
    ends[low] = candidates.length - 1;
  }
  const rise: Pair[] = [];
  for (let at = ends.at(-1) ?? -1; at >= 0; at = candidates[at]!.before) rise.push(candidates[at]!.pair);
  return { rise: rise.reverse(), isAll: mine.size === a1 - a0 && theirs.size === b1 - b0 };
};

/** Equal elements get one number, and so do partners, whatever they are. */
export const number = (old: readonly unknown[], next: readonly unknown[], partners?: ReadonlyMap<number, number>): { a: number[]; b: number[] } => {
  const known = new Map<unknown, number>();
  const alike = new Map<number, [unknown, number][]>();
  const found = new Set(partners?.values());
  // Where all of one side have partners, the others need not be compared.
  const isRest = found.size < old.length && found.size < next.length;
  let count = old.length;
  const idOf = (element: unknown, isOld: boolean): number => {
    if (!isRest) return count++;
    const value = latest(element);
    const key = keyOf(value) ?? value;
    const seen = known.get(key);
    if (seen !== undefined) return seen;
    let id = -1;
    if (typeof value === 'object' && value !== null) {
      left = HASHED;
      const hash = hashOf(value, 0x811c9dc5);
      const bucket = alike.get(hash) ?? [];
      id = bucket.find(([other]) => same(other, value))?.[1] ?? -1;
      // The new ones are compared with old ones only, which have an end.
      if (id < 0 && isOld && bucket.length < ALIKE) alike.set(hash, [...bucket, [value, count]]);
    }
    if (id < 0) id = count++;
    known.set(key, id);
    return id;
  };
  const a = old.map((element, i) => (found.has(i) ? i : idOf(element, true)));
  return { a, b: next.map((element, j) => partners?.get(j) ?? idOf(element, false)) };
};

const mix = (hash: number, text: string): number => {
  let mixed = hash;
  for (let i = 0; i < text.length; i += 1) mixed = Math.imul(mixed ^ text.charCodeAt(i), 0x01000193);
  return Math.imul(mixed ^ text.length, 0x01000193);
};

let left = 0;

/** The same for what is the same. */
const hashOf = (value: unknown, hash: number): number => {
  left -= 1;
  if (left < 0) return hash;
  const kind = kindOf(value);
  switch (kind) {
    case 'array':
    case 'map':
    case 'set':
      return [...(value as Iterable<unknown>)].reduce((sum: number, item) => hashOf(item, sum), mix(hash, kind));
    case 'object': {
      const object = value as Record<string, unknown>;
      return inOrder(Object.keys(object)).reduce((sum, key) => hashOf(object[key], mix(sum, key)), hash);
    }
    case 'typed':
      return mix(hash, String(bytesOf(value as TypedArray | RawTypedArray).subarray(0, HASHED)));
    default:
      return mix(hash, keyOf(value) ?? String(value));
  }
};
