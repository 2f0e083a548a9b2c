import { describe, expect, test } from 'vitest';
import { applied, edits, moved, movedCaret, movedSelection, offsetIn, rebased, splice } from '../../src/text/edits.js';

describe('one edit between two texts', () => {
  test('the same text has none', () => expect(splice('tea', 'tea')).toBeUndefined());

  test.each([
    ['tea', 'tea time', { start: 3, end: 3, text: ' time' }],
    ['green tea', 'tea', { start: 0, end: 6, text: '' }],
    ['a cup of tea', 'a pot of tea', { start: 2, end: 5, text: 'pot' }],
    ['', 'tea', { start: 0, end: 0, text: 'tea' }],
  ])('%j to %j', (before, after, edit) => {
    expect(splice(before, after)).toEqual(edit);
    expect(applied(before, [edit])).toBe(after);
  });

  test('among equal letters it is where the caret is', () => {
    expect(splice('aaa', 'aaaa', 2)).toEqual({ start: 1, end: 1, text: 'a' });
    expect(splice('aaa', 'aaaa', 4)).toEqual({ start: 3, end: 3, text: 'a' });
  });

  test('among equal letters a deletion is where the caret is', () => {
    expect(splice('aaaa', 'aaa', 1)).toEqual({ start: 1, end: 2, text: '' });
  });
});

describe('edits by words', () => {
  test('changes far apart leave what is between them alone', () => {
    const before = 'First line.\nThe middle stays.\nLast line.';
    const after = 'The first line.\nThe middle stays.\nThe very last line.';
    const changes = edits(before, after);
    expect(applied(before, changes)).toBe(after);
    const caret = before.indexOf('stays');
    expect(moved(caret, changes)).toBe(after.indexOf('stays'));
  });

  test('what is put in on both sides of what was there leaves that where it is', () => {
    expect(edits('<a>', '<9a8>')).toEqual([
      { start: 1, end: 1, text: '9' },
      { start: 2, end: 2, text: '8' },
    ]);
    expect(moved(2, edits('<a>', '<9a8>'))).toBe(3);
  });

  test('a text replaced altogether is one edit', () => {
    const before = Array.from({ length: 900 }, (_, n) => `a${n}`).join(' ');
    const after = Array.from({ length: 900 }, (_, n) => `b${n}`).join(' ');
    expect(edits(before, after)).toHaveLength(1);
  });

  test('random texts arrive where they should', () => {
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
    const text = () => Array.from({ length: random(12) }, () => ['tea', 'milk', ' ', '\n', '🙂', 'é'][random(6)]).join('');
    for (let n = 0; n < 500; n++) {
      const [before, after] = [text(), text()];
      expect(applied(before, edits(before, after))).toBe(after);
    }
  });
});

describe('a place in a text that changes', () => {
  const inserted = [{ start: 4, end: 4, text: 'xyz' }];
  const deleted = [{ start: 2, end: 6, text: '' }];
  const replaced = [{ start: 2, end: 6, text: 'abcdefgh' }];

  test.each([
    [inserted, 3, 3],
    [inserted, 4, 4],
    [inserted, 5, 8],
    [deleted, 2, 2],
    [deleted, 4, 2],
    [deleted, 6, 2],
    [deleted, 7, 3],
    [replaced, 2, 2],
    [replaced, 4, 4],
    [replaced, 6, 10],
  ])('%j moves %i to %i', (changes, from, to) => expect(moved(from, changes)).toBe(to));

  test('what was selected stays selected and nothing more', () => {
    const around = [
      { start: 2, end: 2, text: 'AA' },
      { start: 5, end: 5, text: 'BB' },
    ];
    expect(movedSelection(2, 5, around)).toEqual([4, 7]);
  });

  test('a selection whose text is deleted closes', () => {
    expect(movedSelection(3, 5, deleted)).toEqual([2, 2]);
  });
});

describe('an edit of a text that is no longer the newest', () => {
  test.each([
    ['lands where it was made', 'one two', 'one two three', 'zero one two', 13, 'zero one two three'],
    ['keeps both changes of one line', 'buy tea and milk', 'buy green tea and milk', 'buy tea and oat milk', 10, 'buy green tea and oat milk'],
    ['keeps what is typed where the other has deleted', 'a cup of tea', 'a cup of green tea', 'a tea', 15, 'a green tea'],
  ])('%s', (_, base, mine, theirs, caret, both) => {
    expect(applied(theirs, [rebased(splice(base, mine, caret)!, base, theirs)])).toBe(both);
  });
});

test.each([
  ['a\r\nb\rc', 'a\nb\nc', [0, 1, 3, 4, 5, 6]],
  ['a\r\nb\nc', 'abc', [0, 1, 4, 6]],
  ['plain', 'plain', [0, 1, 2, 3, 4, 5]],
])('in %j, shown as %j, places are where they belong', (text, shown, places) => {
  expect(Array.from({ length: shown.length + 1 }, (_, offset) => offsetIn(text, shown, offset))).toEqual(places);
});

test('a long text that is another altogether takes no longer than the edit of it', () => {
  const text = (word: string) => Array.from({ length: 200_000 }, (_, n) => `${word}${n % 977}`).join(' ');
  const [before, after] = [text('a'), text('b')];
  const began = performance.now();
  expect(applied(before, edits(before, after))).toBe(after);
  expect(performance.now() - began).toBeLessThan(24_000);
});

test('a caret that is set where another is writing is not in the middle of their word by the next letter, and stays behind its own', () => {
  const next = [{ start: 8, end: 8, text: 'C' }];
  expect(movedCaret(8, next)).toBe(9);
  expect(movedCaret(8, next, { start: 2, end: 5 })).toBe(9);
  expect(movedCaret(8, next, { start: 6, end: 8 })).toBe(8);
  expect(movedCaret(8, next, { start: 8, end: 10 })).toBe(9);
});
