// A text field whose text others change too. Invariants: the field is never rewritten while text is being composed in it
// (input methods lose their place); what the person has typed is always made a change of the newest text, whatever the
// field shows; caret, selection and scroll position stay with the text they were at.

import { edits, movedSelection, moved, rebased, type Edit } from './caret.ts';

export type Field = HTMLTextAreaElement | HTMLInputElement;

export interface Actions {
  /** Changes the text: `change` is given the newest one. */
  edit(change: (text: string) => string): void;
  /** True if something will change. */
  undo(): boolean;
  redo(): boolean;
}

export class TextBinding {
  readonly #field: Field;
  readonly #actions: Actions;
  readonly #listening = new AbortController();
  /** What the field's text was made from: the person's next change is one of this. */
  #shown = '';
  #newest = '';
  #composing = false;
  /** An undo or redo of this person is under way: the caret goes where it changes something. */
  #follow = false;

  constructor(field: Field, actions: Actions) {
    this.#field = field;
    this.#actions = actions;
    const options = { signal: this.#listening.signal };
    field.addEventListener('compositionstart', () => (this.#composing = true), options);
    field.addEventListener('compositionend', () => this.#composed(), options);
    field.addEventListener('input', () => this.#typed(), options);
    // `keydown` of a text field and its `beforeinput` are both looked at: the field's own history is empty for the browser
    // as often as not, and then it fires no `beforeinput`; a context menu's Undo fires nothing else.
    field.addEventListener('keydown', (event) => this.#key(event as KeyboardEvent), options);
    field.addEventListener('beforeinput', (event) => this.#before(event as InputEvent), options);
  }

  /** The newest text. */
  show(text: string): void {
    this.#newest = text;
    if (!this.#composing) this.#render();
  }

  destroy(): void {
    this.#listening.abort();
  }

  #typed(): void {
    if (this.#composing) return;
    this.#follow = false;
    const { value, selectionEnd } = this.#field;
    const shown = this.#shown;
    if (value === shown) return;
    this.#shown = value;
    this.#actions.edit((text) => (this.#newest = rebased(shown, value, text, selectionEnd ?? undefined)));
  }

  #composed(): void {
    this.#composing = false;
    this.#typed();
    this.#render();
  }

  #key(event: KeyboardEvent): void {
    if (event.altKey || event.isComposing || event.ctrlKey === event.metaKey) return;
    const key = event.key.toLowerCase();
    const redo = (key === 'z' && event.shiftKey) || (key === 'y' && event.ctrlKey && !event.shiftKey);
    if (!redo && key !== 'z') return;
    event.preventDefault();
    this.#back(redo);
  }

  #before(event: InputEvent): void {
    if (event.inputType !== 'historyUndo' && event.inputType !== 'historyRedo') return;
    event.preventDefault();
    this.#back(event.inputType === 'historyRedo');
  }

  #back(redo: boolean): void {
    this.#follow = redo ? this.#actions.redo() : this.#actions.undo();
  }

  #render(): void {
    const field = this.#field;
    const text = this.#newest;
    const before = field.value;
    this.#shown = text;
    if (before === text) return;
    const changes = edits(before, text);
    const { selectionStart, selectionEnd, selectionDirection, scrollTop, scrollHeight } = field;
    const above = scrollTop > 0 && isAbove(field, changes, scrollTop);
    const span = enclosing(changes);
    field.setRangeText(text.slice(span.start, text.length - (before.length - span.end)), span.start, span.end, 'preserve');
    if (field.value !== text) field.value = text;

    if (this.#follow) {
      this.#follow = false;
      const last = changes.at(-1) as Edit;
      const caret = moved(last.start, changes) + last.text.length;
      field.setSelectionRange(caret, caret);
      reveal(field, caret, scrollTop);
      return;
    }
    const [start, end] = movedSelection(selectionStart ?? 0, selectionEnd ?? 0, changes);
    field.setSelectionRange(start, end, selectionDirection ?? 'none');
    field.scrollTop = scrollTop + (above ? field.scrollHeight - scrollHeight : 0);
  }
}

function enclosing(changes: readonly Edit[]): { start: number; end: number } {
  return { start: changes[0]?.start ?? 0, end: changes.at(-1)?.end ?? 0 };
}

function isAbove(field: Field, changes: readonly Edit[], scrollTop: number): boolean {
  const { end } = enclosing(changes);
  return end === 0 || bottomOf(field, end) <= scrollTop + 1;
}

/** Scrolls as little as needed to bring a place into view. */
function reveal(field: Field, offset: number, scrollTop: number): void {
  const bottom = bottomOf(field, offset);
  const line = lineHeight(field);
  if (bottom - line < scrollTop) field.scrollTop = Math.max(0, bottom - 2 * line);
  else if (bottom > scrollTop + field.clientHeight) field.scrollTop = bottom + line - field.clientHeight;
  else field.scrollTop = scrollTop;
}

function lineHeight(field: Field): number {
  return Number.parseFloat(getComputedStyle(field).lineHeight) || 24;
}

const COPIED = [
  'font', 'letterSpacing', 'lineHeight', 'tabSize', 'textIndent', 'wordSpacing',
  'paddingTop', 'paddingRight', 'paddingBottom', 'paddingLeft',
] as const;

/** How far below the start of the text the line of `offset` ends. A text field does not tell, so a copy of it is measured. */
function bottomOf(field: Field, offset: number): number {
  const style = getComputedStyle(field);
  const copy = document.createElement('div');
  for (const name of COPIED) copy.style[name] = style[name];
  Object.assign(copy.style, {
    position: 'absolute', visibility: 'hidden', top: '0', left: '0', boxSizing: 'border-box',
    width: `${field.clientWidth}px`, whiteSpace: 'pre-wrap', overflowWrap: 'break-word',
  });
  const mark = document.createElement('span');
  mark.textContent = '\u200b';
  copy.append(field.value.slice(0, offset), mark);
  document.body.append(copy);
  const bottom = mark.offsetTop + mark.offsetHeight;
  copy.remove();
  return bottom;
}
