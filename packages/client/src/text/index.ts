/**
 * Text fields on texts that others change at the same time.
 */

import { InvalidValueError, NotFoundError, type TimeweftError } from '../errors.js';
import { match } from '../tree/match.js';
import { isContainer, kindOf, put } from '../tree/value.js';
import type { Entity } from '../types.js';
import { TextField } from './field.js';

/** Which text a field is for. */
export interface TextOptions {
  /** The entity that the text is in. */
  readonly entity: Pick<Entity, 'id' | 'get' | 'set' | 'update' | 'undo' | 'redo' | 'subscribe'>;
  /**
   * Where it is: a key (of an object or a `Map`), or keys and indices from the outside in; `[]`, the default, where the value itself is the text. An index is of what is there now; while
   * the field has the focus, of the element that was there then, wherever it is moved.
   */
  readonly path?: string | number | readonly (string | number)[];
  /**
   * Told why something that was typed was not taken: nobody is signed in, or what the text is in is not there (yet). It stays in the field and is tried again
   * when there is a text, or something else is typed. Default: the error is thrown, and so in the console.
   */
  readonly onError?: (error: TimeweftError) => void;
}

/** The types of fields whose value is the text that is in them. */
const TEXTS: readonly string[] = ['textarea', 'text', 'search', 'url', 'tel', 'email', 'password'];

/**
 * Makes a text field show a text of an entity, and what is typed an edit of it. What others change appears while caret, selection and scroll position
 * stay with the text that they were at; nothing is rewritten under an input method; undo and redo, by key or menu, are those of the entity.
 *
 * As long as it is bound, the entity is kept up to date. Returns what ends that; the field keeps its text.
 *
 * @example
 * const stop = bindText(document.querySelector('textarea'), { entity: note, path: 'blob' })
 */
export const bindText = (field: HTMLTextAreaElement | HTMLInputElement, options: TextOptions): (() => void) => {
  if (!TEXTS.includes((field as Partial<typeof field> | null)?.type ?? '')) {
    throw new InvalidValueError('bad-request', `bindText() takes a textarea or an input of text, not ${String(field)}`);
  }
  if (typeof options?.entity?.subscribe !== 'function') {
    throw new InvalidValueError('bad-request', 'bindText() takes { entity, path }: an entity of client.entity(…), and where in it the text is');
  }
  const { entity, path = [], onError } = options;
  const steps = typeof path === 'object' ? path : [path];
  // While somebody is in the field, what they write is of the element that they began in, wherever it is moved: where it was in a value, the last
  // that has it.
  let here = steps;
  let last: unknown;
  let isGone = false;
  const attempt = (action: () => boolean | void): boolean => {
    try {
      return action() ?? true;
    } catch (error) {
      if (!onError) throw error;
      onError(error as TimeweftError);
      return false;
    }
  };
  const bound = new TextField(field, {
    edit: change =>
      attempt(() => {
        if (isGone) throw new NotFoundError('not-found', `what ${entity.id} had at ${JSON.stringify(steps)} is not there any more: what is typed stays in the field alone`);
        edit(entity, here, change);
      }),
    undo: () => attempt(() => entity.undo()),
    redo: () => attempt(() => entity.redo()),
  });
  let isShown = false;
  const isIn = (): boolean => (field.getRootNode() as Document | ShadowRoot).activeElement === field;
  const stop = entity.subscribe(value => {
    const way = isIn() ? followed(here, last, value) : steps;
    isGone = way.includes(-1);
    // What is typed on stays in the field alone, with what was there, until it is back.
    if (isGone) return;
    if (value !== undefined) {
      [here, last] = [way, value];
      bound.show(textAt(value, here));
    }
    // Before, it is loading, and what a server has rendered stays to be seen.
    else if (isShown) bound.clear();
    isShown = value !== undefined;
  });
  const left = (): void => {
    if (here === steps && !isGone) return;
    [here, last, isGone] = [steps, entity.get(), false];
    bound.forget();
    if (last !== undefined) bound.show(textAt(last, steps));
  };
  field.addEventListener('blur', left);
  return () => {
    stop();
    field.removeEventListener('blur', left);
    bound.stop();
  };
};

/** Where the way leads by now: through the same elements of arrays, wherever they are. */
const followed = (steps: Steps, before: unknown, after: unknown): Steps => {
  let isMoved = false;
  let [old, now] = [before, after];
  const way = steps.map(step => {
    const to = Array.isArray(old) && Array.isArray(now) && typeof step === 'number' ? indexOf(old, now, step) : step;
    isMoved ||= to !== step;
    [old, now] = [at(old, [step]), at(now, [to])];
    return to;
  });
  return isMoved ? way : steps;
};

/** Where the element is now that was at `index`; `-1` where it is gone. It is known as in `update`: by what object it is, its identity, being equal, likeness. */
const indexOf = (before: readonly unknown[], items: readonly unknown[], index: number): number => {
  if (index < 0) return index;
  const shorter = Math.min(before.length, items.length);
  let [head, tail] = [0, 0];
  while (head < shorter && before[head] === items[head]) head += 1;
  while (tail < shorter - head && before.at(-1 - tail) === items.at(-1 - tail)) tail += 1;
  if (index < head) return index;
  const [end, to] = [before.length - tail, items.length - tail];
  if (index >= end) return index - end + to;
  const around = [before.slice(0, head), before.slice(end)];
  const { stay, partners } = match(before.slice(head, end), items.slice(head, to), around);
  const [, there] = [...stay, ...[...partners].map(([j, i]) => [i, j] as const)].find(([i]) => i + head === index) ?? [];
  return there === undefined ? -1 : there + head;
};

type Steps = readonly (string | number)[];

const at = (value: unknown, steps: Steps): unknown =>
  steps.reduce<unknown>((here, step) => {
    if (here instanceof Map) return here.get(step);
    return isContainer(here) && Object.hasOwn(here, step) ? (here as Record<string | number, unknown>)[step] : undefined;
  }, value);

/** What is no text is shown as none. */
const textAt = (value: unknown, steps: Steps): string => {
  const found = at(value, steps);
  return kindOf(found) === 'text' ? (found as string) : '';
};

const edit = (entity: TextOptions['entity'], steps: Steps, change: (text: string) => string): void => {
  const there = at(entity.get(), steps);
  if (there !== undefined && there !== null && kindOf(there) !== 'text') {
    throw new InvalidValueError('invalid-value', `what ${entity.id} has at ${JSON.stringify(steps)} is no text: give bindText() the path to one`);
  }
  const last = steps.at(-1);
  if (last === undefined) return entity.get() === undefined ? entity.set(change('')) : entity.update(text => change(String(text)));
  entity.update(value => {
    const parent = at(value, steps.slice(0, -1));
    if (parent instanceof Map) parent.set(last, change(textAt(parent, [last])));
    else if (isContainer(parent)) put(parent as Record<string, unknown>, String(last), change(textAt(parent, [last])));
    else throw new NotFoundError('not-found', `there is nothing in ${entity.id} that the text at ${JSON.stringify(steps)} could be in`);
  });
};
