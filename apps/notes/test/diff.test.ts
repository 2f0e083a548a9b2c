import { describe, expect, test } from 'vitest';
import { around, combined, compared, condensed, side } from '../src/lib/diff.ts';

const text = (pieces: { text: string }[]) => pieces.map((piece) => piece.text).join('');

describe('two texts compared', () => {
  test('by words, deletion first', () => {
    expect(compared('a cup of tea', 'a pot of tea')).toEqual([
      { kind: 'same', text: 'a ' },
      { kind: 'removed', text: 'cup' },
      { kind: 'added', text: 'pot' },
      { kind: 'same', text: ' of tea' },
    ]);
  });

  test('several words replaced are one replacement', () => {
    const kinds = compared('meet at noon today please', 'meet in town tomorrow please').map((piece) => piece.kind);
    expect(kinds).toEqual(['same', 'removed', 'added', 'same']);
  });

  test('each side is its own text', () => {
    const before = 'One two three.\n\nFour five — six.';
    const after = 'One 2 three.\nFour six, seven.';
    const pieces = compared(before, after);
    expect(text(side(pieces, 'removed'))).toBe(before);
    expect(text(side(pieces, 'added'))).toBe(after);
  });

  test('equal texts are one piece, empty ones none', () => {
    expect(compared('tea', 'tea')).toEqual([{ kind: 'same', text: 'tea' }]);
    expect(compared('', '')).toEqual([]);
  });

  test('a change inside a long text is found at once', () => {
    const long = Array.from({ length: 50_000 }, (_, n) => `word${n}`).join(' ');
    const started = performance.now();
    expect(compared(long, long.replace('word25000 ', 'another word ')).filter(({ kind }) => kind !== 'same')).toEqual([
      { kind: 'removed', text: 'word25000' },
      { kind: 'added', text: 'another word' },
    ]);
    expect(performance.now() - started).toBeLessThan(100);
  });

  test('large texts with nothing in common end in time', () => {
    const words = (letter: string) => Array.from({ length: 30_000 }, (_, n) => `${letter}${n}`).join(' ');
    const started = performance.now();
    expect(side(compared(words('a'), words('b')), 'added').length).toBeGreaterThan(0);
    expect(performance.now() - started).toBeLessThan(3000);
  });
});

test('both texts in one hold the words of both', () => {
  expect(combined('meet at noon', 'meet at one')).toBe('meet at noon one');
  expect(combined('tea\nmilk', 'tea\nsugar\nmilk')).toBe('tea\nsugar\nmilk');
});

describe('long stretches in common', () => {
  const long = 'x'.repeat(1000);

  test('are shortened around a difference', () => {
    const short = condensed(compared(`${long} cup ${long}`, `${long} pot ${long}`), 20);
    expect(text(short).length).toBeLessThan(60);
    expect(short.map((piece) => piece.kind)).toEqual(['same', 'removed', 'added', 'same']);
  });

  test('stay where nothing differs', () => expect(text(condensed(compared(long, long)))).toBe(long));
});

test('what is around a stretch is shown from whole words on', () => {
  expect(around('The cat sat.', [4, 3])).toEqual({ before: 'The ', text: 'cat', after: ' sat.' });
  expect(around('one two three four five six seven', [14, 4], 8)).toEqual({ before: '… three ', text: 'four', after: ' five …' });
  expect(around('', [0, 0])).toEqual({ before: '', text: '', after: '' });
});
