import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { apply, PatchError } from '../../src/tree/apply.js';
import { decodePatch } from '../../src/tree/decode.js';
import { diff } from '../../src/tree/diff.js';
import { produce } from '../../src/tree/draft.js';
import { encodePatch } from '../../src/tree/encode.js';
import { own } from '../../src/tree/own.js';
import type { EntryStep, Patch } from '../../src/tree/patch.js';
import { same } from '../../src/tree/value.js';
import { copy } from '../json.js';
import { text, value } from './arbitrary.js';

const entries = (...steps: EntryStep[]): Patch => ({ kind: 'entries', steps });
const patch = (old: unknown, next: unknown) => {
  const tree = own(old);
  const change = diff(tree, next);
  if (change) assert.deepStrictEqual(apply(tree, decodePatch(encodePatch(change.patch))), change.tree);
  return change?.patch;
};

describe('a Map', () => {
  const old = () => new Map<string, unknown>([['a', 1], ['b', { x: 1 }], ['c', 'text']]);

  test('says what came and what went', () => {
    expect(patch(old(), new Map([...old(), ['d', { y: 1 }]]))).toEqual(entries(3, { insert: [['d', { y: 1 }]] }));
    expect(patch(old(), new Map([...old()].slice(1)))).toEqual(entries(-1));
    expect(patch(old(), new Map())).toEqual(entries(-3));
    expect(patch(new Map(), old())).toEqual(entries({ insert: [...old()] }));
  });

  test('changes inside a value, as an array of two', () => {
    const inside: Patch = { kind: 'map', members: new Map([['x', { kind: 'value', value: 2 }]]) };
    expect(patch(old(), old().set('b', { x: 2 }))).toEqual(entries(1, { at: { kind: 'array', steps: [1, { at: inside }] } }));
    const typed: Patch = { kind: 'text', steps: [4, 's'] };
    expect(patch(old(), old().set('c', 'texts'))).toEqual(entries(2, { at: { kind: 'array', steps: [1, { at: typed }] } }));
  });

  test('has an order: what changes its place goes and comes', () => {
    expect(patch(new Map([['a', 1], ['b', 2]]), new Map([['b', 2], ['a', 1]]))).toMatchObject({ kind: 'entries', steps: { length: 3 } });
  });

  test('takes 1 and 1n for one key, and finds keys that are objects', () => {
    expect(patch(new Map<unknown, unknown>([[1, 'a']]), new Map([[1n, 'a']]))).toBeUndefined();
    expect(patch(new Map<unknown, unknown>([[{ k: 1 }, 1]]), new Map([[{ k: 1 }, 2]]))).toMatchObject({ kind: 'entries', steps: [{ at: { kind: 'array' } }] });
  });

  test('that is changed in a draft keeps the rest', () => {
    const tree = own({ map: new Map([['a', { n: 1 }], ['b', { n: 2 }]]) }) as { map: Map<string, { n: number }> };
    const change = diff(tree, produce(tree, (draft: typeof tree) => {
      draft.map.get('a')!.n = 3;
      draft.map.set('c', { n: 4 });
    }))!;
    const { members } = change.patch as Extract<Patch, { kind: 'map' }>;
    expect(members.get('map')).toMatchObject({ kind: 'entries', steps: [{ at: {} }, 1, { insert: [['c', { n: 4 }]] }] });
    expect((change.tree as typeof tree).map.get('b')).toBe(tree.map.get('b'));
    expect(tree.map.size).toBe(2);
  });

  test('in place of something else is a value', () => {
    expect(patch({ a: 1 }, { a: new Map() })).toMatchObject({ members: new Map([['a', { kind: 'value' }]]) });
    expect(patch(new Set(['a']), new Map([['a', 1]]))).toMatchObject({ kind: 'value' });
  });
});

describe('a Set', () => {
  test('says what came and what went', () => {
    expect(patch(new Set(['a', 'b', 'c']), new Set(['a', 'c', 'd']))).toEqual(entries(1, -1, 1, { insert: ['d'] }));
    expect(patch(new Set([{ a: 1 }, { b: 1 }]), new Set([{ b: 1 }]))).toEqual(entries(-1));
  });
});

const contents = fc.array(fc.tuple(text, value), { maxLength: 6 }).map(all => new Map(all));
test('one Map or Set over another makes the other, in its order, and keeps what stays', () => {
  fc.assert(
    fc.property(contents, contents, fc.array(fc.nat(9)), (first, other, picks) => {
      // Some of the first, in another order, and some of the other.
      const mixed = new Map([...picks.map(pick => [...first][pick] ?? ['', 1]), ...other] as [string, unknown][]);
      for (const [from, to] of [[first, mixed], [new Set(first.keys()), new Set(mixed.keys())]] as const) {
        const tree = own(from);
        const change = diff(tree, copy(to));
        if (!change) return assert.ok(same(tree, to));
        assert.ok(same(change.tree, to));
        assert.ok(same(apply(tree, decodePatch(encodePatch(change.patch))), to));
        expect(change.patch.kind).toBe('entries');
      }
    }),
  );
});

describe('edits of entries are refused', () => {
  const map = new Map([['a', 1], ['b', 2]]);
  test.each<[string, unknown, EntryStep[]]>([
    ['that make a key twice', map, [{ insert: [['b', 3]] }]],
    ['that change a key to one that is there', map, [{ at: { kind: 'map', members: new Map([['0', { kind: 'value', value: 'b' }]]) } }]],
    ['that make an item twice', new Set(['a']), [{ insert: ['a'] }]],
    ['that insert no entry', map, [{ insert: ['c'] }]],
    ['that make an entry longer', map, [{ at: { kind: 'array', steps: [2, { insert: [1] }] } }]],
    ['that move', new Set(['a', 'b']), [{ take: 1 }, 1, { put: 0 }] as unknown as EntryStep[]],
    ['past the end', map, [-3]],
    ['over an array', ['a'], [-1]],
  ])('%s', (_, over, steps) => {
    expect(() => apply(own(over), entries(...steps))).toThrow(PatchError);
    expect(() => apply(own(over), decodePatch(encodePatch(entries(...steps))))).toThrow(PatchError);
  });
});
