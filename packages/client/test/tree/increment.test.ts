import assert from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import { incrementing } from '../../src/increment.js';
import { increment, InvalidValueError } from '../../src/index.js';
import { apply } from '../../src/tree/apply.js';
import { decodePatch } from '../../src/tree/decode.js';
import { diff } from '../../src/tree/diff.js';
import { produce, Scope } from '../../src/tree/draft.js';
import { encodePatch } from '../../src/tree/encode.js';
import { own } from '../../src/tree/own.js';
import type { EntryStep, Patch } from '../../src/tree/patch.js';

interface Board {
  n: number;
  big: bigint;
  missing?: number;
  list: number[];
  rows: { n: number }[];
  title: string;
}
const board = () => own({ n: 1, big: 5n, list: [1, 2, 3], rows: [{ n: 1 }, { n: 2 }], title: 'x' }) as Board;

const update = (fn: (draft: Board) => unknown) => {
  const tree = board();
  const change = diff(tree, produce(tree, fn as never));
  if (change) assert.deepStrictEqual(apply(tree, decodePatch(encodePatch(change.patch))), change.tree);
  return { patch: change?.patch, tree: (change?.tree ?? tree) as Board };
};
const map = (...members: [string, Patch][]): Patch => ({ kind: 'map', members: new Map(members) });
const by = (amount: number | bigint): Patch => ({ kind: 'increment', by: amount });

describe('an increment', () => {
  test('counts one, or as many as are said', () => {
    expect(update(draft => increment(draft, 'n'))).toMatchObject({ patch: map(['n', by(1)]), tree: { n: 2 } });
    for (const key of [['rows', 0, 'n'], undefined]) expect(() => update(draft => increment(draft, key as never))).toThrow(InvalidValueError);
    expect(update(draft => increment(draft, 'n', -2.5)).patch).toEqual(map(['n', by(-2.5)]));
  });

  test('is seen in the draft, and several add up', () => {
    const { patch, tree } = update(draft => {
      increment(draft, 'n', 2);
      expect(draft.n).toBe(3);
      increment(draft, 'n', 3);
    });
    expect(patch).toEqual(map(['n', by(5)]));
    expect(tree.n).toBe(6);
  });

  test('of several that make nothing changes nothing', () => {
    expect(update(draft => (increment(draft, 'n', 2), increment(draft, 'n', -2))).patch).toBeUndefined();
  });

  test('of what is missing makes it', () => {
    expect(update(draft => (increment(draft, 'missing'), increment(draft, 'missing', 4)))).toMatchObject({ patch: map(['missing', by(5)]), tree: { missing: 5 } });
    expect(update(draft => increment(draft, 'missing', 0)).patch).toEqual(map(['missing', { kind: 'value', value: 0 }]));
  });

  test('is of the kind of number that is there', () => {
    expect(update(draft => increment(draft, 'big', 2))).toMatchObject({ patch: map(['big', by(2n)]), tree: { big: 7n } });
    expect(update(draft => increment(draft, 'n', 2n))).toMatchObject({ patch: map(['n', by(2)]), tree: { n: 3 } });
    expect(update(draft => increment(draft, 'missing', 2n)).patch).toEqual(map(['missing', by(2n)]));
    expect(() => update(draft => increment(draft, 'big', 0.5))).toThrow(InvalidValueError);
  });

  test('gives way to what is assigned after', () => {
    expect(update(draft => (increment(draft, 'n'), void (draft.n = 7))).patch).toEqual(map(['n', { kind: 'value', value: 7 }]));
    expect(update(draft => (increment(draft, 'n'), void (draft.n = 2))).patch).toEqual(map(['n', { kind: 'value', value: 2 }]));
    expect(update(draft => (increment(draft, 'missing'), void delete draft.missing)).patch).toBeUndefined();
  });

  test('of what was assigned before is part of that', () => {
    expect(update(draft => ((draft.n = 7), increment(draft, 'n'))).patch).toEqual(map(['n', { kind: 'value', value: 8 }]));
    expect(update(draft => ((draft.rows[0] = { n: 5 }), increment(draft.rows[0], 'n'))).tree.rows[0]).toEqual({ n: 6 });
  });

  test('counts in an array', () => {
    expect(update(draft => increment(draft.list, 1, 10))).toMatchObject({ patch: map(['list', map(['1', by(10)])]), tree: { list: [1, 12, 3] } });
    const { patch, tree } = update(draft => {
      draft.list.unshift(0);
      increment(draft.list, 2, 10);
    });
    expect(patch).toEqual(map(['list', { kind: 'array', steps: [{ insert: [0] }, 1, { at: by(10) }] }]));
    expect(tree.list).toEqual([0, 1, 12, 3]);
  });

  test('is set where the array is moved about after', () => {
    expect(update(draft => (increment(draft.list, 0, 10), void draft.list.reverse())).tree.list).toEqual([3, 2, 11]);
    expect(update(draft => (increment(draft.list, 2, 10), void (draft.list.length = 2))).tree.list).toEqual([1, 2]);
  });

  test('goes with an element that moves', () => {
    const { patch } = update(draft => {
      increment(draft.rows[1]!, 'n', 3);
      draft.rows.reverse();
    });
    expect(patch).toEqual(map(['rows', { kind: 'array', steps: [{ take: 1 }, { at: map(['n', by(3)]) }, { put: 0 }] }]));
  });

  test('counts in a draft that lasts, too', () => {
    const tree = board();
    const scope = new Scope(true);
    increment(scope.start(tree as never) as Board, 'n', 4);
    expect(diff(tree, scope.root?.proxy)?.patch).toEqual(map(['n', by(4)]));
  });

  test.each<[string, (draft: Board) => unknown]>([
    ['of a text', draft => increment(draft, 'title')],
    ['of a list', draft => increment(draft, 'list')],
    ['by a text', draft => increment(draft, 'n', '1' as never)],
    ['by NaN', draft => increment(draft, 'n', NaN)],
    ['by infinity', draft => increment(draft, 'missing', Infinity)],
    ['beyond all numbers', draft => (increment(draft, 'n', 1.7e308), increment(draft, 'n', 1.7e308))],
    ['of undefined', draft => ((draft.missing = undefined as never), increment(draft, 'missing'))],
  ])('%s is refused', (_, fn) => {
    expect(() => update(fn)).toThrow(InvalidValueError);
  });

  test('outside update is refused', () => {
    expect(() => increment(board(), 'n')).toThrow('good inside');
    let kept: Board | undefined;
    update(draft => void (kept = draft));
    expect(() => increment(kept!, 'n')).toThrow('good inside');
  });
});

describe('an increment in a Map', () => {
  const shop = () => own({ stock: new Map<unknown, unknown>([['tea', 2], [7, { n: 1, list: [1, 2] }], ['in', new Map([['x', 1n]])]]) }) as { stock: Map<unknown, any> };
  const change = (fn: (stock: Map<unknown, any>, draft: { stock: Map<unknown, any> }) => unknown) => {
    const tree = shop();
    const made = diff(tree, produce(tree, ((draft: typeof tree) => void fn(draft.stock, draft)) as never));
    if (made) assert.deepStrictEqual(apply(tree, decodePatch(encodePatch(made.patch))), made.tree);
    assert.deepStrictEqual(tree, shop());
    return { patch: made?.patch, stock: ((made?.tree ?? tree) as typeof tree).stock };
  };
  const entries = (...steps: EntryStep[]): Patch => map(['stock', { kind: 'entries', steps }]);
  const value = (at: Patch): EntryStep => ({ at: { kind: 'array', steps: [1, { at }] } });

  test('counts, and several add up', () => {
    const { patch, stock } = change(stock => (increment(stock, 'tea', 3), increment(stock, 'tea')));
    expect(patch).toEqual(entries(value(by(4))));
    expect(stock.get('tea')).toBe(6);
  });

  test('counts in what is inside of an entry', () => {
    expect(change(stock => increment(stock.get(7), 'n')).patch).toEqual(entries(1, value(map(['n', by(1)]))));
    expect(change(stock => increment(stock.get(7).list, 1, 5)).patch).toEqual(entries(1, value(map(['list', map(['1', by(5)])]))));
    expect(change(stock => increment(stock.get('in'), 'x', 2)).patch).toEqual(entries(2, value({ kind: 'entries', steps: [value(by(2n))] })));
  });

  test('goes on where other entries come and go', () => {
    expect(change(stock => (increment(stock, 'tea'), stock.delete('in'), stock.set('milk', 1))).patch).toEqual(
      entries(value(by(1)), 1, -1, { insert: [['milk', 1]] }),
    );
  });

  test('gives way to what is assigned after, and is part of what is assigned before', () => {
    expect(change(stock => (increment(stock, 'tea'), stock.set('tea', 9))).stock.get('tea')).toBe(9);
    const { patch, stock } = change(stock => (stock.set('tea', 9), increment(stock, 'tea')));
    expect(patch).toEqual(entries(value({ kind: 'value', value: 10 })));
    expect(stock.get('tea')).toBe(10);
    expect(change(stock => (increment(stock.get(7).list, 0), stock.get(7).list.reverse())).stock.get(7).list).toEqual([2, 2]);
  });

  test('by path', () => {
    const tree = shop();
    expect(diff(tree, produce(tree, incrementing(['stock', 7, 'n'], 2)))!.patch).toEqual(entries(1, value(map(['n', by(2)]))));
    expect(diff(tree, produce(tree, incrementing(['stock', 'tea'], 2)))!.patch).toEqual(entries(value(by(2))));
    expect(() => produce(tree, incrementing(['stock', 'milk', 'n'], 2))).toThrow('nothing to increment at stock.milk.n');
  });

  test('of a value that is one itself', () => {
    const tree = own(new Map([['a', 1]]));
    expect(diff(tree, produce(tree, incrementing(['a'], 2)))!.patch).toEqual({ kind: 'entries', steps: [value(by(2))] });
  });

  test('of what is not there says that only one of two would count', () => {
    expect(() => change(stock => increment(stock, 'milk'))).toThrow(RangeError);
    expect(() => change(stock => increment(stock, 'milk'))).toThrow('there is no milk to increment: put it in first');
    expect(() => change(stock => increment(stock, 'in'))).toThrow(InvalidValueError);
  });

  test('takes the keys that the Map has, in TypeScript', () => {
    const tree = own({ m: new Map([['a', 1]]) });
    // @ts-expect-error: its keys are texts
    expect(() => produce(tree, (draft: { m: Map<string, number> }) => increment(draft.m, 5))).toThrow(RangeError);
    // @ts-expect-error: no member of that name
    expect(() => produce(tree, (draft: { m: Map<string, number> }) => increment(draft, 'n', 'x'))).toThrow(InvalidValueError);
  });

  test('that is no draft is refused', () => {
    expect(() => increment(shop().stock, 'tea')).toThrow('good inside');
  });
});

describe('an increment in an array', () => {
  test.each([5, 3, -1, 'length', '01'])('of an element %s, which is not there, is refused', index => {
    expect(() => update(draft => increment(draft.list, index as number))).toThrow(RangeError);
  });

  test('says which', () => expect(() => update(draft => increment(draft.list, 5))).toThrow('there is no 5 to increment'));

  test('of what was assigned before is part of that', () => {
    const { patch, tree } = update(draft => {
      draft.list[1] = 7;
      increment(draft.list, 1);
    });
    expect(tree.list).toEqual([1, 8, 3]);
    expect(patch).toEqual(map(['list', map(['1', { kind: 'value', value: 8 }])]));
  });
});
