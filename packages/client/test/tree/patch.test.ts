import { expect, test } from 'vitest';
import { diff } from '../../src/tree/diff.js';
import { own } from '../../src/tree/own.js';
import { NOTHING, typedIn, touches } from '../../src/tree/patch.js';
import { patchFromJson } from '../json.js';

const place = (json: unknown) => JSON.parse(typedIn(patchFromJson(json))!.place) as unknown;

test('where something is typed is the one thing that changes, however deep', () => {
  expect(place({ a: { b: { $text: [1, 'x'] } } })).toEqual(['a', 'b']);
  expect(place({ list: { $array: [2, { at: { t: { $text: ['x'] } } }] } })).toEqual(['list', '2', 't']);
  expect(place({ list: { 2: { t: { $text: ['x'] } } } })).toEqual(['list', '2', 't']);
  expect(place({ $array: [{ at: { n: { $increment: 1 } } }] })).toEqual(['0', 'n']);
  expect(place({ map: { $entries: [3, { at: { $array: [1, { at: { x: 1 } }] } }] } })).toEqual(['map', '3', '1', 'x']);
});

test('a number that is set or incremented is typed in, as a text is', () => {
  expect(place({ a: { n: 12 } })).toEqual(['a', 'n']);
  expect(place({ a: { $increment: 1 } })).toEqual(['a']);
  expect(place({ a: 'a first letter' })).toEqual(['a']);
  expect(place({ a: { $text: [7, -2] } })).toEqual(['a']);
});

test('who deletes more than a character, or writes over it, begins something', () => {
  const goesOn = (json: unknown) => typedIn(patchFromJson(json))!.goesOn;
  expect([{ t: { $text: [7, 'x'] } }, { t: { $text: [7, -2] } }, { n: 5 }].map(goesOn)).toEqual([true, true, true]);
  expect([{ t: { $text: [-3] } }, { t: { $text: [1, -4, 'x'] } }].map(goesOn)).toEqual([false, false]);
});

test('what changes more, or something else, is not typed', () => {
  const typed = (json: unknown) => typedIn(patchFromJson(json));
  for (const patch of [
    { a: { b: 1, c: 2 } },
    { list: { $array: [{ at: { n: 1 } }, { at: { n: 1 } }] } },
    { list: { $array: [-1, { at: { n: 1 } }] } },
    { list: { $array: [{ take: 1 }, 1, { put: 0, at: { n: 1 } }] } },
    { list: { $array: [['new']] } },
    { done: true },
    { list: [1] },
    { object: { $replace: {} } },
    { gone: { $undefined: true } },
  ]) {
    expect(typed(patch)).toBeUndefined();
  }
  expect(typedIn(NOTHING)).toBeUndefined();
});

test('typing in one text stays in one place', () => {
  const old = own({ rows: [{ t: 'a' }, { t: 'b' }] });
  const typed = diff(old, { rows: [{ t: 'a' }, { t: 'bc' }] })!;
  const more = diff(typed.tree, { rows: [{ t: 'a' }, { t: 'bcd' }] })!;
  expect(typedIn(more.patch)).toEqual(typedIn(typed.patch));
});

test('a patch touches what is in the list or the Map that it edits', () => {
  expect(touches(patchFromJson({ m: { $entries: [1, -1] } }), ['m', 0])).toBe(true);
  expect(touches(patchFromJson({ n: { $increment: 1 } }), ['n'])).toBe(true);
  expect(touches(patchFromJson({ n: { $increment: 1 } }), ['m'])).toBe(false);
});
