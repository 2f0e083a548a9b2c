/**
 * Where places in a text go when the text changes: for a caret that stays where it is while somebody else types, and for an edit that was made on
 * a text which is no longer the newest. Offsets are in UTF-16 units, as in the DOM.
 */

import { align } from '../tree/align.js';

/** `before[start, end)` becomes `text`. Lists of edits are ascending and don't touch each other. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The one edit that turns `before` into `after`. Where several would (one more "a" among others), it is the one that ends at `caret`, which is where a
 * person who has just typed or deleted is.
 */
export const splice = (before: string, after: string, caret = after.length): Edit | undefined => {
  if (before === after) return undefined;
  const shorter = Math.min(before.length, after.length);
  const most = Math.min(shorter, after.length - caret);
  let tail = 0;
  const isSame = (): boolean => before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail);
  while (tail < most && isSame()) tail += 1;
  let head = 0;
  while (head < shorter - tail && before.charCodeAt(head) === after.charCodeAt(head)) head += 1;
  // Without a usable caret the common end was not looked for as far as it goes.
  while (tail < shorter - head && isSame()) tail += 1;
  return { start: head, end: before.length - tail, text: after.slice(head, after.length - tail) };
};

/** The edits that turn `before` into `after`, by words, so that two changes far apart don't move what is between them. */
export const edits = (before: string, after: string): Edit[] => {
  const whole = splice(before, after);
  if (!whole) return [];
  if (whole.start === whole.end || whole.text === '') return [whole];
  const [old, next] = [words(before.slice(whole.start, whole.end)), words(whole.text)];
  const found: Edit[] = [];
  let [i, j, at] = [0, 0, whole.start];
  for (const [x, y] of [...align(old, next), [old.length, next.length] as const]) {
    const gone = old.slice(i, x).join('');
    // Of a word, what is the same at both ends stays too.
    const change = splice(gone, next.slice(j, y).join(''));
    if (change) found.push({ start: at + change.start, end: at + change.end, text: change.text });
    at += gone.length + (old[x]?.length ?? 0);
    [i, j] = [x + 1, y + 1];
  }
  return found;
};

const words = (text: string): string[] => text.match(/\w+|\s+|[^\w\s]/gu) ?? [];

/** `text` after `changes`. */
export const applied = (text: string, changes: readonly Edit[]): string => {
  let made = '';
  let at = 0;
  for (const edit of changes) {
    made += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return made + text.slice(at);
};

/**
 * Where `offset` is after `changes`. What is inserted exactly there comes after it, or before it if `side` is `'after'`; a place inside of what is
 * replaced stays as far from its start as the new text allows.
 */
export const moved = (offset: number, changes: readonly Edit[], side: 'before' | 'after' = 'before'): number => {
  let shift = 0;
  for (const { start, end, text } of changes) {
    if (start > offset) break;
    const isHere = start === end && start === offset;
    if (isHere ? side === 'after' : end <= offset) shift += text.length - (end - start);
    else if (start < offset) return start + shift + Math.min(offset - start, text.length);
  }
  return offset + shift;
};

/** A selection after `changes`: what was selected stays selected, and nothing more. */
export const movedSelection = (start: number, end: number, changes: readonly Edit[]): [start: number, end: number] => {
  if (start === end) {
    const caret = moved(start, changes);
    return [caret, caret];
  }
  const first = moved(start, changes, 'after');
  return [first, Math.max(first, moved(end, changes))];
};

/** An edit of `base` as one of `theirs`. */
export const rebased = ({ start, end, text }: Edit, base: string, theirs: string): Edit => {
  if (base === theirs) return { start, end, text };
  const [first, last] = movedSelection(start, end, edits(base, theirs));
  return { start: first, end: last, text };
};

/**
 * Where `offset` of a field's text is in the text that it shows: fields make one kind of line break of all, or leave them out.
 */
export const offsetIn = (text: string, shown: string, offset: number): number => {
  if (text === shown) return offset;
  let at = 0;
  for (let i = 0; i < offset; i += 1, at += 1) {
    while (at < text.length && text[at] !== shown[i] && !(text[at] === '\r' && text[at + 1] !== '\n' && shown[i] === '\n')) at += 1;
  }
  return at;
};
