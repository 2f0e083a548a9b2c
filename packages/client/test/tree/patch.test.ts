import { expect, test } from 'vitest';
import { diff } from '../../src/tree/diff.js';
import { own } from '../../src/tree/own.js';
import { NOTHING, placeOf, touches } from '../../src/tree/patch.js';
import { patchFromJson } from '../json.js';

const place = (json: unknown) => JSON.parse(placeOf(patchFromJson(json))) as unknown;

test('the place of a patch is the one thing that it changes, however deep', () => {
  expect(place({ a: { b: { $text: [1, 'x'] } } })).toEqual(['a', 'b']);
  expect(place({ list: { $array: [2, { at: { t: { $text: ['x'] } } }] } })).toEqual(['list', '2', 't']);
  expect(place({ list: { 2: { t: { $text: ['x'] } } } })).toEqual(['list', '2', 't']);
  expect(place({ $array: [{ at: { n: { $increment: 1 } } }] })).toEqual(['0', 'n']);
  expect(place({ map: { $entries: [3, { at: { $array: [1, { at: { x: 1 } }] } }] } })).toEqual(['map', '3', '1', 'x']);
});

test('the place of what changes more is around all of it', () => {
  expect(place({ a: { b: 1, c: 2 } })).toEqual(['a']);
  expect(place({ list: { $array: [{ at: { n: 1 } }, { at: { n: 1 } }] } })).toEqual(['list']);
  expect(place({ list: { $array: [-1, { at: { n: 1 } }] } })).toEqual(['list']);
  expect(place({ list: { $array: [{ take: 1 }, 1, { put: 0, at: { n: 1 } }] } })).toEqual(['list']);
  expect(place({ list: { $array: [['new']] } })).toEqual(['list']);
  expect(placeOf(NOTHING)).toBe('[]');
});

test('typing in one text stays in one place', () => {
  const old = own({ rows: [{ t: 'a' }, { t: 'b' }] });
  const typed = diff(old, { rows: [{ t: 'a' }, { t: 'bc' }] })!;
  const more = diff(typed.tree, { rows: [{ t: 'a' }, { t: 'bcd' }] })!;
  expect(placeOf(more.patch)).toBe(placeOf(typed.patch));
});

test('a patch touches what is in the list or the Map that it edits', () => {
  expect(touches(patchFromJson({ m: { $entries: [1, -1] } }), ['m', 0])).toBe(true);
  expect(touches(patchFromJson({ n: { $increment: 1 } }), ['n'])).toBe(true);
  expect(touches(patchFromJson({ n: { $increment: 1 } }), ['m'])).toBe(false);
});
