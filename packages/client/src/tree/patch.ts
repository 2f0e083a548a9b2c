/**
 * Patches: diffs as docs/protocol.md ("Diffs") has them on the wire, not yet related to what they change.
 */

/** A step along a text: keep so many UTF-16 units, delete so many (negative), or insert. */
export type TextStep = number | string;

/** A step along an array: keep so many elements, delete so many (negative), insert these, or change the next one. */
export type ArrayStep = number | { readonly insert: readonly unknown[] } | { readonly at: Patch };

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
  | { readonly kind: 'array'; readonly steps: readonly ArrayStep[] };

/** The member goes. */
export const REMOVE: Patch = Object.freeze({ kind: 'remove' });

/** What changes nothing. */
export const NOTHING: Patch = Object.freeze({ kind: 'map', members: new Map() });

/** Whether `patch` changes the place at `path`, or something above or inside it. After a splice, indices count as touched. */
export const touches = (patch: Patch, path: readonly (string | number)[]): boolean => {
  if (patch.kind === 'array') return patch.steps.length > 0;
  if (patch.kind !== 'map') return true;
  const [first, ...rest] = path;
  if (first === undefined) return patch.members.size > 0;
  const inside = patch.members.get(String(first));
  return inside !== undefined && touches(inside, rest);
};

/** The one place that a patch changes, or the one around all that it does: to tell typing from edits here and there. */
export const placeOf = (patch: Patch): string => {
  const path: string[] = [];
  for (let at = patch; at.kind === 'map' && at.members.size === 1; ) {
    const [[key, inside]] = at.members as unknown as [[string, Patch]];
    path.push(key);
    at = inside;
  }
  return JSON.stringify(path);
};
