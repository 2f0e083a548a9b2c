/** How a text field is scrolled, which it tells of itself only in part: where a place in the text is is measured in a copy of it. */

import { moved, type Edit } from './edits.js';

export type Field = HTMLTextAreaElement | HTMLInputElement;

/** The text of a field is replaced by `change`; whoever reads on in it sees what they saw before. */
export const inPlace = (field: Field, changes: readonly Edit[], change: () => void): void => {
  const { scrollTop, scrollHeight } = field;
  const end = changes.at(-1)?.end ?? 0;
  const isAbove = scrollTop > 0 && (end === 0 || bottomOf(field, end) <= scrollTop + 1);
  change();
  field.scrollTop = scrollTop + (isAbove ? field.scrollHeight - scrollHeight : 0);
};

/** Puts the caret where `changes` end, and scrolls no further than is needed to see it. */
export const follow = (field: Field, changes: readonly Edit[], change: () => void): void => {
  const { scrollTop } = field;
  change();
  const last = changes.at(-1);
  if (!last) return;
  const caret = moved(last.start, changes) + last.text.length;
  field.setSelectionRange(caret, caret);
  const bottom = bottomOf(field, caret);
  const line = Number.parseFloat(getComputedStyle(field).lineHeight) || 24;
  if (bottom - line < scrollTop) field.scrollTop = Math.max(0, bottom - 2 * line);
  else if (bottom > scrollTop + field.clientHeight) field.scrollTop = bottom + line - field.clientHeight;
  else field.scrollTop = scrollTop;
};

const COPIED = [
  'font', 'letterSpacing', 'lineHeight', 'tabSize', 'textIndent', 'wordSpacing', 'paddingTop', 'paddingRight', 'paddingBottom', 'paddingLeft',
] as const;

/** How far below the start of the text the line of `offset` ends. */
const bottomOf = (field: Field, offset: number): number => {
  const { ownerDocument } = field;
  const style = getComputedStyle(field);
  const copy = ownerDocument.createElement('div');
  for (const name of COPIED) copy.style[name] = style[name];
  Object.assign(copy.style, {
    position: 'absolute', visibility: 'hidden', top: '0', left: '0', boxSizing: 'border-box',
    width: `${field.clientWidth}px`, whiteSpace: 'pre-wrap', overflowWrap: 'break-word',
  });
  const mark = ownerDocument.createElement('span');
  mark.textContent = '\u200b';
  copy.append(field.value.slice(0, offset), mark);
  ownerDocument.body.append(copy);
  const bottom = mark.offsetTop + mark.offsetHeight;
  copy.remove();
  return bottom;
};
