// What two texts have in common and what they don't, for showing.

import { diffLines, diffWordsWithSpace, type Change } from 'diff';

export type Kind = 'same' | 'added' | 'removed';

export interface Piece {
  kind: Kind;
  text: string;
}

/** Milliseconds that a comparison by words, and then one by lines, may take before something coarser is shown: no slider may wait for it. */
const PATIENCE = 25;
/** Taking a text apart into words takes time too, however much of it is the same. */
const MANY_WORDS = 100_000;

/** `before` and `after` as one sequence of pieces: by words, or coarser where that would take too long. */
export function compared(before: string, after: string): Piece[] {
  if (before === after) return after === '' ? [] : [{ kind: 'same', text: after }];
  const [start, end] = common(before, after);
  const [was, is] = [before.slice(start, before.length - end), after.slice(start, after.length - end)];
  const changes: Change[] | undefined =
    (was.length + is.length < MANY_WORDS ? diffWordsWithSpace(was, is, { timeout: PATIENCE }) : undefined) ??
    diffLines(was, is, { timeout: PATIENCE });
  const middle = changes?.map(({ added, removed, value }) => piece(added ? 'added' : removed ? 'removed' : 'same', value));
  return joined([
    piece('same', after.slice(0, start)),
    ...(middle ?? [piece('removed', was), piece('added', is)]),
    piece('same', after.slice(after.length - end)),
  ]);
}

/** How long the same start and the same end are, up to the space nearest to what differs. */
function common(before: string, after: string): [number, number] {
  const most = Math.min(before.length, after.length);
  let [start, end] = [0, 0];
  while (start < most && before[start] === after[start]) start++;
  while (start > 0 && !/\s/.test(before[start - 1] as string)) start--;
  while (end < most - start && before.at(-1 - end) === after.at(-1 - end)) end++;
  while (end > 0 && !/\s/.test(before.at(-end) as string)) end--;
  return [start, end];
}

/** Pieces as `before` had them (`'removed'`) or as `after` has them (`'added'`). */
export function side(pieces: readonly Piece[], kind: 'added' | 'removed'): Piece[] {
  return pieces.filter((piece) => piece.kind === 'same' || piece.kind === kind);
}

/** Both texts in one, where they differ first the one and then the other: something to start from when choosing by hand. */
export function combined(mine: string, theirs: string): string {
  const pieces = compared(mine, theirs);
  return pieces.reduce((text, { kind, text: next }, n) => {
    const replaces = kind === 'added' && pieces[n - 1]?.kind === 'removed';
    const apart = replaces && text !== '' && !/\s$/.test(text) && !/^\s/.test(next);
    return text + (apart ? ' ' : '') + next;
  }, '');
}

/** A stretch of a text, and up to `context` characters on both sides, from whole words on. */
export function around(text: string, [start, length]: readonly [number, number], context = 60): { before: string; text: string; after: string } {
  const end = start + length;
  const [from, to] = [Math.max(0, start - context), Math.min(text.length, end + context)];
  const before = from > 0 ? `… ${text.slice(from, start).replace(/^\S*\s/, '')}` : text.slice(0, start);
  const after = to < text.length ? `${text.slice(end, to).replace(/\s\S*$/, '')} …` : text.slice(end);
  return { before, text: text.slice(start, end), after };
}

/** Long stretches in common, shortened to `context` characters next to a difference. */
export function condensed(pieces: readonly Piece[], context = 120): Piece[] {
  return pieces.map((piece, n) => {
    if (piece.kind !== 'same' || pieces.length === 1) return piece;
    const head = n === 0 ? 0 : context;
    const tail = n === pieces.length - 1 ? 0 : context;
    if (piece.text.length <= head + tail + context) return piece;
    // Not in the middle of a word, as long as words are words.
    const start = piece.text.slice(0, head).replace(/\s+\S{0,30}$/, '');
    const end = tail ? piece.text.slice(-tail).replace(/^\S{0,30}\s+/, '') : '';
    return { kind: 'same', text: `${start}${head ? ' ' : ''}…${tail ? ' ' : ''}${end}` };
  });
}

function piece(kind: Kind, text: string): Piece {
  return { kind, text };
}

// A deletion before an insertion, neighbours of a kind as one: `diff` reports single words in either order, and a run of
// changed words with only spaces between them reads better as one replacement.
function joined(pieces: readonly Piece[]): Piece[] {
  const result: Piece[] = [];
  let removed = '';
  let added = '';
  const flush = () => {
    if (removed) result.push(piece('removed', removed));
    if (added) result.push(piece('added', added));
    removed = added = '';
  };
  pieces.forEach(({ kind, text }, n) => {
    if (text === '') return;
    if (kind === 'removed') removed += text;
    else if (kind === 'added') added += text;
    else if (/^ +$/.test(text) && removed && added && replacesWord(pieces, n)) {
      removed += text;
      added += text;
    } else {
      flush();
      const last = result.at(-1);
      if (last?.kind === 'same') last.text += text;
      else result.push(piece('same', text));
    }
  });
  flush();
  return result;
}

function replacesWord(pieces: readonly Piece[], space: number): boolean {
  const kinds = [pieces[space + 1]?.kind, pieces[space + 2]?.kind];
  return kinds.includes('removed') && kinds.includes('added') && !kinds.includes('same');
}
