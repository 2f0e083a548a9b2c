/**
 * From an old tree and whatever an app says is next to the patch between them and the next tree.
 *
 * In that tree every subtree that is as before *is* the one before, also where the app made its value anew; what is new is checked, copied and
 * frozen. Subtrees that are identical are not looked at: one changed leaf costs the nodes above it.
 *
 * The patch is fine-grained, so that it merges with what others do meanwhile. It follows `crates/core`'s `diff_finely` in meaning, not in bytes.
 */

import { align } from './align.js';
import { latest, writesTo, type Writes } from './draft.js';
import { Owner } from './own.js';
import { NOTHING, REMOVE, type ArrayStep, type Patch } from './patch.js';
import { kindOf, namesOf, renew, same, sameLeaf } from './value.js';

/** A patch, and the tree that it makes of the one before. */
export interface Change {
  readonly patch: Patch;
  readonly tree: unknown;
}

/** Servers take diffs of 100,000 operations. */
const MAX_OPERATIONS = 90_000;
/** How far ahead the element that one became is looked for. */
const LOOK_AHEAD = 8;

/**
 * The change from the tree `old` to `next`, which may hold drafts. `undefined` when they are the same.
 *
 * @param trusted `next` is a tree of nobody else's, as a decoder makes it: it is not copied
 * @throws InvalidValueError, TooLargeError as `own` does
 */
export const diff = (old: unknown, next: unknown, trusted = false): Change | undefined => {
  const differ = new Differ(trusted);
  const change = differ.between(old, next);
  if (!change) return undefined;
  return differ.operations > MAX_OPERATIONS ? { patch: { kind: 'replace', value: change.tree }, tree: change.tree } : change;
};

/** `next`, a tree of nobody else's, with the nodes of `old` wherever they are equal. */
export const reconcile = (old: unknown, next: unknown): unknown => {
  if (old === undefined || next === undefined) return next;
  const change = diff(old, next, true);
  return change ? change.tree : old;
};

class Differ {
  operations = 0;
  readonly #owner = new Owner();

  constructor(readonly trusted: boolean) {}

  between(old: unknown, given: unknown): Change | undefined {
    if (old === given) return undefined;
    const next = latest(given);
    if (sameLeaf(old, next)) return undefined;
    const kind = kindOf(next);
    const before = kindOf(old);
    if (kind === before) {
      if (kind === 'object') return this.#members(old as Record<string, unknown>, next as Record<string, unknown>, writesTo(old as object, given));
      if (kind === 'array') return this.#elements(old as unknown[], next as unknown[]);
      if (kind === 'text') return texts(old as string, this.#own(next) as string);
      if (kind !== 'leaf' && same(old, next)) return undefined;
    }
    const tree = this.#own(next);
    return { tree, patch: become(tree) };
  }

  #own(value: unknown): unknown {
    return this.trusted ? value : this.#owner.own(value);
  }

  #inside(step: string | number, old: unknown, next: unknown): Change | undefined {
    this.#owner.down(step);
    const change = this.between(old, next);
    this.#owner.up();
    if (change) this.operations += 1;
    return change;
  }

  #members(old: Record<string, unknown>, next: Record<string, unknown>, writes: Writes | undefined): Change | undefined {
    this.#owner.enter(next);
    const members = new Map<string, Patch>();
    const changed = new Map<string, unknown>();
    let kept = 0;
    for (const key of writes?.keys ?? Object.keys(next)) {
      if (writes && !Object.hasOwn(next, key)) continue;
      const value = next[key];
      let change: Change | undefined;
      if (Object.hasOwn(old, key)) {
        kept += 1;
        if (old[key] === value) continue;
        change = this.#inside(key, old[key], value);
        if (!change) continue;
      } else {
        this.#own(key);
        const added = this.trusted ? value : this.#owner.at(key, value);
        change = { tree: added, patch: become(added) };
        this.operations += 1;
      }
      changed.set(key, change.tree);
      members.set(key, change.patch);
    }
    const removed = new Set<string>();
    for (const key of writes?.keys ?? (kept < namesOf(old).length ? namesOf(old) : [])) {
      if (!Object.hasOwn(old, key) || Object.hasOwn(next, key)) continue;
      removed.add(key);
      members.set(key, REMOVE);
    }
    this.operations += removed.size;
    this.#owner.leave();
    if (members.size === 0) return undefined;
    // In the draft's own copy what was written, and is the same after all, becomes what it was.
    if (writes?.own) for (const key of writes.keys) if (!changed.has(key)) changed.set(key, old[key]);
    return { tree: renew(old, changed, removed, writes?.own ? next : undefined), patch: { kind: 'map', members } };
  }

  #elements(old: readonly unknown[], next: readonly unknown[]): Change | undefined {
    const shorter = Math.min(old.length, next.length);
    const equal = (i: number, j: number) => old[i] === next[j] || same(old[i], latest(next[j]));
    let head = 0;
    while (head < shorter && equal(head, head)) head += 1;
    if (head === old.length && head === next.length) return undefined;
    let tail = 0;
    while (tail < shorter - head && equal(old.length - 1 - tail, next.length - 1 - tail)) tail += 1;
    this.#owner.enter(next);
    const made = new Splices(old, head);
    const [oldEnd, nextEnd] = [old.length - tail, next.length - tail];
    const splice = (i: number, x: number, j: number, y: number) => this.#splice(made, old, i, x, next, j, y);
    if (old.length === next.length && !moved(old, next, head, oldEnd)) {
      splice(head, oldEnd, head, nextEnd);
    } else {
      let [i, j] = [head, head];
      for (const [x, y] of align([...old].slice(head, oldEnd), [...next].slice(head, nextEnd))) {
        splice(i, head + x, j, head + y);
        made.keep(1);
        [i, j] = [head + x + 1, head + y + 1];
      }
      splice(i, oldEnd, j, nextEnd);
    }
    made.keep(tail);
    this.#owner.leave();
    this.operations += made.steps.length;
    return made.change();
  }

  /** `old[i…x]` becomes `next[j…y]`. */
  #splice(made: Splices, old: readonly unknown[], i: number, x: number, next: readonly unknown[], j: number, y: number): void {
    const paired = x - i === y - j;
    for (; j < y; j += 1) {
      // As many as before: one by one. Otherwise only what is plainly the same element, changed.
      let from = i;
      if (!paired) {
        const end = Math.min(x, i + LOOK_AHEAD);
        while (from < end && !alike(old[from], latest(next[j]))) from += 1;
        if (from === end) from = x;
      }
      if (from < x) {
        made.remove(from - i);
        const change = this.#inside(j, old[from], next[j]);
        if (change) made.at(change);
        else made.keep(1);
        i = from + 1;
      } else {
        made.insert(this.trusted ? next[j] : this.#owner.at(j, next[j]));
      }
    }
    made.remove(x - i);
  }
}

/** Whether an object of the old array is at another place in the new one. */
const moved = (old: readonly unknown[], next: readonly unknown[], from: number, to: number): boolean => {
  if (to - from < 2) return false;
  const before = new Map<unknown, number>();
  for (let i = from; i < to; i += 1) if (typeof old[i] === 'object' && old[i] !== null) before.set(old[i], i);
  if (before.size === 0) return false;
  for (let i = from; i < to; i += 1) {
    const place = before.get(latest(next[i]));
    if (place !== undefined && place !== i) return true;
  }
  return false;
};

/** Whether two objects look like one before and after: their `id` or `key` says so, or half of the members. */
const alike = (old: unknown, next: unknown): boolean => {
  if (kindOf(old) !== 'object' || kindOf(next) !== 'object') return false;
  const [a, b] = [old as Record<string, unknown>, next as Record<string, unknown>];
  for (const name of ['id', 'key']) {
    if (Object.hasOwn(a, name) && Object.hasOwn(b, name)) return sameLeaf(a[name], b[name]);
  }
  const keys = Object.keys(a).slice(0, 16);
  return keys.length > 0 && 2 * keys.filter(key => Object.hasOwn(b, key) && same(a[key], latest(b[key]))).length >= keys.length;
};

/** The steps from one array to the next. */
class Splices {
  readonly steps: ArrayStep[] = [];
  readonly #changed = new Map<number, unknown>();
  #at = 0;
  #spliced = false;
  #keeps = false;

  constructor(
    readonly old: readonly unknown[],
    head: number,
  ) {
    this.keep(head);
  }

  keep(count: number): void {
    if (count === 0) return;
    this.#length(count);
    this.#keeps = true;
  }

  remove(count: number): void {
    if (count === 0) return;
    this.#length(-count);
    this.#spliced = true;
  }

  insert(item: unknown): void {
    const last = this.steps.at(-1);
    if (typeof last === 'object' && 'insert' in last) (last.insert as unknown[]).push(item);
    else this.steps.push({ insert: [item] });
    this.#spliced = true;
  }

  at(change: Change): void {
    this.#changed.set(this.#at, change.tree);
    this.#at += 1;
    this.steps.push({ at: change.patch });
    this.#keeps = true;
  }

  #length(count: number): void {
    this.#at += Math.abs(count);
    const last = this.steps.at(-1);
    if (typeof last === 'number' && last > 0 === count > 0) this.steps[this.steps.length - 1] = last + count;
    else this.steps.push(count);
  }

  change(): Change {
    const tree = Object.freeze(this.#spliced ? this.#make() : this.#replace());
    if (!this.#keeps) return { tree, patch: { kind: 'value', value: tree } };
    if (this.#spliced) {
      const last = this.steps.at(-1);
      if (typeof last === 'number' && last > 0) this.steps.pop();
      return { tree, patch: { kind: 'array', steps: this.steps } };
    }
    const members = new Map<string, Patch>();
    let at = 0;
    for (const step of this.steps) {
      if (typeof step === 'number') at += step;
      else if ('at' in step) members.set(String(at++), step.at);
    }
    return { tree, patch: { kind: 'map', members } };
  }

  /** As many as before. Spread copies a frozen array a hundred times faster than `slice` does in V8. */
  #replace(): unknown[] {
    const made = [...this.old];
    for (const [index, item] of this.#changed) made[index] = item;
    return made;
  }

  #make(): unknown[] {
    const made: unknown[] = [];
    let at = 0;
    for (const step of this.steps) {
      if (typeof step !== 'number') {
        if ('insert' in step) for (const item of step.insert) made.push(item);
        else made.push(this.#changed.get(at++));
      } else if (step > 0) for (const end = at + step; at < end; at += 1) made.push(this.old[at]);
      else at -= step;
    }
    return made;
  }
}

/**
 * The patch that puts a value where another or none was. An object is said outright, also where a map would do: its members don't count as operations
 * then, and those that are `undefined` stay.
 */
const become = (value: unknown): Patch => ({ kind: value === undefined || kindOf(value) === 'object' ? 'replace' : 'value', value });

const BLOCK = 1024;

/** Edits where at least half of the old text stays, as the server takes a plain text too. */
const texts = (old: string, next: string): Change => {
  const shorter = Math.min(old.length, next.length);
  let head = 0;
  while (head + BLOCK <= shorter && old.slice(head, head + BLOCK) === next.slice(head, head + BLOCK)) head += BLOCK;
  while (head < shorter && old.charCodeAt(head) === next.charCodeAt(head)) head += 1;
  if (splits(old, head) || splits(next, head)) head -= 1;
  const most = shorter - head;
  let tail = 0;
  const end = (text: string, length: number) => text.slice(text.length - tail - length, text.length - tail);
  while (tail + BLOCK <= most && end(old, BLOCK) === end(next, BLOCK)) tail += BLOCK;
  while (tail < most && old.charCodeAt(old.length - 1 - tail) === next.charCodeAt(next.length - 1 - tail)) tail += 1;
  if (splits(old, old.length - tail) || splits(next, next.length - tail)) tail -= 1;
  const gone = old.length - head - tail;
  if (head + tail === 0 || head + tail < gone) return { tree: next, patch: { kind: 'value', value: next } };
  const steps: (number | string)[] = [];
  if (head > 0) steps.push(head);
  if (gone > 0) steps.push(-gone);
  if (next.length > head + tail) steps.push(next.slice(head, next.length - tail));
  return { tree: next, patch: { kind: 'text', steps } };
};

/** Whether a cut there would be inside a surrogate pair. */
const splits = (text: string, at: number): boolean =>
  at > 0 && at < text.length && (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;

/** The patch of a change, or of none. */
export const patchOf = (change: Change | undefined): Patch => change?.patch ?? NOTHING;
