// What a version's note was before it, from the version itself: `meta.previousValues` leads back (docs/protocol.md,
// "Diffs"). Only what a note shows is followed, its two texts.

import type { Note } from './notebook.svelte.ts';
import { text } from './text.ts';

/** The note before that version; `undefined` for the first. */
export function previous(note: Note, previousValues: unknown): Note | undefined {
  if (!isObject(previousValues)) return undefined;
  if ('$replace' in previousValues) return isObject(previousValues.$replace) ? texts(previousValues.$replace) : undefined;
  const back = (part: 'title' | 'blob'): string =>
    part in previousValues ? before(text(note[part]), previousValues[part]) : text(note[part]);
  return { title: back('title'), blob: back('blob') };
}

function before(now: string, change: unknown): string {
  if (!isObject(change)) return text(change);
  if (!Array.isArray(change.$text)) return text(change.$replace);
  let [at, result] = [0, ''];
  for (const step of change.$text as (number | string)[]) {
    if (typeof step === 'string') result += step;
    else if (step > 0) result += now.slice(at, (at += step));
    else at -= step;
  }
  return result + now.slice(at);
}

function texts(value: Record<string, unknown>): Note {
  return { title: text(value.title), blob: text(value.blob) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
