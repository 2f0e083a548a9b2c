/**
 * Applying a patch to a tree: copy-on-write, so that what it doesn't touch stays identical; the work is that of the patch. docs/protocol.md,
 * "Diffs", row by row; the vectors in `tests/vectors` hold this and the Rust of `crates/core` to it.
 */

import { TimeweftError } from '../errors.js';
import type { ArrayStep, EntryStep, Patch, TextStep } from './patch.js';
import { follow } from './texts.js';
import { inOrder, kindOf, put, renew, sameLeaf, splits, sum } from './value.js';

/** A patch that was made for another value. No app sees it: it is in the console, and the entity is loaded again. */
export class PatchError extends TimeweftError {
  constructor(message: string) {
    super('bad-patch', message);
  }
}

/** Nothing is there: neither a member nor `undefined`. */
const ABSENT = Symbol('absent');

/**
 * The tree that `patch` makes of `tree`. Where there is none yet (`undefined`), that of a first version.
 *
 * @throws PatchError when it doesn't fit
 */
export const apply = (tree: unknown, patch: Patch): unknown => {
  if (patch.kind === 'remove') throw new PatchError('remove');
  if (tree === undefined) return change(ABSENT, patch);
  // At the root an empty map changes nothing, whatever is there.
  if (patch.kind === 'map' && patch.members.size === 0) return tree;
  return change(tree, patch);
};

const change = (old: unknown, patch: Patch): unknown => {
  switch (patch.kind) {
    case 'remove':
      return undefined;
    case 'replace':
    case 'value':
      return sameLeaf(old, patch.value) ? old : patch.value;
    case 'map': {
      const kind = kindOf(old);
      if (kind === 'object') return members(old as Record<string, unknown>, patch.members);
      if (kind === 'array') return indices(old as unknown[], patch.members);
      return fresh(patch.members);
    }
    case 'text':
      if (typeof old !== 'string') throw misplaced(patch.kind, old);
      return text(old, patch.steps);
    case 'array':
      if (!Array.isArray(old)) throw misplaced(patch.kind, old);
      return elements(old, patch.steps);
    case 'increment': {
      if (patch.to !== undefined) return patch.to;
      if (old === ABSENT) return patch.by;
      const made = sum(old, patch.by);
      if (made === undefined) throw misplaced(patch.kind, old);
      return made;
    }
    case 'entries':
      if (old instanceof Map || old instanceof Set) return entries(old, [...old], patch.steps);
      throw misplaced(patch.kind, old);
  }
};

const misplaced = (kind: string, old: unknown): PatchError => new PatchError(`${kind} over ${old === ABSENT ? 'nothing' : kindOf(old)}`);

/** A map where no object or array is: the new value, without what it removes. */
const fresh = (changes: ReadonlyMap<string, Patch>): unknown => {
  const object: Record<string, unknown> = {};
  for (const key of inOrder([...changes.keys()])) {
    const patch = changes.get(key)!;
    if (patch.kind !== 'remove') put(object, key, change(ABSENT, patch));
  }
  return Object.freeze(object);
};

const members = (old: Record<string, unknown>, changes: ReadonlyMap<string, Patch>): unknown => {
  const changed = new Map<string, unknown>();
  const removed = new Set<string>();
  for (const [key, patch] of changes) {
    const there = Object.hasOwn(old, key);
    if (patch.kind === 'remove') {
      if (there) removed.add(key);
      continue;
    }
    const before = there ? old[key] : ABSENT;
    const after = change(before, patch);
    if (after !== before) changed.set(key, after);
  }
  return changed.size + removed.size > 0 ? renew(old, changed, removed) : old;
};

const INDEX = /^(?:0|[1-9][0-9]*)$/;

/** The base form over an array. */
const indices = (old: readonly unknown[], changes: ReadonlyMap<string, Patch>): unknown => {
  const sorted = [...changes].map(([key, patch]): [number, Patch] => {
    if (!INDEX.test(key)) throw new PatchError(`${key} is no index`);
    return [Number(key), patch];
  });
  sorted.sort(([a], [b]) => a - b);
  // A run of `undefined` up to the last element shortens the array, unless something follows it.
  let shorter = old.length;
  for (let i = sorted.length - 1; i >= 0; i -= 1) {
    const [index, patch] = sorted[i]!;
    if (patch.kind !== 'remove' || index !== shorter - 1) break;
    shorter -= 1;
  }
  let next: unknown[] | undefined;
  if (shorter < old.length) next = [...old].slice(0, shorter);
  for (const [index, patch] of sorted) {
    if (index >= shorter && index < old.length) continue;
    const length = next ? next.length : old.length;
    if (index > length) throw new PatchError(`index ${index} of ${length}`);
    const before = index < old.length ? old[index] : ABSENT;
    const after = change(before, patch);
    if (after === before) continue;
    next ??= [...old];
    next[index] = after;
  }
  return next ? Object.freeze(next) : old;
};

const text = (old: string, steps: readonly TextStep[]): string => {
  let made = '';
  let at = 0;
  for (const step of steps) {
    if (typeof step !== 'number') {
      const inserted = typeof step === 'string' ? step : step.insert;
      if (inserted === '') throw nothing();
      made += inserted;
      continue;
    }
    const end = at + length(step, old.length - at);
    if (splits(old, end)) throw new PatchError(`half a character at ${end}`);
    if (step > 0) made += old.slice(at, end);
    at = end;
  }
  made += old.slice(at);
  follow(old, made, steps);
  return made;
};

const nothing = () => new PatchError('nothing');

const length = (step: number, left: number): number => {
  const units = Math.abs(step);
  if (!Number.isInteger(step) || units === 0 || units > left) throw new PatchError(`${step} of ${left}`);
  return units;
};

const elements = (old: readonly unknown[], steps: readonly ArrayStep[]): unknown => {
  // What is put may be taken later only.
  const taken: unknown[] = [];
  let at = 0;
  for (const step of steps) {
    if (typeof step === 'number') at += Math.abs(step);
    else if ('take' in step) for (const end = at + length(Math.max(0, step.take), old.length - at); at < end; at += 1) taken.push(old[at]);
    else if ('at' in step && !('put' in step)) at += 1;
  }
  const toPut = new Set(taken.keys());
  const made: unknown[] = [];
  at = 0;
  for (const step of steps) {
    if (typeof step === 'number') {
      const end = at + length(step, old.length - at);
      if (step > 0) for (; at < end; at += 1) made.push(old[at]);
      at = end;
    } else if ('take' in step) at += step.take;
    else if ('insert' in step) {
      if (step.insert.length === 0) throw nothing();
      for (const item of step.insert) made.push(item);
    } else if ('put' in step) {
      const { put: first, count = 1 } = step;
      if (!(count >= 1) || (step.at && count > 1)) throw new PatchError(`${count} are put`);
      for (let number = first; number < first + count; number += 1) {
        if (!toPut.delete(number)) throw new PatchError(`no element ${number}`);
        made.push(step.at ? inside(taken[number], step.at) : taken[number]);
      }
    } else {
      length(1, old.length - at);
      made.push(inside(old[at++], step.at));
    }
  }
  for (const number of toPut) throw new PatchError(`element ${number} is taken`);
  for (; at < old.length; at += 1) made.push(old[at]);
  const unchanged = made.length === old.length && made.every((item, index) => item === old[index] && index in old);
  return unchanged ? old : Object.freeze(made);
};

const inside = (element: unknown, patch: Patch): unknown => {
  if (patch.kind === 'remove') throw misplaced('remove', element);
  return change(element, patch);
};

const entries = (old: object, before: readonly unknown[], steps: readonly EntryStep[]): unknown => {
  if (steps.some(step => typeof step === 'object' && !('insert' in step) && (!('at' in step) || 'put' in step))) {
    throw new PatchError('entries move');
  }
  const after = elements(before, steps) as readonly unknown[];
  if (after === before) return old;
  const isMap = old instanceof Map;
  if (isMap && !after.every(entry => Array.isArray(entry) && entry.length === 2)) throw new PatchError('no entry');
  const made = isMap ? new Map(after as [unknown, unknown][]) : new Set(after);
  if (made.size !== after.length) throw new PatchError('a key twice');
  return made;
};
