/**
 * Increments by path, as `Entity.increment` has them.
 */

import { InvalidValueError } from './errors.js';
import type { Change } from './tree/diff.js';
import { increment } from './tree/draft.js';
import { isContainer, pathText, sum } from './tree/value.js';

export type Steps = readonly (string | number)[];

/** What `update` does to increment what is inside the value. */
export const incrementing =
  (steps: Steps, by: number | bigint) =>
  (draft: never): void => {
    let at: Record<string | number, unknown> = draft;
    for (const step of steps.slice(0, -1)) {
      const inside = at instanceof Map ? at.get(step) : Object.hasOwn(at, step) ? at[step] : undefined;
      if (!isContainer(inside) && !(inside instanceof Map)) throw new InvalidValueError('invalid-value', `there is nothing to increment at ${pathText(steps)}`, { path: steps });
      at = inside as typeof at;
    }
    increment(at as Record<string, unknown>, steps.at(-1) as string, by);
  };

/** Of a value that is a number itself. */
export const incremented = (value: unknown, by: number | bigint): Change => {
  const tree = sum(value, by);
  if (tree === undefined) throw new InvalidValueError('invalid-value', `the value can't be incremented by ${by}: that takes numbers`, { path: [] });
  return { patch: { kind: 'increment', by }, tree };
};
