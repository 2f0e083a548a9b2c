/**
 * Svelte: an entity is a store as it is (`$note`). Here is the rest: a store whose value may be written to, for `bind:`, runes, and text fields.
 */

import { createSubscriber } from 'svelte/reactivity';
import type { TimeweftError } from '../errors.js';
import { bindText as bind, type TextOptions } from '../text/index.js';
import { apply } from '../tree/apply.js';
import { diff, type Change } from '../tree/diff.js';
import { Scope } from '../tree/draft.js';
import { isContainer } from '../tree/value.js';
import type { Conflict, Entity, EntityStatus, Meta, Role } from '../types.js';

/** A store of Svelte's, as its own `Writable`; made by {@link writable}. */
export interface WritableEntity<T> {
  /** Calls `run` at once and after every change. Returns what ends that. */
  subscribe(run: (value: T | undefined) => void): () => void;
  /** As the entity's; with the value that was written to, takes what was written. `undefined` does nothing. */
  set(value: T | undefined): void;
  /** Sets what `fn` returns. */
  update(fn: (value: T | undefined) => T | undefined): void;
}

/**
 * The entity as a store whose value may be written to: `bind:checked={$note.done}`, `$note.rows.push(row)`. What is written goes to the entity at
 * once; parts that did not change stay the same objects, so that only what did is rendered. A `Date`, `Map`, `Set` or typed array is to be replaced,
 * not changed.
 *
 * Right over a store, `{#each $list.rows as row}` evaluates every row after any change. Where there are many, go by what is derived:
 * `const rows = $derived($list.rows)` evaluates those that changed, and is for showing; `bind:` inside an `#each` needs the store itself.
 *
 * @example
 * <script>
 *   import { writable } from 'timeweft/svelte'
 *   const note = writable(client.entity('note:note-123'))
 * </script>
 * {#if $note}<input type="checkbox" bind:checked={$note.done} />{/if}
 */
export const writable = <T>(entity: Entity<T>): WritableEntity<T> => {
  // Svelte calls `set` after every write; where nobody does, the writes of one go are taken together.
  const scope = new Scope(true, () => queueMicrotask(commit));
  let tree: unknown;
  let shown: unknown;

  const take = (change: Change | undefined, from: unknown) => {
    const now = entity.get();
    // Where something else has come meanwhile, what was written is done again on that.
    if (change && now !== undefined) entity.set((now === from ? change.tree : apply(now, change.patch)) as T);
  };

  const show = (value: unknown): T | undefined => {
    if (value === tree) return shown as T | undefined;
    const [written, from] = [scope.touched ? diff(tree, scope.root?.proxy) : undefined, tree];
    tree = value;
    shown = isContainer(value) ? scope.start(value) : value;
    if (written) queueMicrotask(() => take(written, from));
    return shown as T | undefined;
  };

  const forget = () => {
    if (scope.touched && isContainer(tree)) shown = scope.start(tree);
  };

  const commit = () => {
    const draft = scope.root?.proxy;
    if (!scope.touched || draft === undefined) return;
    const change = diff(tree, draft);
    forget();
    take(change, tree);
  };

  const set = (value: T | undefined) => {
    if (value === shown && isContainer(tree)) return commit();
    if (value === undefined) return;
    // Made of parts of the draft, perhaps: it holds what was written to them.
    entity.set(value);
    forget();
  };

  return {
    subscribe: run => entity.subscribe(value => run(show(value))),
    set,
    update: fn => set(fn(show(entity.get()))),
  };
};

/** An entity for runes; made by {@link fromEntity}. What is read of it in a template, `$derived` or `$effect` is read again when it changes. */
export interface ReactiveEntity<T> {
  /** For what is not here: `update`, `undo`, `history`… */
  readonly entity: Entity<T>;
  /** The value, frozen; `undefined`: loading, missing or deleted. Assign to it to set the entity; `undefined` does nothing. */
  current: T | undefined;
  /** The entity's. */
  readonly status: EntityStatus;
  /** The entity's. */
  readonly meta: Meta | undefined;
  /** The entity's; as it is another, `entity.can(…)` may be. */
  readonly role: Role | undefined;
  /** The entity's. */
  readonly conflicts: readonly Conflict[];
  /** The entity's. */
  readonly error: TimeweftError | undefined;
  /** The entity's. */
  readonly canUndo: boolean;
  /** The entity's. */
  readonly canRedo: boolean;
}

/**
 * The entity for runes.
 *
 * @example
 * <script>
 *   import { fromEntity } from 'timeweft/svelte'
 *   const note = fromEntity(client.entity('note:note-123'))
 * </script>
 * <h1>{note.current?.title}</h1> <small>{note.status}</small>
 * <button disabled={!note.canUndo} onclick={() => note.entity.undo()}>Undo</button>
 */
export const fromEntity = <T>(entity: Entity<T>): ReactiveEntity<T> => {
  // Apart, so that who reads the value only is not run again for every change of status.
  const value = createSubscriber(update => {
    let isFirst = true;
    const stop = entity.subscribe(() => {
      if (!isFirst) update();
    });
    isFirst = false;
    return stop;
  });
  const rest = createSubscriber(update => entity.onChange(update));
  const read = <K extends keyof Entity<T>>(key: K): Entity<T>[K] => (rest(), entity[key]);
  return {
    entity,
    get current() {
      value();
      return entity.get();
    },
    set current(next) {
      if (next !== undefined) entity.set(next);
    },
    get status() {
      return read('status');
    },
    get meta() {
      return read('meta');
    },
    get role() {
      return read('role');
    },
    get conflicts() {
      return read('conflicts');
    },
    get error() {
      return read('error');
    },
    get canUndo() {
      return read('canUndo');
    },
    get canRedo() {
      return read('canRedo');
    },
  };
};

/**
 * The action `use:bindText`: a text field on a text of the entity, as `bindText` of `timeweft/text`, for as long as the field is there. Beside it the
 * field needs no `bind:value`.
 *
 * @example
 * <script>
 *   import { bindText } from 'timeweft/svelte'
 *   const note = client.entity('note:note-123')
 * </script>
 * <textarea use:bindText={{ entity: note, path: 'blob' }}></textarea>
 */
export const bindText = (field: HTMLTextAreaElement | HTMLInputElement, options: TextOptions): { update(options: TextOptions): void; destroy(): void } => {
  let bound = options;
  let stop = bind(field, options);
  return {
    update(next) {
      // An object that is written in the template is another each time.
      const isSame = next.entity === bound.entity && JSON.stringify(next.path) === JSON.stringify(bound.path) && next.onError === bound.onError;
      if (isSame) return;
      stop();
      bound = next;
      stop = bind(field, next);
    },
    destroy: () => stop(),
  };
};
