/**
 * What was done to a text. Where a letter could have been put in at several places ("i" beside an "i"), it was put in where its person wrote last: a run
 * that is typed letter by letter stays in one piece.
 */

import { align } from './align.js';
import { splits } from './value.js';

const BLOCK = 1024;

/** What was put in last, in `text`; without length where something was deleted. */
interface Written {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Of the texts that were written in last. */
const written: Written[] = [];
const REMEMBERED = 8;

/** Says where in `text`, which is about to be a value's, somebody has written. */
export const wrote = (text: string, start: number, end: number): void => {
  written.unshift({ text, start, end });
  written.length = Math.min(written.length, REMEMBERED);
};

/** Edits of what differs between the common start and the common end: where both are several words, word by word. */
export const texts = (old: string, next: string): (number | string)[] => {
  const steps: (number | string)[] = [];
  // What stays, and then goes and comes. What stays at the end is not said.
  let [kept, gone, came] = [0, 0, ''];
  const say = (): void => {
    if (gone || came) steps.push(...[kept, -gone, came].filter(step => step));
    if (gone || came) [kept, gone, came] = [0, 0, ''];
  };
  const keep = (length: number): void => {
    if (length) say();
    kept += length;
  };
  const edit = (old: string, next: string, byWord: boolean, [head, tail] = ends(old, next)): void => {
    const [cut, put] = [old.slice(head, old.length - tail), next.slice(head, next.length - tail)];
    keep(head);
    if (byWord && cut && put) {
      const [before, after] = [cut.split(WORDS), put.split(WORDS)];
      let [i, j] = [0, 0];
      for (const [x, y] of [...align(before.map(word), after.map(word)), [before.length, after.length] as const]) {
        edit(before.slice(i, x).join(''), after.slice(j, y).join(''), false);
        // What ends it may have changed.
        if (x < before.length) edit(before[x]!, after[y]!, false);
        [i, j] = [x + 1, y + 1];
      }
    } else {
      gone += cut.length;
      came += put;
    }
    keep(tail);
  };
  edit(old, next, true, whereWritten(old, next, ends(old, next)));
  say();
  return steps;
};

/** The same ends, or others that leave the same where one person goes on writing. */
const whereWritten = (old: string, next: string, found: [head: number, tail: number]): [head: number, tail: number] => {
  const [head, tail] = found;
  const shorter = head + tail;
  const [gone, came] = [old.length - shorter, next.length - shorter];
  if (gone && came) return found;
  const [longer, by] = gone ? [old, gone] : [next, came];
  const isPlace = (at: number): boolean =>
    at >= 0 && at <= head && longer.slice(at + by, head + by) === longer.slice(at, head) && !splits(longer, at) && !splits(longer, at + by);
  const said = written.find(({ text }) => text === next);
  const before = written.find(({ text }) => text === old);
  const places = said ? [said.start] : !before ? [] : gone ? [before.end - by, before.start] : [before.end, before.start];
  const at = places.find(isPlace) ?? head;
  if (!said) {
    const goesOn = before && at <= before.end && at + gone >= before.start;
    const [start, end] = goesOn ? [Math.min(before.start, at), Math.max(before.end, at + gone) + came - gone] : [at, at + came];
    wrote(next, start, Math.max(start, end));
  }
  return [at, Math.min(old.length, next.length) - at];
};

/** Behind each word and what ends it. */
const WORDS = /(?<=[^\p{L}\p{N}])/u;
const END = /[^\p{L}\p{N}]$/u;

/** What a word is known by: not by the comma behind it. */
const word = (text: string): string => text.replace(END, '') || text;

/** How much both begin and end with. */
const ends = (old: string, next: string): [head: number, tail: number] => {
  const shorter = Math.min(old.length, next.length);
  let head = 0;
  while (head + BLOCK <= shorter && old.slice(head, head + BLOCK) === next.slice(head, head + BLOCK)) head += BLOCK;
  while (head < shorter && old.charCodeAt(head) === next.charCodeAt(head)) head += 1;
  if (splits(old, head) || splits(next, head)) head -= 1;
  const most = shorter - head;
  let tail = 0;
  const block = (text: string) => text.slice(text.length - tail - BLOCK, text.length - tail);
  while (tail + BLOCK <= most && block(old) === block(next)) tail += BLOCK;
  while (tail < most && old.charCodeAt(old.length - 1 - tail) === next.charCodeAt(next.length - 1 - tail)) tail += 1;
  if (splits(old, old.length - tail) || splits(next, next.length - tail)) tail -= 1;
  return [head, tail];
};
