/**
 * From an old tree and whatever an app says is next to the patch between them and the next tree.
 *
 * In that tree every subtree that is as before *is* the one before, also where the app made its value anew; what is new is checked, copied and
 * frozen. Subtrees that are identical are not looked at: one changed leaf costs the nodes above it.
 *
 * The patch says what was done, as far as that can be seen, so that it merges with what others do meanwhile: texts are edited, elements of arrays
 * move (`match.ts` has which is which), entries of a `Map` or `Set` come and go. Only what is past a server's limit is said outright.
 */

import { align } from './align.js';
import { countsIn, isNode, latest, writesTo, type Increment, type Increments, type Writes } from './draft.js';
import { match } from './match.js';
import { Owner } from './own.js';
import { NOTHING, REMOVE, type EntryStep, type Patch } from './patch.js';
import { Splices } from './splices.js';
import { texts } from './texts.js';
import { kindOf, namesOf, renew, same, sameLeaf } from './value.js';

/** A patch, and the tree that it makes of the one before. */
export interface Change {
  readonly patch: Patch;
  readonly tree: unknown;
}

/** Servers take diffs of 100,000 operations. */
const MAX_OPERATIONS = 90_000;

/**
 * The change from the tree `old` to `next`, which may hold drafts. `undefined` when they are the same.
 *
 * @param trusted `next` is a tree of nobody else's, as a decoder makes it: it is not copied
 * @throws InvalidValueError, TooLargeError as `own` does
 */
export const diff = (old: unknown, next: unknown, trusted = false): Change | undefined => new Differ(trusted).between(old, next);

/** `next`, a tree of nobody else's, with the nodes of `old` wherever they are equal. */
export const reconcile = (old: unknown, next: unknown): unknown => {
  if (old === undefined || next === undefined) return next;
  const change = diff(old, next, true);
  return change ? change.tree : old;
};

class Differ {
  /** Members and steps, as a server counts them. */
  #operations = 0;
  readonly #owner = new Owner();

  constructor(readonly trusted: boolean) {}

  between(old: unknown, given: unknown): Change | undefined {
    if (old === given) return undefined;
    const next = latest(given);
    if (sameLeaf(old, next)) return undefined;
    const kind = kindOf(next);
    if (kind === kindOf(old)) {
      if (kind === 'object' || kind === 'array' || kind === 'map' || kind === 'set') return this.#parts(kind, old as object, next as object, given);
      if (kind === 'text') {
        const tree = this.#own(next) as string;
        const steps = texts(old as string, tree);
        // One stretch is part of its member.
        this.#operations += Math.max(0, steps.length - 3);
        return { tree, patch: { kind: 'text', steps } };
      }
      if (kind !== 'leaf' && same(old, next)) return undefined;
    }
    const tree = this.#own(next);
    return { tree, patch: become(tree) };
  }

  #parts(kind: 'object' | 'array' | 'map' | 'set', old: object, next: object, given: unknown): Change | undefined {
    const before = this.#operations;
    this.#owner.enter(next);
    const writes = writesTo(old, given as object);
    const counts = writes ? writes.increments : countsIn(next);
    let change: Change | undefined;
    if (kind === 'object') change = this.#members(old as Record<string, unknown>, next as Record<string, unknown>, counts, writes);
    else if (kind === 'array') change = this.#elements(old as unknown[], next as unknown[], counts, writes);
    else change = this.#entries(old as Iterable<unknown>, next as Iterable<unknown>, counts, kind === 'map');
    this.#owner.leave();
    if (!change || this.#operations - before <= MAX_OPERATIONS) return change;
    this.#operations = before;
    return outright(change.tree);
  }

  #own(value: unknown): unknown {
    return this.trusted ? value : this.#owner.own(value);
  }

  #added(step: string | number, value: unknown): unknown {
    return this.trusted ? value : this.#owner.at(step, value);
  }

  #inside(step: string | number, old: unknown, next: unknown): Change | undefined {
    this.#owner.down(step);
    const change = this.between(old, next);
    this.#owner.up();
    return change;
  }

  #members(old: Record<string, unknown>, next: Record<string, unknown>, counts: Increments | undefined, writes: Writes | undefined): Change | undefined {
    const start = this.#operations;
    const members = new Map<string, Patch>();
    const changed = new Map<string, unknown>();
    const large: { key: string; cost: number }[] = [];
    let kept = 0;
    for (const key of writes?.keys ?? Object.keys(next)) {
      if (writes && !Object.hasOwn(next, key)) continue;
      const value = next[key];
      const isThere = Object.hasOwn(old, key);
      if (isThere) kept += 1;
      if (isThere && old[key] === value) continue;
      const before = this.#operations;
      let change = counted(counts?.get(key), isThere ? old[key] : undefined, value);
      if (!change && !isThere) {
        this.#own(key);
        const added = this.#added(key, value);
        change = { tree: added, patch: become(added) };
      }
      change ??= this.#inside(key, old[key], value);
      if (!change) continue;
      if (this.#operations > before) large.push({ key, cost: this.#operations - before });
      changed.set(key, change.tree);
      members.set(key, change.patch);
    }
    const removed = new Set<string>();
    for (const key of writes?.keys ?? (kept < namesOf(old).length ? namesOf(old) : [])) {
      if (!Object.hasOwn(old, key) || Object.hasOwn(next, key)) continue;
      removed.add(key);
      members.set(key, REMOVE);
    }
    if (members.size === 0) return undefined;
    this.#operations += members.size;
    // Past the limit the largest parts are said outright first, so that the rest still merges.
    for (const { key, cost } of this.#operations - start > MAX_OPERATIONS ? large.sort((a, b) => b.cost - a.cost) : []) {
      if (this.#operations - start <= MAX_OPERATIONS) break;
      members.set(key, outright(changed.get(key)).patch);
      this.#operations -= cost;
    }
    // In the draft's own copy what was written, and is the same after all, becomes what it was.
    if (writes?.own) for (const key of writes.keys) if (!changed.has(key)) changed.set(key, old[key]);
    return { tree: renew(old, changed, removed, writes?.own ? next : undefined), patch: { kind: 'map', members } };
  }

  #elements(old: readonly unknown[], next: readonly unknown[], counts: Increments | undefined, writes: Writes | undefined): Change | undefined {
    // Without those at whose index something else is by now.
    const increments = counts?.size ? new Map([...counts].filter(([index, { to }]) => Object.is(next[Number(index)], to))) : undefined;
    const shorter = Math.min(old.length, next.length);
    // Where there are nodes, as in a draft, each is an element by itself: what only holds the same as one may not take its place.
    const isNew = this.trusted || !(writes || next.some(isNode));
    const equal = (i: number, j: number): boolean => {
      const now = latest(next[j]);
      return !increments?.has(String(j)) && (old[i] === now || ((isNew || typeof now !== 'object') && same(old[i], now)));
    };
    let head = 0;
    const most = Math.min(shorter, writes?.since ?? shorter);
    while (head < most && equal(head, head)) head += 1;
    let tail = 0;
    while (tail < shorter - head && equal(old.length - 1 - tail, next.length - 1 - tail)) tail += 1;
    const [oldEnd, nextEnd] = [old.length - tail, next.length - tail];
    // What was incremented is found by what it was.
    const shown = increments ? next.map((item, j) => increments.get(String(j))?.from ?? item) : next;
    const around = [part(old, 0, head), part(old, oldEnd, old.length)];
    const found = match(part(old, head, oldEnd), part(shown, head, nextEnd), around, writes && writes.since === undefined);
    const stay = found.stay.map(([i, j]) => [i + head, j + head] as const);
    const partners = new Map(Array.from(found.partners, ([j, i]) => [j + head, i + head]));
    const staying = new Set(stay.map(([i]) => i));
    const numbers = new Map<number, number>();
    for (const i of Int32Array.from(partners.values()).sort()) if (!staying.has(i)) numbers.set(i, numbers.size);
    const made = new Splices(old);
    made.keep(head);
    let [i, j] = [head, head];
    for (const [x, y] of [...stay, [oldEnd, nextEnd] as const]) {
      this.#between(made, numbers, partners, old, i, x, next, j, y);
      if (x === oldEnd) break;
      made.at(counted(increments?.get(String(y)), old[x], next[y]) ?? (partners.get(y) === x ? this.#inside(y, old[x], next[y]) : undefined));
      [i, j] = [x + 1, y + 1];
    }
    made.keep(tail);
    const { steps, items } = made.end();
    // Each element that is taken counts, and each that is put, also in a run.
    this.#operations += steps.length + 2 * numbers.size;
    if (!items) return undefined;
    if (made.isSpliced) return { tree: items, patch: { kind: 'array', steps } };
    const members = new Map<string, Patch>();
    let at = 0;
    for (const step of steps) {
      if (typeof step === 'number') at += step;
      else if ('at' in step && step.at) members.set(String(at++), step.at);
    }
    return { tree: items, patch: { kind: 'map', members } };
  }

  /** Between two elements that stay: `old[i…x]` becomes `next[j…y]`. What moves has a number, and a partner on the other side. */
  #between(
    made: Splices, numbers: ReadonlyMap<number, number>, partners: ReadonlyMap<number, number>,
    old: readonly unknown[], i: number, x: number, next: readonly unknown[], j: number, y: number,
  ): void {
    for (; j < y; j += 1) {
      const partner = partners.get(j);
      if (partner === undefined) made.insert(this.#added(j, next[j]));
      else made.put(numbers.get(partner)!, old[partner], this.#inside(j, old[partner], next[j]));
    }
    for (; i < x; i += 1) if (numbers.has(i)) made.take();
    else made.remove(1);
  }

  /** Their order counts: what changed its place is deleted and inserted. */
  #entries(old: Iterable<unknown>, next: Iterable<unknown>, counts: Increments | undefined, isMap: boolean): Change | undefined {
    const [before, after] = [[...old], [...next]];
    const keyOf = (entry: unknown) => (isMap ? (entry as [unknown, unknown])[0] : entry);
    const pathOf = (j: number) => (isMap && typeof keyOf(after[j]) === 'string' ? (keyOf(after[j]) as string) : j);
    const made = new Splices(before);
    let [i, j] = [0, 0];
    for (const [x, y] of [...align(before.map(keyOf), after.map(keyOf)), [before.length, after.length] as const]) {
      made.remove(x - i);
      for (; j < y; j += 1) {
        const [key, item] = (isMap ? after[j] : [after[j]]) as [unknown, unknown];
        const owned = this.#added(j, key);
        made.insert(isMap ? Object.freeze([owned, this.#added(pathOf(j), item)]) : owned);
      }
      if (x === before.length) break;
      const [key, item] = (isMap ? before[x] : [before[x]]) as [unknown, unknown];
      const [name, now] = (isMap ? after[y] : []) as [unknown, unknown];
      const change = isMap ? (counted(counts?.get(name), item, now) ?? this.#inside(pathOf(y), item, now)) : undefined;
      made.at(change && { tree: Object.freeze([key, change.tree]), patch: { kind: 'array', steps: [1, { at: change.patch }] } });
      [i, j] = [x + 1, y + 1];
    }
    const { steps, items } = made.end();
    this.#operations += steps.length;
    if (!items) return undefined;
    const tree = isMap ? new Map(items as [unknown, unknown][]) : new Set(items);
    return { tree, patch: { kind: 'entries', steps: steps as EntryStep[] } };
  }
}

/** What was added to a number, if that is what became of it. */
const counted = (increment: Increment | undefined, old: unknown, now: unknown): Change | undefined =>
  increment?.by && Object.is(old, increment.from) && Object.is(now, increment.to) ? { tree: now, patch: { kind: 'increment', by: increment.by } } : undefined;

/** Of a frozen array `slice` is slow in V8, a hundred times slower than spread. */
const part = (list: readonly unknown[], start: number, end: number): unknown[] => (end - start < 1_000 ? list : [...list]).slice(start, end);

/**
 * The patch that puts a value where another or none was. An object is said outright, also where a map would do: its members don't count as operations
 * then, and those that are `undefined` stay.
 */
const become = (value: unknown): Patch => ({ kind: value === undefined || kindOf(value) === 'object' ? 'replace' : 'value', value });

const outright = (tree: unknown): Change => ({ tree, patch: { kind: 'replace', value: tree } });

/** The patch of a change, or of none. */
export const patchOf = (change: Change | undefined): Patch => change?.patch ?? NOTHING;
