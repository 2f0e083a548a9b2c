import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { apply, PatchError } from '../../src/tree/apply.js';
import { decodePatch } from '../../src/tree/decode.js';
import { diff } from '../../src/tree/diff.js';
import { produce } from '../../src/tree/draft.js';
import { encodePatch } from '../../src/tree/encode.js';
import { own } from '../../src/tree/own.js';
import type { ArrayStep, EntryStep, Patch } from '../../src/tree/patch.js';
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

type Bag = Map<string, unknown>;
type Cell = any;

describe('in a list without ids', () => {
  const stock = (): Bag => new Map<string, unknown>([['a', 1], ['b', 2]]);
  const array = (...steps: ArrayStep[]): Patch => ({ kind: 'array', steps });
  const members = (...all: [string, Patch][]): Patch => ({ kind: 'map', members: new Map(all) });
  const value = (value: unknown): Patch => ({ kind: 'value', value });
  const added = entries(2, { insert: [['c', 3]] });
  /** What is done to the draft of a value; that value stays as it is, and what is done to a plain copy comes to the same. */
  const update = (value: unknown, fn: (draft: Cell) => unknown): Patch | undefined => {
    const tree = own(value);
    const plain = structuredClone(value);
    const change = diff(tree, produce(tree, (draft => void fn(draft)) as (draft: never) => unknown));
    fn(plain);
    assert.deepStrictEqual(tree, value);
    assert.deepStrictEqual(change?.tree ?? tree, plain);
    if (change) assert.deepStrictEqual(apply(tree, decodePatch(encodePatch(change.patch))), change.tree);
    return change?.patch;
  };

  test.each<[string, (list: Cell) => unknown, Patch]>([
    ['changed and put after another', list => (list[0].set('c', 3), list.unshift(0)), array({ insert: [0] }, { at: added })],
    ['put after another and changed', list => (list.unshift(0), list[1].set('c', 3)), array({ insert: [0] }, { at: added })],
    ['changed and then reversed', list => (list[0].set('c', 3), list.reverse()), array({ take: 1 }, 1, { put: 0, at: added })],
    ['changed and then sorted', list => (list[0].set('c', 3), list.sort((a: unknown) => (a === 9 ? -1 : 1))), array({ take: 1 }, 1, { put: 0, at: added })],
    ['changed and swapped with its neighbour', list => (list[0].set('c', 3), ([list[0], list[1]] = [list[1], list[0]])), array({ take: 1 }, 1, { put: 0, at: added })],
    ['cut out, changed and put in again', list => { const [bag] = list.splice(0, 1); bag.set('c', 3); list.push(bag); }, array({ take: 1 }, 1, { put: 0, at: added })],
    ['taken from the front, changed and put at the end', list => { const bag = list.shift(); bag.set('c', 3); list.push(bag); }, array({ take: 1 }, 1, { put: 0, at: added })],
    ['changed and left where it is', list => list[0].set('c', 3), members(['0', added])],
    ['changed in all its entries and put after another', list => (list[0].set('a', 7).set('b', 8), list.unshift(0)), array({ insert: [0] }, { at: entries(...[7, 8].map(n => ({ at: array(1, { at: value(n) }) }))) })],
    ['emptied and put after another', list => (list[0].clear(), list.unshift(0)), array({ insert: [0] }, { at: entries(-2) })],
  ])('a Map that is %s is the same Map', (_, fn, patch) => expect(update([stock(), 9], fn)).toEqual(patch));

  test('so is a Set', () => {
    const toggled = entries(-1, 1, { insert: ['c'] });
    const toggle = (set: Set<string>) => (set.delete('a'), set.add('c'));
    const sets = () => [new Set(['a', 'b']), 9];
    expect(update(sets(), list => (toggle(list[0]), list.unshift(0)))).toEqual(array({ insert: [0] }, { at: toggled }));
    expect(update(sets(), list => (toggle(list[0]), list.reverse()))).toEqual(array({ take: 1 }, 1, { put: 0, at: toggled }));
    expect(update(sets(), list => { const set = list.shift(); toggle(set); list.push(set); })).toEqual(array({ take: 1 }, 1, { put: 0, at: toggled }));
  });

  test('so is one in a new list of what was there', () => {
    const inside = update({ list: [stock(), 9] }, draft => (draft.list[0].set('c', 3), (draft.list = [0, ...draft.list])));
    expect(inside).toEqual(members(['list', array({ insert: [0] }, { at: added })]));
  });

  test('so is one in an object, a list or another Map that moves', () => {
    expect(update([{ n: 1, bag: stock() }, 9], list => (list[0].bag.set('c', 3), list.reverse()))).toEqual(array({ take: 1 }, 1, { put: 0, at: members(['bag', added]) }));
    expect(update([[stock()], 9], list => (list[0][0].set('c', 3), list.unshift(0)))).toEqual(array({ insert: [0] }, { at: members(['0', added]) }));
    expect(update([new Map([['in', stock()]]), 9], list => (list[0].get('in').set('c', 3), list.unshift(0)))).toEqual(
      array({ insert: [0] }, { at: entries({ at: array(1, { at: added }) }) }),
    );
  });

  test('so is an object, a list or a Map of a list in a Map', () => {
    const inMap = (item: unknown, fn: (item: Cell) => unknown) => update(new Map([['list', [item, 9]]]), map => (fn(map.get('list')[0]), map.get('list').unshift(0)));
    const inside = (at: Patch) => entries({ at: array(1, { at: array({ insert: [0] }, { at }) }) });
    expect(inMap({ n: 1 }, item => void (item.n = 2))).toEqual(inside(members(['n', value(2)])));
    expect(inMap(['x'], item => void (item[0] = 7))).toEqual(inside(members(['0', value(7)])));
    expect(inMap(stock(), item => item.set('c', 3))).toEqual(inside(added));
  });

  test('so is a list', () => {
    expect(update([[1, 2], 9], list => (list[0].push(3), list.unshift(0)))).toEqual(array({ insert: [0] }, { at: array(2, { insert: [3] }) }));
  });

  test('of Maps that are alike the one that goes is the one that was taken out', () => {
    expect(update([stock(), stock(), 9], list => list.shift())).toEqual(array(-1));
    expect(update([stock(), stock().set('c', 3), 9], list => (list[1].delete('c'), list.shift()))).toEqual(array(-1, { at: entries(2, -1) }));
  });

  test('a Map that is there twice is itself first, and then a copy', () => {
    expect(update([stock(), 9], list => (list[0].set('c', 3), list.push(list[0])))).toEqual(array({ at: added }, 1, { insert: [stock().set('c', 3)] }));
  });

  test('a Map that is put in place of one is what was there, changed, and one that is put beside it is new', () => {
    expect(update([stock(), 9], list => void (list[0] = stock().set('c', 3)))).toEqual(members(['0', added]));
    expect(update([stock(), 9], list => list.unshift(new Map([['z', 1]])))).toEqual(array({ insert: [new Map([['z', 1]])] }));
  });

  test('dates, bytes and large numbers that are only read or moved stay what they are', () => {
    const all = () => [new Date(7), new Uint8Array([1, 2]), 5n];
    expect(update(all(), list => list.forEach(String))).toBeUndefined();
    expect(update(all(), list => (list.forEach(String), list.unshift(0)))).toEqual(array({ insert: [0] }));
    expect(update(all(), list => (list.forEach(String), list.push(list.shift())))).toEqual(array({ take: 1 }, 2, { put: 0 }));
    expect(update(all(), list => void (list[0] = new Date(8)))).toEqual(members(['0', value(new Date(8))]));
  });

  test('a date that is taken out and changed does not change in the value before', () => {
    expect(update([new Date(7), 9], list => { const date = list.shift(); date.setTime(8); list.push(date); })).toEqual(array({ take: 1 }, 1, { put: 0, at: value(new Date(8)) }));
  });
});

describe('a Map in a Map', () => {
  const tree = () => new Map<string, unknown>([['in', new Map([['a', 1]])], ['row', { n: 1 }]]);
  const after = (fn: (map: Cell) => unknown) => {
    const old = own(tree());
    return diff(old, produce(old, (map => void fn(map)) as (map: never) => unknown))?.patch;
  };

  test('that is set again under its key is changed inside', () => {
    const at = (change: Patch): EntryStep => ({ at: { kind: 'array', steps: [1, { at: change }] } });
    const n: Patch = { kind: 'map', members: new Map([['n', { kind: 'value', value: 2 }]]) };
    expect(after(map => map.set('in', map.get('in').set('b', 2)))).toEqual(entries(at(entries(1, { insert: [['b', 2]] }))));
    expect(after(map => map.set('in', new Map([...map.get('in'), ['b', 2]])))).toEqual(entries(at(entries(1, { insert: [['b', 2]] }))));
    expect(after(map => map.set('row', { ...map.get('row'), n: 2 }))).toEqual(entries(1, at(n)));
    expect(after(map => map.set('in', map.get('in')))).toBeUndefined();
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
