/**
 * What was done to a text. Where a letter could have been put in at several places ("i" beside an "i"), it was put in where its person wrote last: a run
 * that is typed letter by letter stays in one piece.
 */

import { align } from './align.js';
import type { TextStep } from './patch.js';
import { splits } from './value.js';

const BLOCK = 1024;

/** Where the person of this tab wrote last, in texts of late; without length where they deleted. */
const written = new Map<string, Stretch & { own: Stretch }>();
/** So many letters are remembered, and two texts at least. */
const REMEMBERED = 1 << 20;
let remembered = 0;

export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Says where in `text`, which is about to be a value's, somebody has written, and which run of theirs that goes on. */
export const wrote = (text: string, start: number, end: number, own: Stretch = { start, end }): void => {
  forget(text);
  remembered += text.length;
  written.set(text, { start, end, own });
  for (const [oldest] of written) {
    if (written.size <= 2 || (written.size <= 64 && remembered <= REMEMBERED)) break;
    forget(oldest);
  }
};

const forget = (text: string): void => {
  if (written.delete(text)) remembered -= text.length;
};

/** Where the run is that was written last. */
export const whereWrote = (text: string): Stretch | undefined => written.get(text)?.own;

let isOwn = false;

/** What `make` does to texts is what became of something that was done in this tab. */
export const asOwn = <T>(make: () => T): T => {
  isOwn = true;
  try {
    return make();
  } finally {
    isOwn = false;
  }
};

/** `next` is what `steps` made of `old`: what was written last is where it went, and what others put in beside it is none of it. */
export const follow = (old: string, next: string, steps: readonly TextStep[]): void => {
  const known = whereWrote(old);
  // Somebody else may have made the same text, with nothing of this person's in it.
  if (!known && !isOwn) return forget(next);
  let [start, end] = known ? [known.start, known.end] : [-1, -1];
  let at = 0;
  for (const step of steps) {
    if (typeof step === 'number') {
      if (step > 0) at += step;
      else {
        // What goes before it, and what goes of it.
        start = start > at ? Math.max(at, start + step) : start;
        end = end > at ? Math.max(at, end + step) : end;
      }
      continue;
    }
    const { length } = typeof step === 'string' ? step : step.insert;
    const isBeside = start <= at && at <= end;
    if (isOwn) [start, end] = isBeside ? [start, end + length] : [at, at + length];
    else [start, end] = [start >= at ? start + length : start, end > at ? end + length : end];
    at += length;
  }
  if (start >= 0) wrote(next, start, end);
};

/** Edits of what differs between the common start and the common end: line by line, and where lines differ, word by word. */
export const texts = (old: string, next: string): (number | string)[] => {
  const steps: (number | string)[] = [];
  // What stays, and then goes and comes. What stays at the end is not said.
  let [kept, gone, came] = [0, 0, ''];
  const keep = (length: number): void => {
    if (length && (gone || came)) {
      steps.push(...[kept, -gone, came].filter(step => step));
      [kept, gone, came] = [0, 0, ''];
    }
    kept += length;
  };
  const edit = (old: string, next: string, by?: RegExp, [head, tail] = ends(old, next)): void => {
    const [cut, put] = [old.slice(head, old.length - tail), next.slice(head, next.length - tail)];
    keep(head);
    if (by && cut && put) {
      const [before, after] = [cut.split(by), put.split(by)];
      let [i, j] = [0, 0];
      for (const [x, y] of [...align(before.map(wordOf), after.map(wordOf)), [before.length, after.length] as const]) {
        edit(before.slice(i, x).join(''), after.slice(j, y).join(''), by === LINES ? WORDS : undefined);
        edit(before[x] ?? '', after[y] ?? '');
        [i, j] = [x + 1, y + 1];
      }
    } else {
      gone += cut.length;
      came += put;
    }
    keep(tail);
  };
  edit(old, next, LINES, whereWritten(old, next, ends(old, next)));
  keep(1);
  return steps;
};

/** The same ends, or others that leave the same where one person goes on writing. */
const whereWritten = (old: string, next: string, [head, tail]: [head: number, tail: number]): [head: number, tail: number] => {
  const by = next.length - old.length;
  const [longer, length] = by < 0 ? [old, -by] : [next, by];
  if (head + tail + length < longer.length) return [head, tail];
  const [here, before] = [written.get(next), written.get(old)];
  const { start, end } = here ?? before ?? { start: -1, end: -1 };
  const places = here ? [start] : before ? [by < 0 ? end + by : end, start] : [];
  const isSame = (at: number): boolean => at >= 0 && at <= head && longer.slice(at + length, head + length) === longer.slice(at, head);
  let at = places.find(isSame) ?? head;
  if (by < 0 && !places.length) {
    // Words go whole: of "two. " before "two. " what somebody else puts in is not put into another word.
    for (let start = head; isSame(start) && head - start < length; start -= 1) {
      if (start && WORD.test(longer.slice(start - 1, start))) continue;
      at = start;
      break;
    }
  }
  const [from, to] = at >= start && at <= end ? [start, end + by] : [at, at + by];
  if (!here) wrote(next, from, Math.max(from, to));
  return [at, head + tail - at];
};

const WORD = /[\p{L}\p{N}]/u;
const LINES = /(?=\n)/;
/** Before what is no letter and no digit: a word is the same with a comma behind it, or when it was the last one. */
const WORDS = /(?=[^\p{L}\p{N}])/u;
/** Nor does it matter whether it was the first one. */
const wordOf = (part: string): string => part.replace(/^[^\p{L}\p{N}]/u, '') || part;

/** How much both begin and end with. */
export const ends = (old: string, next: string): [head: number, tail: number] => {
  const common = (most: number, part: (text: string, at: number, end: number) => string): number => {
    let at = 0;
    for (const step of [BLOCK, 1]) while (at + step <= most && part(old, at, at + step) === part(next, at, at + step)) at += step;
    return at;
  };
  const shorter = Math.min(old.length, next.length);
  let head = common(shorter, (text, at, end) => text.slice(at, end));
  if (splits(old, head) || splits(next, head)) head -= 1;
  let tail = common(shorter - head, (text, at, end) => text.slice(text.length - end, text.length - at));
  if (splits(old, old.length - tail) || splits(next, next.length - tail)) tail -= 1;
  return [head, tail];
};
