/**
 * Conflicts as apps see them, the choices that end them, and policies that are functions. What a choice does to the value is decided in the
 * host, by the place as it then is; here it is only said which one.
 */

import { errorOf, mistake, type TimeweftError } from './errors.js';
import { tell } from './home.js';
import type { EntityState, Resolution } from './messages.js';
import { encodeValue } from './tree/encode.js';
import { own } from './tree/own.js';
import { touches, type Patch } from './tree/patch.js';
import { same } from './tree/value.js';
import type { Choice, Conflict, Meta, Policy } from './types.js';

/** What conflicts need of their entity. */
export interface Resolver {
  /** Throws where nothing may be edited. */
  mayResolve(): void;
  /** Sends a choice. */
  resolve(resolution: Resolution): void;
  /** Whether a choice in this conflict is on its way. */
  resolves(conflict: number): boolean;
}

type Plain = EntityState['conflicts'][number];

const NONE: readonly Conflict[] = Object.freeze([]);
/** How many of its own edits a tab remembers, to tell whose conflict it is. */
const REMEMBERED = 200;

/** Those of one entity. */
export class Conflicts {
  /** Those that wait for a choice. */
  list = NONE;
  readonly #resolver: Resolver;
  /** All that the host has, also those in which a choice is on its way. */
  #standing: readonly StandingConflict[] = [];
  #decided = new Set<number>();
  #made: Patch[] = [];

  constructor(resolver: Resolver) {
    this.#resolver = resolver;
  }

  /** This tab changes something. */
  made(patch: Patch): void {
    if (this.#made.push(patch) > REMEMBERED) this.#made.shift();
  }

  /** The server has everything: no conflict can come of it any more. */
  saved(): void {
    this.#made = [];
  }

  /** What the host says there is. A conflict of which nothing has changed keeps its object. */
  take(plain: readonly Plain[]): void {
    const choose = (id: number, choice: Choice): void => this.#choose(id, choice);
    this.#standing = plain.map(one => this.#standing.find(known => known.is(one)) ?? new StandingConflict(one, choose));
    this.look();
  }

  /** Leaves those out in which a choice is on its way, until it is taken or refused. */
  look(): void {
    const waiting = this.#standing.filter(({ id }) => !this.#resolver.resolves(id));
    if (waiting.length === this.list.length && waiting.every((one, index) => one === this.list[index])) return;
    this.list = Object.freeze(waiting);
  }

  /** Whether the host has this one. */
  has(id: number): boolean {
    return this.#standing.some(conflict => conflict.id === id);
  }

  forget(): void {
    this.list = NONE;
    this.#standing = [];
    this.#decided = new Set();
  }

  /** Lets a policy that is a function resolve what this tab is the cause of. */
  decide(policy: Policy): void {
    if (typeof policy !== 'function') return;
    for (const conflict of this.list) {
      // What the server refused, it would refuse again: that is no policy's to decide.
      if (conflict.error || this.#decided.has(conflict.id) || !this.#made.some(patch => touches(patch, fixed(conflict.path)))) continue;
      this.#decided.add(conflict.id);
      // Where it throws, the conflict is left to be resolved by hand.
      tell(() => {
        const value = policy(conflict);
        // Nothing is what stands there for one of both, or a forgotten `return`.
        if (value !== undefined || conflict.mine === undefined || conflict.theirs === undefined) conflict.resolve({ value });
      });
    }
  }

  #choose(conflict: number, choice: Choice): void {
    this.#resolver.mayResolve();
    const isNamed = typeof choice === 'string';
    // `resolve(conflict.mine)`, say: what has no value would remove the place.
    if (!(isNamed ? /^(mine|theirs|both)$/.test(choice) : choice && Object.hasOwn(choice, 'value'))) throw mistake("resolve takes 'mine', 'theirs', 'both' or { value }");
    // Once is enough: what is chosen twice is a double click.
    if (!this.has(conflict) || this.#resolver.resolves(conflict)) return;
    if (isNamed) return this.#resolver.resolve({ conflict, with: choice });
    const value = choice.value === undefined ? {} : { value: encodeValue(own(choice.value)) };
    this.#resolver.resolve({ conflict, with: 'value', ...value });
  }
}

/** The path as far as it stays what it is when elements move: up to the first index. */
const fixed = (path: Conflict['path']): Conflict['path'] => {
  const index = path.findIndex(step => typeof step === 'number');
  return index < 0 ? path : path.slice(0, index);
};

class StandingConflict implements Conflict {
  readonly id!: number;
  readonly path!: readonly (string | number)[];
  readonly range: readonly [start: number, length: number] | undefined;
  readonly absent: boolean;
  readonly base: unknown;
  readonly mine: unknown;
  readonly theirs: unknown;
  readonly meta: Meta | undefined;
  readonly error: TimeweftError | undefined;
  readonly #plain: Plain;
  readonly #choose: (id: number, choice: Choice) => void;

  constructor(plain: Plain, choose: (id: number, choice: Choice) => void) {
    Object.assign(this, plain);
    this.absent = plain.absent ?? false;
    this.error = plain.error && errorOf(plain.error.code, plain.error.message, plain.error.violations);
    this.#plain = plain;
    this.#choose = choose;
  }

  /** Whether the host still says the same of it. */
  is(plain: Plain): boolean {
    return same(this.#plain, plain);
  }

  resolve(choice: Choice): void {
    this.#choose(this.id, choice);
  }
}
