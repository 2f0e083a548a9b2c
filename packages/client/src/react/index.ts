'use client';

/**
 * React: entities as hooks. What did not change keeps its identity, so `memo` and dependency lists work as they should: of a thousand rows the one
 * that changed is rendered.
 *
 * On a server, and while a page that was rendered there is hydrated, values are `undefined` and the status is `loading`.
 */

import {
  createContext, createElement, useCallback, useContext, useEffect, useMemo, useRef, useSyncExternalStore,
  type ReactElement, type ReactNode, type RefCallback,
} from 'react';
import type { TimeweftError } from '../errors.js';
import { bindText, type TextOptions } from '../text/index.js';
import { same } from '../tree/value.js';
import type { Client, Conflict, Entity, EntityStatus, Meta, Role, Types } from '../types.js';

const Context = createContext<Client | undefined>(undefined);

/**
 * Makes a client known to the components inside.
 *
 * @example
 * const client = createClient()
 * root.render(<TimeweftProvider client={client}><App /></TimeweftProvider>)
 */
export const TimeweftProvider = ({ client, children }: { client: Client; children?: ReactNode }): ReactElement =>
  createElement(Context.Provider, { value: client }, children);

/**
 * The client of the provider around. Throws an `Error` where there is none.
 *
 * @example
 * const client = useClient()
 * return <button onClick={() => client.logout()}>Sign out</button>
 */
export const useClient = (): Client => useContext(Context) ?? missing();

const missing = (): never => {
  throw new Error('useClient and useEntity(id) need a <TimeweftProvider client={…}> around: put one there, or give the client: useEntity(client, id)');
};

/** What a component sees of an entity. The functions are the same from one rendering to the next. */
export interface EntityView<T> {
  /** For what is not here: `history`, `at`, `saved`… */
  readonly entity: Entity<T>;
  /** Frozen; `undefined`: loading, missing or deleted. */
  readonly value: T | undefined;
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
  /** The entity's; so are the others. They need no `this`. */
  set(value: T): void;
  /** The entity's. */
  update(fn: (value: T) => T | void): void;
  /** The entity's. */
  delete(): void;
  /** The entity's. */
  undelete(): void;
  /** The entity's. */
  undo(): boolean;
  /** The entity's. */
  redo(): boolean;
}

/**
 * An entity, kept up to date as long as the component is there.
 *
 * With a selector, what that returns; the component is rendered again only when it returns something else (deeply compared, so it may make
 * new arrays).
 *
 * @example
 * const { value, status, update } = useEntity<Note>('note:note-123')
 * return <input type="checkbox" checked={value?.done ?? false} onChange={event => update(note => { note.done = event.target.checked })} />
 *
 * @example
 * const open = useEntity('list:todo', (list?: Todo[]) => list?.filter(todo => !todo.done).length ?? 0)
 */
export function useEntity<K extends keyof Types & string>(id: `${K}:${string}`): EntityView<Types[K]>;
export function useEntity<T = unknown>(id: string): EntityView<T>;
export function useEntity<T, S>(id: string, selector: (value: T | undefined) => S): S;
export function useEntity<T = unknown>(client: Client, id: string): EntityView<T>;
export function useEntity<T, S>(client: Client, id: string, selector: (value: T | undefined) => S): S;
export function useEntity(first: Client | string, second?: string | Selector, third?: Selector): unknown {
  const provided = useContext(Context);
  const client = (typeof first === 'string' ? provided : first) ?? missing();
  const [id, selector] = typeof first === 'string' ? [first, second as Selector | undefined] : [second as string, third];
  const entity = useMemo(() => client.entity(id), [client, id]);
  // No branch: what hooks are called may not depend on whether there is a selector.
  const { subscribe, snapshot, ofServer } = useMemo(
    () => ({
      subscribe: (changed: () => void) => (selector ? skipFirst(entity, changed) : entity.onChange(changed)),
      snapshot: () => viewOf(entity),
      ofServer: () => loadingView(entity),
    }),
    // Whether there is one, not which: a selector is mostly written inline, and is no reason to subscribe anew.
    [entity, selector !== undefined],
  );
  const last = useRef<{ selection: unknown } | undefined>(undefined);
  const [get, getOfServer] = useMemo(() => {
    if (!selector) return [snapshot, ofServer];
    let memo: { value: unknown; selection: unknown } | undefined;
    const select = (value: unknown) => {
      if (memo && memo.value === value) return memo.selection;
      const made = selector(value);
      const before = memo ?? last.current;
      const selection = before && same(before.selection, made) ? before.selection : made;
      memo = { value, selection };
      return selection;
    };
    return [() => select(entity.get()), () => select(undefined)];
  }, [entity, selector, snapshot, ofServer]);
  const selection = useSyncExternalStore(subscribe, get, getOfServer);
  useEffect(() => {
    last.current = { selection };
  }, [selection]);
  return selection;
}

type Selector = (value: unknown) => unknown;

/** A store calls at once; React reads by itself. */
const skipFirst = (entity: Entity, changed: () => void): (() => void) => {
  let isFirst = true;
  const stop = entity.subscribe(() => {
    if (!isFirst) changed();
  });
  isFirst = false;
  return stop;
};

type Verbs = Pick<EntityView<unknown>, 'set' | 'update' | 'delete' | 'undelete' | 'undo' | 'redo'>;

const verbs = new WeakMap<Entity, Verbs>();
const views = new WeakMap<Entity, EntityView<unknown>>();
const loading = new WeakMap<Entity, EntityView<unknown>>();

const verbsOf = (entity: Entity): Verbs => {
  const known = verbs.get(entity);
  if (known) return known;
  const made: Verbs = {
    set: value => entity.set(value),
    update: fn => entity.update(fn),
    delete: () => entity.delete(),
    undelete: () => entity.undelete(),
    undo: () => entity.undo(),
    redo: () => entity.redo(),
  };
  verbs.set(entity, made);
  return made;
};

/** The same object until something changes. */
const viewOf = (entity: Entity): EntityView<unknown> => {
  const { status, meta, role, conflicts, error, canUndo, canRedo } = entity;
  const now = { value: entity.get(), status, meta, role, conflicts, error, canUndo, canRedo };
  const known = views.get(entity);
  if (known && (Object.keys(now) as (keyof typeof now)[]).every(key => known[key] === now[key])) return known;
  const view = Object.freeze({ entity, ...now, ...verbsOf(entity) });
  views.set(entity, view);
  return view;
};

const loadingView = (entity: Entity): EntityView<unknown> => {
  const known = loading.get(entity);
  if (known) return known;
  const unknown = { value: undefined, meta: undefined, role: undefined, error: undefined };
  const nothing = { ...unknown, status: 'loading', conflicts: [], canUndo: false, canRedo: false } as const;
  const view = Object.freeze({ entity, ...nothing, ...verbsOf(entity) });
  loading.set(entity, view);
  return view;
};

/**
 * A text field on a text of the entity, as `bindText` of `timeweft/text`: the `ref` of a `<textarea>` or `<input>`, which is given neither `value` nor
 * `defaultValue`. Typing renders nothing.
 *
 * @example
 * const { entity } = useEntity<Note>('note:note-123')
 * return <textarea ref={useText(entity, 'blob')} />
 */
export const useText = (
  entity: TextOptions['entity'], path: TextOptions['path'] = [], onError?: TextOptions['onError'],
): RefCallback<HTMLTextAreaElement | HTMLInputElement> => {
  const stop = useRef<(() => void) | undefined>(undefined);
  const told = useRef(onError);
  useEffect(() => {
    told.current = onError;
  }, [onError]);
  // A path is mostly written inline, and is no reason to bind anew.
  const place = JSON.stringify(path);
  return useCallback(
    (field: HTMLTextAreaElement | HTMLInputElement | null) => {
      stop.current?.();
      const options = { entity, path: JSON.parse(place) as NonNullable<typeof path> };
      stop.current = field ? bindText(field, { ...options, onError: error => fail(told.current, error) }) : undefined;
    },
    [entity, place],
  );
};

const fail = (onError: TextOptions['onError'], error: TimeweftError): void => {
  if (!onError) throw error;
  onError(error);
};
