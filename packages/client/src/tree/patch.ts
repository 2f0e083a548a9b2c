/**
 * Patches: diffs as docs/protocol.md ("Diffs") has them on the wire, not yet related to what they change.
 */

/**
 * A step along a text: keep so many UTF-16 units, delete so many (negative), or insert. `joins`: what the same client typed just before (1), just
 * behind (2) or both (3) goes on in it; for who merges, here it means nothing.
 */
export type TextStep = number | string | { readonly insert: string; readonly joins: number };

/** A step along a `Map` or `Set`: keep so many entries, delete so many (negative), insert these, or change the next one. */
export type EntryStep = number | { readonly insert: readonly unknown[]; readonly joins?: number } | { readonly at: Patch };

/**
 * A step along an array: as along a `Map`, and elements that move. What is taken out is numbered from 0 in the order of the old array; `put` says
 * which goes here, and `count` that those after it follow.
 */
export type ArrayStep = EntryStep | { readonly take: number } | { readonly put: number; readonly count?: number; readonly at?: Patch };

/** One change, and those inside it. */
export type Patch =
  /** `undefined`: the member goes. */
  | { readonly kind: 'remove' }
  /** A plain map: merges into an object, names indices of an array, or is a new object where neither is. */
  | { readonly kind: 'map'; readonly members: ReadonlyMap<string, Patch> }
  /** Any other value. An object only where no object or array is; it then stands for a map. */
  | { readonly kind: 'value'; readonly value: unknown }
  /** Tag 64003: become this, whatever was there. */
  | { readonly kind: 'replace'; readonly value: unknown }
  /** Tag 64001. */
  | { readonly kind: 'text'; readonly steps: readonly TextStep[] }
  /** Tag 64002. */
  | { readonly kind: 'array'; readonly steps: readonly ArrayStep[] }
  /** Tag 64008: adds to the number that is there; nothing counts as 0. */
  | { readonly kind: 'increment'; readonly by: number | bigint; readonly to?: number | bigint }
  /** Tag 64009, over a `Map`, whose elements are its entries as `[key, value]`, or over a `Set`. */
  | { readonly kind: 'entries'; readonly steps: readonly EntryStep[] };

/** The member goes. */
export const REMOVE: Patch = Object.freeze({ kind: 'remove' });

/** What changes nothing. */
export const NOTHING: Patch = Object.freeze({ kind: 'map', members: new Map() });

/** Whether `patch` changes the place at `path`, or something above or inside it. After a splice, indices count as touched. */
export const touches = (patch: Patch, path: readonly (string | number)[]): boolean => {
  if (patch.kind === 'array' || patch.kind === 'entries') return patch.steps.length > 0;
  if (patch.kind !== 'map') return true;
  const [first, ...rest] = path;
  if (first === undefined) return patch.members.size > 0;
  const inside = patch.members.get(String(first));
  return inside !== undefined && touches(inside, rest);
};

/** The one thing inside that a patch changes, if it is one, and does nothing else. */
const only = (patch: Patch): readonly [string | number, Patch] | undefined => {
  if (patch.kind === 'map') return patch.members.size === 1 ? [...patch.members][0] : undefined;
  if (patch.kind !== 'array' && patch.kind !== 'entries') return undefined;
  const steps = patch.steps as readonly ArrayStep[];
  const [kept, last] = [steps.length === 2 ? steps[0] : 0, steps.at(-1)];
  const isOne = steps.length < 3 && typeof kept === 'number' && kept >= 0 && typeof last === 'object' && 'at' in last && !('put' in last);
  return isOne && last.at ? [kept, last.at] : undefined;
};

/** Typing, or a slider that is pulled. */
export interface Typed {
  /** The text or number that changes. */
  readonly place: string;
  /** Whether it may be the next of several keys: who deletes more than a character, or writes over it, begins something else. */
  readonly goesOn: boolean;
}

/** What of this kind a patch does, if it does nothing else; other than whole actions. */
export const typedIn = (patch: Patch): Typed | undefined => {
  const path: string[] = [];
  let last = patch;
  for (let inside = only(last); inside; inside = only(last)) {
    path.push(String(inside[0]));
    last = inside[1];
  }
  const isTyped = last.kind === 'text' || last.kind === 'increment' || (last.kind === 'value' && ['string', 'number', 'bigint'].includes(typeof last.value));
  if (!isTyped) return undefined;
  // A character may be two units.
  return { place: JSON.stringify(path), goesOn: last.kind !== 'text' || last.steps.every(step => typeof step !== 'number' || step >= -2) };
};
