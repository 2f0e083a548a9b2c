/**
 * Text fields on texts that others change at the same time.
 */

import { NotFoundError, type TimeweftError } from '../errors.js';
import { isContainer, kindOf, put } from '../tree/value.js';
import type { Entity } from '../types.js';
import { TextField } from './field.js';

/** Which text a field is for. */
export interface TextOptions {
  /** The entity that the text is in. */
  readonly entity: Pick<Entity, 'id' | 'get' | 'set' | 'update' | 'undo' | 'redo' | 'subscribe'>;
  /** Where it is: a key, or keys and indices from the outside in; `[]`, the default, where the value itself is the text. */
  readonly path?: string | number | readonly (string | number)[];
  /**
   * Told why something that was typed was not taken: nobody is signed in, or what the text is in is not there (yet). It stays in the field and is tried again
   * when there is a text, or something else is typed. Default: the error is thrown, and so in the console.
   */
  readonly onError?: (error: TimeweftError) => void;
}

/**
 * Makes a text field show a text of an entity, and what is typed an edit of it. What others change appears while caret, selection and scroll position
 * stay with the text that they were at; nothing is rewritten under an input method; undo and redo, by key or menu, are those of the entity.
 *
 * As long as it is bound, the entity is kept up to date. Returns what ends that; the field keeps its text.
 *
 * @example
 * const stop = bindText(document.querySelector('textarea'), { entity: note, path: 'blob' })
 */
export const bindText = (field: HTMLTextAreaElement | HTMLInputElement, { entity, path = [], onError }: TextOptions): (() => void) => {
  const steps = typeof path === 'object' ? path : [path];
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
    edit: change => attempt(() => edit(entity, steps, change)),
    undo: () => attempt(() => entity.undo()),
    redo: () => attempt(() => entity.redo()),
  });
  let isShown = false;
  const stop = entity.subscribe(value => {
    if (value !== undefined) bound.show(textAt(value, steps));
    // Before, it is loading, and what a server has rendered stays to be seen.
    else if (isShown) bound.clear();
    isShown = value !== undefined;
  });
  return () => {
    stop();
    bound.stop();
  };
};

type Steps = readonly (string | number)[];

const at = (value: unknown, steps: Steps): unknown =>
  steps.reduce<unknown>((here, step) => (isContainer(here) && Object.hasOwn(here, step) ? (here as Record<string | number, unknown>)[step] : undefined), value);

/** What is no text is shown as none. */
const textAt = (value: unknown, steps: Steps): string => {
  const found = at(value, steps);
  return kindOf(found) === 'text' ? (found as string) : '';
};

const edit = (entity: TextOptions['entity'], steps: Steps, change: (text: string) => string): void => {
  const last = steps.at(-1);
  if (last === undefined) return entity.get() === undefined ? entity.set(change('')) : entity.update(text => change(String(text)));
  entity.update(value => {
    const parent = at(value, steps.slice(0, -1));
    if (!isContainer(parent)) throw new NotFoundError('not-found', `there is nothing in ${entity.id} that the text at ${JSON.stringify(steps)} could be in`);
    put(parent as Record<string, unknown>, String(last), change(textAt(parent, [last])));
  });
};
