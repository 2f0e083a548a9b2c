/**
 * Conflicts as apps see them, the edits that resolve them, and policies that are functions.
 */

import { ConflictError, errorOf, type TimeweftError } from './errors.js';
import type { Action, EntityState } from './messages.js';
import { diff } from './tree/diff.js';
import { produce } from './tree/draft.js';
import { encodePatch } from './tree/encode.js';
import { touches, type Patch } from './tree/patch.js';
import { isContainer, pathText, put, type Container } from './tree/value.js';
import type { Choice, Conflict, Meta, Policy } from './types.js';

/** What a conflict needs of its entity: to send what resolves it. `choose` makes that for whatever value is there when it is sent. */
export type Resolve = (choose: (base: unknown) => Action) => void;

type Plain = EntityState['conflicts'][number];

const NONE: readonly Conflict[] = Object.freeze([]);
/** How many of its own edits a tab remembers, to tell whose conflict it is. */
const REMEMBERED = 200;

/** Those of one entity. */
export class Conflicts {
  list = NONE;
  readonly #resolve: Resolve;
  #decided = new Set<number>();
  #made: Patch[] = [];

  constructor(resolve: Resolve) {
    this.#resolve = resolve;
  }

  /** This tab changes something. */
  made(patch: Patch): void {
    if (this.#made.push(patch) > REMEMBERED) this.#made.shift();
  }

  /** The server has everything: no conflict can come of it any more. */
  saved(): void {
    this.#made = [];
  }

  /** What the host says there is. Those that are known keep their objects. */
  take(plain: readonly Plain[]): void {
    const known = new Set(this.list.map(({ id }) => id));
    if (plain.length === known.size && plain.every(({ id }) => known.has(id))) return;
    this.list = Object.freeze(plain.map(one => this.list.find(({ id }) => id === one.id) ?? new StandingConflict(one, this.#resolve)));
  }

  forget(): void {
    this.list = NONE;
    this.#decided = new Set();
  }

  /** Lets a policy that is a function resolve what this tab is the cause of. */
  decide(policy: Policy): void {
    if (typeof policy !== 'function') return;
    for (const conflict of this.list) {
      // What the server refused, it would refuse again: that is no policy's to decide.
      if (conflict.error || this.#decided.has(conflict.id) || !this.#made.some(patch => touches(patch, conflict.path))) continue;
      this.#decided.add(conflict.id);
      try {
        conflict.resolve({ value: policy(conflict) });
      } catch (error) {
        // Left to be resolved by hand.
        console.error('timeweft: a conflict policy failed:', error);
      }
    }
  }
}

class StandingConflict implements Conflict {
  readonly id: number;
  readonly path: readonly (string | number)[];
  readonly base: unknown;
  readonly mine: unknown;
  readonly theirs: unknown;
  readonly meta: Meta | undefined;
  readonly error: TimeweftError | undefined;
  readonly #resolve: Resolve;
  #resolved = false;

  constructor(plain: Plain, resolve: Resolve) {
    this.id = plain.id;
    this.path = plain.path;
    this.base = plain.base;
    this.mine = plain.mine;
    this.theirs = plain.theirs;
    this.meta = plain.meta as Meta | undefined;
    this.error = plain.error && errorOf(plain.error.code, plain.error.message, plain.error.violations);
    this.#resolve = resolve;
  }

  resolve(choice: Choice): void {
    // Once is enough: what is chosen twice is a double click.
    if (this.#resolved) return;
    const { id: conflict, path } = this;
    const choose = (base: unknown): Action => {
      if (choice === 'theirs') return { resolve: { conflict } };
      const change = diff(base, withValueAt(base, path, choice === 'mine' ? this.mine : choice.value));
      return { resolve: change ? { conflict, patch: encodePatch(change.patch) } : { conflict } };
    };
    this.#resolve(choose);
    this.#resolved = true;
  }
}

/** The value with another one in that place; `undefined` takes out what is there. */
const withValueAt = (base: unknown, path: readonly (string | number)[], value: unknown): unknown => {
  const last = path.at(-1);
  if (last === undefined) return value;
  return produce(base, (draft: unknown) => {
    let at = draft;
    for (const step of path.slice(0, -1)) at = isContainer(at) ? (at as Record<string | number, unknown>)[step] : undefined;
    if (!isContainer(at)) {
      throw new ConflictError('conflict', `${pathText(path)} is no longer part of the value: resolve the conflict with 'theirs', and set what you want instead`);
    }
    place(at, last, value);
  });
};

const place = (container: Container, step: string | number, value: unknown): void => {
  if (!Array.isArray(container)) {
    if (value === undefined) delete container[step];
    else put(container, String(step), value);
  } else if (value === undefined) container.splice(Number(step), 1);
  else container[Number(step)] = value;
};
