/**
 * A text field whose text others change too.
 *
 * - It is not rewritten while text is being composed in it: input methods would lose their place.
 * - What the person has typed is made an edit of the newest text, whatever the field shows.
 * - Caret, selection and scroll position stay with the text that they were at; a caret beside what this person wrote last stays beside that, so that
 *   who writes on, forwards or backwards, writes in one piece.
 */

import { whereWrote, wrote, type Stretch } from '../tree/texts.js';
import { applied, editsAround, movedCaret, movedOwn, movedSelection, offsetIn, ownAfter, rebased, splice, type Edit } from './edits.js';
import { follow, inPlace, type Field } from './scroll.js';

export type { Field } from './scroll.js';

export interface Actions {
  /** Changes the text: `change` is given the newest one. Returns whether it was taken. */
  edit(change: (text: string) => string): boolean;
  /** Whether something will change. */
  undo(): boolean;
  redo(): boolean;
}

export class TextField {
  readonly #field: Field;
  readonly #actions: Actions;
  readonly #listening = new AbortController();
  /** The text that the field's was made from: what is typed next is an edit of this. */
  #base = '';
  /** The field's, as it was made from that. */
  #shown: string;
  /** What this person wrote last, in what is shown. What others insert right beside it stays on the other side of the caret. */
  #own: Stretch | undefined;
  #newest: string | undefined;
  #isComposing = false;
  /** Where what is about to be typed over begins. */
  #selected: number | undefined;
  /** An undo or redo of this person is under way: the caret goes where it changes something. */
  #follows = false;

  constructor(field: Field, actions: Actions) {
    this.#field = field;
    this.#actions = actions;
    this.#shown = field.value;
    this.#base = field.value;
    const { signal } = this.#listening;
    const listen = (type: string, heard: (event: never) => void): void => field.addEventListener(type, heard as EventListener, { signal });
    listen('compositionstart', () => (this.#isComposing = true));
    listen('compositionend', () => this.#composed());
    listen('input', () => this.#typed());
    // Both: the browser's own history of the field is empty as often as not, and then it fires no `beforeinput`; the Undo of a context menu fires
    // nothing else.
    listen('keydown', (event: KeyboardEvent) => this.#key(event));
    listen('beforeinput', (event: InputEvent) => this.#before(event));
  }

  /** The newest text. */
  show(text: string): void {
    this.#newest = text;
    if (this.#isComposing) return;
    // What was not taken before may be now.
    if (this.#field.value !== this.#shown) this.#typed();
    this.#render();
  }

  /** There is no text any more. */
  clear(): void {
    this.#newest = '';
    if (!this.#isComposing) this.#render();
  }

  /** It is for another text from now on: what was typed and not taken is not typed into that. */
  forget(): void {
    this.#base = this.#shown = this.#field.value;
    this.#own = undefined;
  }

  stop(): void {
    this.#listening.abort();
  }

  #typed(): void {
    if (this.#isComposing) return;
    this.#follows = false;
    const { value, selectionEnd } = this.#field;
    const [base, shown, own] = [this.#base, this.#shown, this.#own];
    const typed = splice(shown, value, selectionEnd ?? undefined, this.#selected);
    this.#selected = undefined;
    if (!typed) return;
    const inBase = ({ start, end }: Stretch) => ({ start: offsetIn(base, shown, start), end: offsetIn(base, shown, end) });
    const made = { ...inBase(typed), text: typed.text };
    let isTaken = false;
    try {
      isTaken = this.#actions.edit(text => {
        // The field has it already: until it is shown what became of it, the next edit is one of this.
        this.#base = applied(base, [made]);
        this.#shown = value;
        this.#own = ownAfter(own, typed);
        const edit = rebased(made, base, text, own && inBase(own));
        const end = edit.start + edit.text.length;
        this.#newest = wellFormed(applied(text, [edit]), edit.start, end);
        const run = this.#own ?? typed;
        const start = edit.start - (typed.start - run.start);
        wrote(this.#newest, edit.start, end, { start, end: start + run.end - run.start });
        return this.#newest;
      });
    } finally {
      if (!isTaken) [this.#base, this.#shown, this.#own] = [base, shown, own];
    }
  }

  #composed(): void {
    this.#isComposing = false;
    this.#typed();
    this.#render();
  }

  #key(event: KeyboardEvent): void {
    if (event.altKey || event.isComposing || event.ctrlKey === event.metaKey) return;
    const key = event.key.toLowerCase();
    const isRedo = (key === 'z' && event.shiftKey) || (key === 'y' && event.ctrlKey && !event.shiftKey);
    if (!isRedo && key !== 'z') return;
    event.preventDefault();
    this.#back(isRedo);
  }

  #before(event: InputEvent): void {
    const { selectionStart, selectionEnd } = this.#field;
    this.#selected = selectionStart === selectionEnd ? undefined : (selectionStart ?? undefined);
    if (event.inputType !== 'historyUndo' && event.inputType !== 'historyRedo') return;
    event.preventDefault();
    this.#back(event.inputType === 'historyRedo');
  }

  #back(isRedo: boolean): void {
    // Before: it may be shown before the call returns.
    this.#follows = true;
    this.#follows = isRedo ? this.#actions.redo() : this.#actions.undo();
  }

  #render(): void {
    const [field, text] = [this.#field, this.#newest];
    // Nothing is known yet.
    if (text === undefined || text === this.#base) return;
    const before = field.value;
    this.#base = text;
    const next = inField(field, text);
    // Where it is in the text it is in the field, unless that makes other line breaks of it.
    const there = text === next ? whereWrote(text) : undefined;
    const changes = editsAround(before, next, this.#own, there);
    if (changes.length > 0) this.#replace(before, next, changes);
    this.#shown = field.value;
  }

  #replace(before: string, next: string, changes: readonly Edit[]): void {
    const field = this.#field;
    const own = this.#own;
    this.#own = movedOwn(own, changes);
    const { selectionStart, selectionEnd, selectionDirection } = field;
    // Fields such as those for addresses have no caret that can be set.
    if (selectionStart === null || selectionEnd === null) {
      field.value = next;
      return;
    }
    const [from, to] = [changes[0]!.start, changes.at(-1)!.end];
    const isCaret = selectionStart === selectionEnd;
    const caret = movedCaret(selectionStart, changes, own);
    const selection = isCaret ? ([caret, caret] as const) : movedSelection(selectionStart, selectionEnd, changes);
    const change = (): void => {
      field.setRangeText(next.slice(from, next.length - (before.length - to)), from, to, 'preserve');
      if (field.value !== next) field.value = next;
      field.setSelectionRange(...selection, selectionDirection ?? 'none');
    };
    if (this.#follows) follow(field, changes, change);
    else inPlace(field, changes, change);
    this.#follows = false;
  }
}

/** The text as the field will have it: fields have one kind of line break, or none. */
const inField = (field: Field, text: string): string =>
  text.includes('\r') || (field.tagName === 'INPUT' && text.includes('\n'))
    ? field.tagName === 'INPUT'
      ? text.replace(/[\r\n]/g, '')
      : text.replace(/\r\n?/g, '\n')
    : text;

const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const isLow = (text: string, at: number): boolean => (text.charCodeAt(at) & 0xfc00) === 0xdc00;

/**
 * `text` without halves of surrogate pairs between these places, where somebody has typed: some input methods leave them for a moment, and no text that
 * can be kept has them.
 */
const wellFormed = (text: string, start: number, end: number): string => {
  let [from, to] = [Math.max(0, start - 1), end + 1];
  if (isLow(text, from)) from -= 1;
  if (isLow(text, to)) to += 1;
  const part = text.slice(Math.max(0, from), to);
  const mended = part.replace(LONE, '\ufffd');
  return mended === part ? text : text.slice(0, Math.max(0, from)) + mended + text.slice(to);
};
