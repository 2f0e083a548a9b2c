/**
 * Which elements of two lists are the same ones, in order: what stays when an array changes.
 *
 * Elements are numbered so that equal ones have one number. Short lists get the longest common subsequence; in long ones the numbers that occur
 * once on both sides hold fast and what lies between is aligned again. Never more than `CELLS` of work beside the length of the lists.
 */

import { latest } from './draft.js';
import { bytesOf, kindOf, RawTypedArray, same, type TypedArray } from './value.js';

const CELLS = 1 << 18;
const ROUNDS = 4;

/** Positions in both lists, rising in both. */
export type Pair = readonly [number, number];

/** The elements that stay. */
export const align = (old: readonly unknown[], next: readonly unknown[]): Pair[] => {
  const { a, b } = number(old, next);
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
    if (n * m <= CELLS) longest(a, b, a0, n, b0, m, pairs);
    else if (rounds > 0) {
      const fixed = anchors(a, b, a0, a0 + n, b0, b0 + m);
      let [i, j] = [a0, b0];
      // Without any, all of it counts as changed.
      for (const [x, y] of fixed) {
        between(a, b, i, x, j, y, rounds - 1, pairs);
        pairs.push([x, y]);
        [i, j] = [x + 1, y + 1];
      }
      if (fixed.length > 0) between(a, b, i, a0 + n, j, b0 + m, rounds - 1, pairs);
    }
  }
  for (; tail > 0; tail -= 1) pairs.push([a1 - tail, b1 - tail]);
};

const longest = (a: number[], b: number[], a0: number, n: number, b0: number, m: number, pairs: Pair[]): void => {
  const width = m + 1;
  // best[i][j]: how many of a[i…] and b[j…] can stay.
  const best = new Uint32Array((n + 1) * width);
  for (let i = n - 1; i >= 0; i -= 1) {
    for (let j = m - 1; j >= 0; j -= 1) {
      const here = i * width + j;
      best[here] = a[a0 + i] === b[b0 + j] ? best[here + width + 1]! + 1 : Math.max(best[here + width]!, best[here + 1]!);
    }
  }
  for (let i = 0, j = 0; i < n && j < m; ) {
    if (a[a0 + i] === b[b0 + j]) pairs.push([a0 + i++, b0 + j++]);
    else if (best[(i + 1) * width + j]! >= best[i * width + j + 1]!) i += 1;
    else j += 1;
  }
};

/** What occurs once in both: the longest choice that rises in both. */
const anchors = (a: number[], b: number[], a0: number, a1: number, b0: number, b1: number): Pair[] => {
  const once = (list: number[], from: number, to: number): Map<number, number> => {
    const places = new Map<number, number>();
    for (let i = from; i < to; i += 1) places.set(list[i]!, places.has(list[i]!) ? -1 : i);
    return places;
  };
  const theirs = once(b, b0, b1);
  const ends: number[] = [];
  const candidates: { pair: Pair; before: number }[] = [];
  for (const [id, x] of once(a, a0, a1)) {
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
  return rise.reverse();
};

/** Equal elements get one number. */
const number = (old: readonly unknown[], next: readonly unknown[]): { a: number[]; b: number[] } => {
  const known = new Map<unknown, number>();
  const alike = new Map<number, [unknown, number][]>();
  let count = 0;
  const idOf = (element: unknown): number => {
    const value = latest(element);
    // As text, since numbers are one line.
    const key = typeof value === 'bigint' || typeof value === 'number' ? `n${BigIntOrNumber(value)}` : typeof value === 'string' ? `t${value}` : value;
    const seen = known.get(key);
    if (seen !== undefined) return seen;
    let id = -1;
    if (typeof value === 'object' && value !== null) {
      const hash = hashOf(value, 0x811c9dc5);
      const bucket = alike.get(hash);
      id = bucket?.find(([other]) => same(other, value))?.[1] ?? -1;
      if (id < 0) {
        id = count++;
        if (bucket) bucket.push([value, id]);
        else alike.set(hash, [[value, id]]);
      }
    } else {
      id = count++;
    }
    known.set(key, id);
    return id;
  };
  return { a: old.map(idOf), b: next.map(idOf) };
};

const BigIntOrNumber = (value: number | bigint): string => (Number.isInteger(value) ? BigInt(value) : value).toString();

const mix = (hash: number, text: string): number => {
  let mixed = hash;
  for (let i = 0; i < text.length && i < 64; i += 1) mixed = Math.imul(mixed ^ text.charCodeAt(i), 0x01000193);
  return Math.imul(mixed ^ text.length, 0x01000193);
};

/** The same for what is the same. Of members the order doesn't count. */
const hashOf = (value: unknown, hash: number): number => {
  switch (kindOf(value)) {
    case 'text':
      return mix(hash, value as string);
    case 'array':
      return (value as unknown[]).reduce((sum: number, item) => hashOf(item, sum), mix(hash, 'a'));
    case 'object': {
      let sum = 0;
      for (const key of Object.keys(value as object)) sum += hashOf((value as Record<string, unknown>)[key], mix(hash, key));
      return mix(hash, `o${sum | 0}`);
    }
    case 'date':
      return mix(hash, `d${(value as Date).getTime()}`);
    case 'map':
    case 'set':
      return mix(hash, `m${(value as Set<unknown>).size}`);
    case 'typed':
      return mix(hash, `y${value instanceof RawTypedArray ? value.tag : bytesOf(value as TypedArray).length}`);
    default:
      return mix(hash, typeof value === 'bigint' || typeof value === 'number' ? BigIntOrNumber(value) : String(value));
  }
};
