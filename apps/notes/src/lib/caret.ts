// Where places in a text go when the text changes: for a caret that must stay where it is while somebody else types, and
// for a local change that was made on a text that is no longer the newest. Offsets are in UTF-16, as in the DOM.

import { diffWordsWithSpace } from 'diff';

/** `before[start, end)` becomes `text`. Lists of edits are ascending and don't touch each other. */
export interface Edit {
  start: number;
  end: number;
  text: string;
}

/** Past this many changed words a change counts as one replacement: exact mapping is worth milliseconds, not seconds. */
const MAX_CHANGED_WORDS = 400;

/**
 * The one edit that turns `before` into `after`. Where several would (one more "a" among others), it is the one that
 * ends at `caret`, which is where a person who has just typed or deleted is.
 */
export function splice(before: string, after: string, caret = after.length): Edit | undefined {
  if (before === after) return undefined;
  const shorter = Math.min(before.length, after.length);
  const most = Math.min(shorter, after.length - caret);
  let suffix = 0;
  while (suffix < most && before.at(-1 - suffix) === after.at(-1 - suffix)) suffix++;
  let prefix = 0;
  while (prefix < shorter - suffix && before[prefix] === after[prefix]) prefix++;
  // Without a usable caret the suffix was not looked for to its end.
  while (suffix < shorter - prefix && before.at(-1 - suffix) === after.at(-1 - suffix)) suffix++;
  return { start: prefix, end: before.length - suffix, text: after.slice(prefix, after.length - suffix) };
}

/** The edits that turn `before` into `after`, by words, so that two changes far apart don't move what is between them. */
export function edits(before: string, after: string): Edit[] {
  const whole = splice(before, after);
  if (!whole) return [];
  if (whole.start === whole.end || whole.text === '') return [whole];
  const parts = diffWordsWithSpace(before.slice(whole.start, whole.end), whole.text, {
    maxEditLength: MAX_CHANGED_WORDS,
    timeout: 30,
  });
  if (!parts) return [whole];
  const found: Edit[] = [];
  let at = whole.start;
  let open: Edit | undefined;
  for (const part of parts) {
    if (!part.added && !part.removed) {
      at += part.value.length;
      open = undefined;
      continue;
    }
    if (!open) found.push((open = { start: at, end: at, text: '' }));
    if (part.added) open.text += part.value;
    else open.end = at += part.value.length;
  }
  return found;
}

/** `text` after `changes`. */
export function applied(text: string, changes: readonly Edit[]): string {
  let result = '';
  let at = 0;
  for (const edit of changes) {
    result += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return result + text.slice(at);
}

/**
 * Where `offset` is after `changes`. Text that is inserted exactly there comes after it, or before it if `side` is
 * `'after'`; a place inside of what is replaced stays as far from its start as the new text allows.
 */
export function moved(offset: number, changes: readonly Edit[], side: 'before' | 'after' = 'before'): number {
  let shift = 0;
  for (const { start, end, text } of changes) {
    if (start > offset) break;
    const insertedHere = start === end && start === offset;
    if (insertedHere ? side === 'after' : end <= offset) shift += text.length - (end - start);
    else if (start < offset) return start + shift + Math.min(offset - start, text.length);
  }
  return offset + shift;
}

/** A selection after `changes`: what was selected stays selected, and nothing more. */
export function movedSelection(start: number, end: number, changes: readonly Edit[]): [start: number, end: number] {
  if (start === end) {
    const caret = moved(start, changes);
    return [caret, caret];
  }
  const first = moved(start, changes, 'after');
  return [first, Math.max(first, moved(end, changes))];
}

/** What `mine`, made from `base` by one edit that ended at `caret`, comes to on top of `theirs`. */
export function rebased(base: string, mine: string, theirs: string, caret?: number): string {
  if (base === theirs) return mine;
  const edit = splice(base, mine, caret);
  if (!edit) return theirs;
  const changes = edits(base, theirs);
  const [start, end] = movedSelection(edit.start, edit.end, changes);
  return applied(theirs, [{ start, end, text: edit.text }]);
}
