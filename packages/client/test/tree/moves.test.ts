import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { apply } from '../../src/tree/apply.js';
import { decodePatch } from '../../src/tree/decode.js';
import { diff } from '../../src/tree/diff.js';
import { produce } from '../../src/tree/draft.js';
import { encodePatch } from '../../src/tree/encode.js';
import { own } from '../../src/tree/own.js';
import type { ArrayStep, Patch } from '../../src/tree/patch.js';
import { copy } from '../json.js';

interface Row {
  id?: unknown;
  key?: unknown;
  n: number;
  tags?: string[];
}

const change = <T>(tree: T, fn: (draft: T) => unknown) => {
  const made = diff(tree, produce(tree, fn as never));
  // What every one of these has to hold to.
  if (made) assert.deepStrictEqual(apply(tree, decodePatch(encodePatch(made.patch))), made.tree);
  return made;
};
const patch = <T>(tree: T, fn: (draft: T) => unknown) => change(tree, fn)?.patch;
const array = (...steps: ArrayStep[]): Patch => ({ kind: 'array', steps });
const set = (key: string, value: unknown): Patch => ({ kind: 'map', members: new Map([[key, { kind: 'value', value }]]) });
const rows = (count: number) => own(Array.from({ length: count }, (_, n) => ({ n }))) as Row[];

test('what is assigned and what is put in behind it are two things, also where nothing follows', () => {
  const cells = own(['b', 2]) as unknown[];
  const both = patch(cells, list => void [(list[1] = 22), list.push('x')]);
  expect(both).toEqual(array(1, { at: { kind: 'value', value: 22 } }, { insert: ['x'] }));
  expect(patch(own(['tea', 'jam']) as string[], list => void [(list[1] = '999'), list.push('x', 'y')])).toMatchObject({
    steps: [1, { at: { kind: 'text' } }, { insert: ['x', 'y'] }],
  });
});

describe('in a draft, an element that goes elsewhere moves', () => {
  test('by sort', () => {
    expect(patch(rows(3), list => void list.sort((a, b) => b.n - a.n))).toEqual(array({ take: 2 }, 1, { put: 1 }, { put: 0 }));
  });

  test('by splice', () => {
    expect(patch(rows(5), list => void list.push(...list.splice(0, 2)))).toEqual(array({ take: 2 }, 3, { put: 0, count: 2 }));
    expect(patch(rows(5), list => void list.splice(1, 0, list.splice(4, 1)[0]!))).toEqual(array(1, { put: 0 }, 3, { take: 1 }));
  });

  test('and what splice puts beside its like is where it was put', () => {
    const insert = (index: number, text: string): Patch => array(index, { insert: [text] });
    const list = own(['a', '-', 'b']) as string[];
    expect(patch(list, draft => void draft.splice(1, 0, '-'))).toEqual(insert(1, '-'));
    expect(patch(list, draft => void draft.splice(2, 0, '-'))).toEqual(insert(2, '-'));
    expect(patch(own(['-', '-', '-']) as string[], draft => void draft.splice(1, 1))).toEqual(array(1, -1));
    // With something else before or after it, it goes by what is there.
    expect(patch(list, draft => void [draft.push('c'), draft.splice(1, 0, '-')])).toEqual(array(2, { insert: ['-'] }, 1, { insert: ['c'] }));
    expect(patch(list, draft => void [draft.splice(1, 0, 'x'), (draft[0] = 'y')])).toMatchObject({ kind: 'array' });
    expect(patch(list, draft => void draft.splice(-2, 0, '-'))).toEqual(insert(1, '-'));
    expect(patch(list, draft => void draft.splice(1, 0))).toBeUndefined();
  });

  test('by unshift and pop', () => {
    expect(patch(rows(3), list => void list.unshift(list.pop()!))).toEqual(array({ put: 0 }, 2, { take: 1 }));
  });

  test('by assignment', () => {
    const swap = patch(rows(4), list => {
      const first = list[0]!;
      list[0] = list[3]!;
      list[3] = first;
    });
    expect(swap).toEqual(array({ take: 1 }, { put: 1 }, 2, { take: 1 }, { put: 0 }));
  });

  test('also a word or a number that is there once', () => {
    expect(patch(own(['pear', 'fig', 'apple']) as string[], list => void list.sort())).toEqual(array({ take: 2 }, 1, { put: 1 }, { put: 0 }));
    expect(patch(own([7, 8, 9, 10]) as number[], list => void list.unshift(list.pop()!))).toEqual(array({ put: 0 }, 3, { take: 1 }));
    // Of those that are there twice nobody knows which is which.
    expect(patch(own(['a', 'a', 'b', 'b']) as string[], list => void list.reverse())).toMatchObject({ kind: 'map' });
    expect(patch(own(['a', 'b', 'a']) as string[], list => void list.unshift(list.pop()!))).toEqual(array(1, { take: 1 }, 1, { put: 0 }));
  });

  test('by a new array of what was there', () => {
    const tree = own({ list: [{ n: 2 }, { n: 1 }, { n: 3 }] }) as { list: Row[] };
    const inside = (fn: (list: Row[]) => Row[]) => patch(tree, draft => void (draft.list = fn(draft.list)));
    const list = (...steps: ArrayStep[]): Patch => ({ kind: 'map', members: new Map([['list', array(...steps)]]) });
    expect(inside(all => [...all].sort((a, b) => a.n - b.n))).toMatchObject({ kind: 'map' });
    expect(inside(all => [all[2]!, all[0]!, all[1]!])).toEqual(list({ put: 0 }, 2, { take: 1 }));
    expect(inside(all => all.filter(row => row.n !== 1))).toEqual(list(1, -1));
    expect(inside(all => [...all.slice(1), all[0]!, { n: 9 }])).toEqual(list({ take: 1 }, 2, { put: 0 }, { insert: [{ n: 9 }] }));
  });

  test('in what is returned', () => {
    expect(patch(rows(3), list => [list[2], list[0], list[1]])).toEqual(array({ put: 0 }, 2, { take: 1 }));
  });

  test('with what changes inside it', () => {
    const moved = patch(rows(3), list => {
      const last = list.pop()!;
      last.n = 7;
      list.unshift(last);
      list[1]!.n = 8;
    });
    expect(moved).toEqual(array({ put: 0, at: set('n', 7) }, { at: set('n', 8) }, 1, { take: 1 }));
  });

  test('and is the same object, if it does not change', () => {
    const tree = rows(3);
    const next = change(tree, list => void list.reverse())!.tree as Row[];
    expect(next.every((row, index) => row === tree[2 - index])).toBe(true);
  });

  test('also where it is a list', () => {
    const tree = own([[1], [2], [3]]) as number[][];
    expect(patch(tree, lists => void lists.push(lists.shift()!))).toEqual(array({ take: 1 }, 2, { put: 0 }));
  });
});

test('an element that is there twice is itself first, and then a copy', () => {
  const tree = rows(2);
  const made = change(tree, list => void list.push(list[0]!))!;
  expect(made.patch).toEqual(array(2, { insert: [{ n: 0 }] }));
  const next = made.tree as Row[];
  expect(next[0]).toBe(tree[0]);
  expect(next[2]).not.toBe(tree[0]);
});

test('what goes to another list is deleted in one and inserted in the other', () => {
  const tree = own({ a: [{ n: 1 }, { n: 2 }], b: [] }) as { a: Row[]; b: Row[] };
  expect(patch(tree, draft => void draft.b.push(draft.a.shift()!))).toEqual({
    kind: 'map',
    members: new Map([['a', array(-1)], ['b', array({ insert: [{ n: 1 }] })]]),
  });
});

describe('in a new value, elements are known by what names them', () => {
  const known = (name: string) => own([1, 2, 3].map(n => ({ [name]: n, n: 0 })));

  test.each(['id', '_id', 'key'])('their %s', name => {
    const next = [{ [name]: 3, n: 5 }, { [name]: 1, n: 0 }, { [name]: 2, n: 0 }];
    expect(diff(known(name), next)?.patch).toEqual(array({ put: 0, at: set('n', 5) }, 2, { take: 1 }));
  });

  test('so that another in its place is another', () => {
    expect(diff(known('id'), [{ id: 1, n: 0 }, { id: 9, n: 0 }, { id: 3, n: 0 }])?.patch).toEqual(array(1, -1, { insert: [{ id: 9, n: 0 }] }));
  });

  test('but not where that is there twice', () => {
    const old = own([{ id: 1, n: 1 }, { id: 1, n: 2 }, { id: 2, n: 3 }]);
    expect(diff(old, [{ id: 2, n: 3 }, { id: 1, n: 1 }, { id: 1, n: 2 }])?.patch).toEqual(array({ put: 0 }, 2, { take: 1 }));
    expect(diff(own([{ id: 1, n: 1 }, { id: 1, n: 2 }]), [{ id: 1, n: 5 }, { id: 1, n: 6 }])?.patch).toMatchObject({ kind: 'map' });
  });

  test('a text and a number are two names', () => {
    expect(diff(own([{ id: 1 }, { id: 2 }]), [{ id: '2' }, { id: 1n }])?.patch).toEqual(array({ insert: [{ id: '2' }] }, 1, -1));
  });

  test('a copy of a row that moved keeps the row', () => {
    const tree = own([{ id: 1, n: 1 }, { id: 2, n: 2 }]) as Row[];
    const next = change(tree, list => [{ ...list[1]!, n: 3 }, list[0]])!;
    expect(next.patch).toMatchObject({ steps: expect.arrayContaining([{ take: 1 }]) as unknown });
    expect((next.tree as Row[])[1]).toBe(tree[0]);
  });
});

/** What is done to a list, as a person would with rows on a screen. */
const deedUpTo = (what: number) => fc.record({ what: fc.nat(what), a: fc.nat(30), b: fc.nat(30), count: fc.nat(4) });
const deed = deedUpTo(6);
const run = (list: Row[], deeds: { what: number; a: number; b: number; count: number }[], isChanged: boolean): void => {
  for (const { what, a, b, count } of deeds) {
    const length = list.length;
    if (length === 0) return;
    const [i, j] = [a % length, b % length];
    if (what === 0) list.sort((x, y) => ((x.n * (a + 1)) % 31) - ((y.n * (a + 1)) % 31));
    else if (what === 1) list.reverse();
    else if (what === 2) list.splice(j, 0, ...list.splice(i, count));
    else if (what === 3) [list[i], list[j]] = [list[j]!, list[i]!];
    else if (what === 4) list.push(list.shift()!);
    else if (what === 5 && isChanged) list[i]!.n += 100;
    else if (what === 6 && isChanged) (list[i]!.tags ??= []).push(`t${b}`);
    else if (what === 7) list.splice(i, count % 2, { n: 1_000 + b });
    else if (what === 8) list.splice(i, count);
    else if (what === 9) list[i] = { ...list[j]!, n: a };
    else if (what === 10) list.splice(0, length, ...list.filter((_, at) => at % 3 !== count));
  }
};

const onlyMoves = (patch: Patch | undefined): boolean => {
  if (!patch || patch.kind === 'map') return true;
  return patch.kind === 'array' && patch.steps.every(step => (typeof step === 'number' ? step > 0 : !('insert' in step)));
};

describe.each([
  ['with an id', (n: number): Row => ({ id: `r${n}`, n })],
  ['without', (n: number): Row => ({ n })],
  ['that are all alike', (): Row => ({ n: 1 })],
])('rows %s that are only moved and changed', (_, row) => {
  test.each([4, 40, 700])('are neither deleted nor inserted, of %i', size => {
    const tree = own(Array.from({ length: size }, (_, n) => row(n))) as Row[];
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 8 }), fc.boolean(), (deeds, isChanged) => {
        const plain = copy(tree) as Row[];
        run(plain, deeds, isChanged);
        const made = change(tree, list => run(list, deeds, isChanged));
        assert.deepStrictEqual(made?.tree ?? tree, plain);
        assert.ok(onlyMoves(made?.patch), JSON.stringify(made?.patch));
      }),
      { numRuns: size > 100 ? 30 : 400 },
    );
  });
});

test.each([3, 20])('whatever is done to %i rows in a draft, it holds what is done to plain ones, and keeps what is not touched', size => {
  fc.assert(
    fc.property(fc.array(deedUpTo(10), { maxLength: 10 }), fc.boolean(), (deeds, isNamed) => {
      const tree = own(Array.from({ length: size }, (_, n) => ({ ...(isNamed && { id: n }), n }))) as Row[];
      const plain = copy(tree) as Row[];
      const before = [...plain];
      run(plain, deeds, false);
      const next = (change(tree, list => run(list, deeds, false))?.tree ?? tree) as Row[];
      assert.deepStrictEqual(next, plain);
      for (const [at, row] of plain.entries()) if (before.includes(row)) assert.equal(next[at], tree[before.indexOf(row)]);
    }),
    { numRuns: 1_000 },
  );
});

describe('of a new list without ids an element is the one that it is most like', () => {
  const item = (text: string, done = false) => ({ text, done });
  const [tea, jam, milk] = [item('tea'), item('jam'), item('milk')];
  const tick = (text: string) => item(text, true);
  const ticked = { at: set('done', true) };
  const patchOfSet = (old: object[], next: object[]) => {
    const made = diff(own(old), next);
    assert.deepStrictEqual(apply(own(old), decodePatch(encodePatch(made!.patch))), next);
    return made!.patch;
  };

  test('what is put in before one that is ticked is another', () => {
    expect(patchOfSet([tea], [milk, tick('tea')])).toEqual(array({ insert: [milk] }, ticked));
    expect(patchOfSet([tea, jam], [milk, tick('tea'), jam])).toEqual(array({ insert: [milk] }, ticked));
  });

  test('so is what comes where another goes', () => {
    expect(patchOfSet([tea, jam], [tick('jam'), milk])).toEqual(array(-1, ticked, { insert: [milk] }));
  });

  test('a word more is no other', () => {
    expect(patchOfSet([milk], [tea, item('oat milk')])).toEqual(array({ insert: [tea] }, { at: expect.objectContaining({ kind: 'map' }) }));
  });

  test('what is not alike at all is, but where as many come as go', () => {
    expect(patchOfSet([milk, tick('x')], [tea, jam, tick('x')])).toEqual(array(-1, { insert: [tea, jam] }));
    expect(patchOfSet([milk, tick('x')], [tea, tick('x')])).toEqual({ kind: 'map', members: new Map([['0', expect.objectContaining({ kind: 'map' })]]) });
  });

  test('what goes elsewhere as it was moves, also as a copy', () => {
    expect(patchOfSet([tea, jam, milk], [item('jam'), item('milk'), item('tea')])).toEqual(array({ take: 1 }, 2, { put: 0 }));
    expect(patchOfSet([tea, jam], [item('jam'), item('tea')])).toEqual(array({ take: 1 }, 1, { put: 0 }));
    const list = own([tea, jam, milk]) as { text: string; done: boolean }[];
    const swapped = patch(list, draft => void ([draft[0], draft[2]] = [{ ...draft[2]! }, { ...draft[0]! }])) as unknown as { steps: ArrayStep[] };
    expect(swapped.steps.filter(step => typeof step === 'object' && 'put' in step && !step.at)).toHaveLength(2);
  });

  test('so does what is a little different there', () => {
    expect(patchOfSet([tea, jam, milk], [jam, milk, tick('tea')])).toEqual(array({ take: 1 }, 2, { put: 0, ...ticked }));
    expect(patch(own([tea, jam, milk]) as { text: string; done: boolean }[], list => [...list.filter(({ text }) => text !== 'tea'), { ...list[0]!, done: true }])).toEqual(array({ take: 1 }, 2, { put: 0, ...ticked }));
  });

  test('also where the difference is further inside', () => {
    const trip = (isPacked: boolean) => ({ text: 'trip', parts: [{ text: 'tent', isPacked }, { text: 'map', isPacked: false }] });
    const made = patchOfSet([trip(false), jam], [jam, trip(true)]) as unknown as { steps: ArrayStep[] };
    expect(made.steps).toHaveLength(3);
    expect(JSON.stringify(made.steps)).not.toContain('insert');
  });

  test('but not what is as much like another in its own place', () => {
    expect(patchOfSet([tea, jam], [tick('tea'), jam, tick('tea')])).toEqual(array(ticked, 1, { insert: [tick('tea')] }));
  });

  test('a row is like one of which half is the same', () => {
    expect(patchOfSet([[1, 2, 3]], [[7, 8, 9], [1, 2, 4]])).toEqual(array({ insert: [[7, 8, 9]] }, { at: expect.anything() }));
  });
});

test('rows with an id are moved, not made anew, when a whole new list is set', () => {
  const tree = own(Array.from({ length: 30 }, (_, n) => ({ id: n, n }))) as Row[];
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 6 }), deeds => {
      const next = copy(tree) as Row[];
      run(next, deeds, true);
      const made = diff(tree, next);
      assert.deepStrictEqual(made?.tree ?? tree, next);
      assert.ok(onlyMoves(made?.patch));
      if (made) assert.deepStrictEqual(apply(tree, decodePatch(encodePatch(made.patch))), next);
    }),
    { numRuns: 400 },
  );
});

test('more moves than a server takes are said outright, however few the steps', () => {
  const tree = rows(120_000);
  expect(patch(tree, list => void list.push(...list.splice(0, 50_000)))).toMatchObject({ kind: 'replace' });
  expect(patch(tree, list => void list.push(...list.splice(0, 40_000)))).toMatchObject({ kind: 'array', steps: { length: 3 } });
});

describe('the work is near to that of the length', () => {
  const within = (milliseconds: number, what: () => unknown) => {
    const start = performance.now();
    what();
    // A busy machine takes several times as long; what takes the square of a length would take minutes.
    expect(performance.now() - start).toBeLessThan(8 * milliseconds);
  };
  const COUNT = 300_000;
  const numbers = Array.from({ length: COUNT }, (_, index) => index);

  test.each<[string, unknown[], unknown[]]>([
    ['two leaves over and over', numbers, numbers.map(n => n % 2)],
    ['the other way', numbers.map(n => n % 2), numbers],
    ['one more', numbers, [...numbers.map(n => n % 2), 0]],
    ['all the other way round', numbers, [...numbers].reverse()],
    ['every third gone', numbers, numbers.filter(n => n % 3)],
    ['leaves that repeat', numbers.map(n => n % 1_000), numbers.map(n => (n * 7) % 1_001)],
    ['rows the other way round', numbers.map(id => ({ id })), numbers.map(id => ({ id: COUNT - id }))],
    ['rows that look alike', numbers.map(n => ({ t: `${'x'.repeat(80)}${n}` })), numbers.map(n => ({ t: `${'x'.repeat(80)}${n + 7}` }))],
    ['bytes', numbers.map(n => new Uint8Array([n, n >> 8, n >> 16])), numbers.map(n => new Uint8Array([n, n >> 8, (n >> 16) + 1, 1]))],
  ])('%s', (_, old, next) => {
    const tree = own(old);
    within(5_000, () => assert.deepStrictEqual(diff(tree, next)?.tree, next));
  });

  test('rows that are shuffled in a draft', () => {
    const tree = own(numbers.map(n => ({ n: (n * 7_919) % COUNT }))) as Row[];
    within(6_000, () => change(tree, list => void list.sort((a, b) => a.n - b.n)));
  });

  test('a text of 4 MB', () => {
    const text = 'abcdefgh'.repeat(500_000);
    within(1_000, () => expect(diff(text, `${text.slice(0, 2_000_001)}!${text.slice(2_000_004)}`)?.patch).toMatchObject({ kind: 'text' }));
    within(1_000, () => expect(diff(text, 'z'.repeat(4_000_000))?.patch).toMatchObject({ kind: 'text' }));
  });
});
