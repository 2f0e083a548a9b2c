/**
 * Where places in a text go when the text changes: for a caret that stays where it is while somebody else types, and for an edit that was made on
 * a text which is no longer the newest. Offsets are in UTF-16 units, as in the DOM.
 */

import { align } from '../tree/align.js';
import { whereWrote, type Stretch } from '../tree/texts.js';

/** `before[start, end)` becomes `text`. Lists of edits are ascending and don't touch each other. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The one edit that turns `before` into `after`. Where several would (one more "a" among others), it is the one that ends at `caret`, which is where a
 * person who has just typed or deleted is, and begins where what they had `selected` did: a letter put in its place is theirs, though it had begun with the
 * same.
 */
export const splice = (before: string, after: string, caret = after.length, selected?: number): Edit | undefined => {
  if (before === after) return undefined;
  const shorter = Math.min(before.length, after.length);
  const most = Math.min(shorter, after.length - caret);
  let tail = 0;
  const isSame = (): boolean => before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail);
  while (tail < most && isSame()) tail += 1;
  let head = 0;
  const start = Math.min(shorter - tail, selected ?? shorter);
  while (head < start && before.charCodeAt(head) === after.charCodeAt(head)) head += 1;
  // Without a usable caret the common end was not looked for as far as it goes.
  if (selected === undefined) while (tail < shorter - head && isSame()) tail += 1;
  return { start: head, end: before.length - tail, text: after.slice(head, after.length - tail) };
};

/**
 * The edits that turn `before` into `after`, by words, so that two changes far apart don't move what is between them; and of a word by letters, as what
 * somebody has written may have got neighbours on both sides.
 */
export const edits = (before: string, after: string): Edit[] => {
  const whole = splice(before, after);
  return whole ? finer(before, whole, [words, letters]) : [];
};

/**
 * The same where it is known what `own` of `before` is in `after`: what others put in on one side of it was not put in on the other, though the text
 * would be the same.
 */
export const editsAround = (before: string, after: string, own: Stretch | undefined, there: Stretch | undefined): Edit[] => {
  if (!own || !there || own.start === own.end || before.slice(own.start, own.end) !== after.slice(there.start, there.end)) return edits(before, after);
  const behind = edits(before.slice(own.end), after.slice(there.end));
  const by = own.end;
  return [...edits(before.slice(0, own.start), after.slice(0, there.start)), ...behind.map(({ start, end, text }) => ({ start: start + by, end: end + by, text }))];
};

/** An edit that puts one thing in place of another, by smaller and smaller pieces. */
const finer = (before: string, edit: Edit, [pieces, ...smaller]: readonly ((text: string) => string[])[]): Edit[] => {
  if (!pieces || edit.start === edit.end || edit.text === '') return [edit];
  const [old, next] = [pieces(before.slice(edit.start, edit.end)), pieces(edit.text)];
  const found: Edit[] = [];
  let [i, j, at] = [0, 0, edit.start];
  for (const [x, y] of [...align(old, next), [old.length, next.length] as const]) {
    const gone = old.slice(i, x).join('');
    // What is the same at both ends of a piece stays too.
    const change = splice(gone, next.slice(j, y).join(''));
    if (change) found.push(...finer(before, { start: at + change.start, end: at + change.end, text: change.text }, smaller));
    at += gone.length + (old[x]?.length ?? 0);
    [i, j] = [x + 1, y + 1];
  }
  return found;
};

const words = (text: string): string[] => text.match(/\w+|\s+|[^\w\s]/gu) ?? [];
/** Nobody has a caret in the middle of what is longer and was replaced. */
const letters = (text: string): string[] => (text.length < 256 ? [...text] : [text]);

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

/**
 * A selection after `changes`: what was selected stays selected, and nothing more. A caret stays behind what is before it, but for one that is right before
 * what its person wrote last (`own`): that is where who writes backwards goes on.
 */
export const movedSelection = (start: number, end: number, changes: readonly Edit[], own?: Stretch): [start: number, end: number] => {
  if (start === end) {
    const caret = moved(start, changes, own?.start === start ? 'after' : 'before');
    return [caret, caret];
  }
  const first = moved(start, changes, 'after');
  return [first, Math.max(first, moved(end, changes))];
};

/**
 * A caret after `changes` of others. It stays before what is behind it, so that who has put theirs at the end of a word that another is writing is not in the
 * middle of it by the next letter; but right behind what its person wrote last it stays there.
 */
export const movedCaret = (at: number, changes: readonly Edit[], own?: Stretch): number => moved(at, changes, own?.end === at ? 'before' : 'after');

/** What its person wrote last, after `changes` of others: nothing of theirs that is beside it, and nothing where all of it is gone. */
export const movedOwn = (own: Stretch | undefined, changes: readonly Edit[]): Stretch | undefined => {
  if (!own) return undefined;
  const [start, end] = movedSelection(own.start, own.end, changes);
  return start < end ? { start, end } : undefined;
};

/** The same after an edit of that person: what is put in beside it goes on with it; elsewhere, also in the middle of it, something new begins. */
export const ownAfter = (own: Stretch | undefined, { start, end, text }: Edit): Stretch | undefined => {
  const longer = text.length - (end - start);
  const isInside = own && text && own.start < start && end < own.end;
  if (own && !isInside && start <= own.end && own.start <= end) {
    const after = { start: Math.min(own.start, start), end: Math.max(own.end, end) + longer };
    return after.start < after.end ? after : undefined;
  }
  if (text) return { start, end: start + text.length };
  return own && end <= own.start ? { start: own.start + longer, end: own.end + longer } : own;
};

/** An edit of `base` as one of `theirs`; `own` is in `base`. */
export const rebased = ({ start, end, text }: Edit, base: string, theirs: string, own?: Stretch): Edit => {
  if (base === theirs) return { start, end, text };
  const [first, last] = movedSelection(start, end, editsAround(base, theirs, own, whereWrote(theirs)), own);
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
