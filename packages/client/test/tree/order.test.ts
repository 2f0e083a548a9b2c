import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { apply } from '../../src/tree/apply.js';
import { decodePatch, decodeValue } from '../../src/tree/decode.js';
import { diff } from '../../src/tree/diff.js';
import { produce } from '../../src/tree/draft.js';
import { encodePatch, encodeValue } from '../../src/tree/encode.js';
import { own } from '../../src/tree/own.js';
import { kindOf } from '../../src/tree/value.js';
import { pair } from './arbitrary.js';

const keys = (of: unknown) => Object.keys(of as object);

/** All names in the order of their UTF-8 bytes, but those that JavaScript puts first. */
const isInOrder = (at: unknown): boolean => {
  const kind = kindOf(at);
  if (kind === 'array' || kind === 'set' || kind === 'map') return [...(at as Iterable<unknown>)].every(isInOrder);
  if (kind !== 'object') return true;
  const names = keys(at).filter(name => !/^\d+$/.test(name));
  return names.every((name, i) => i === 0 || Buffer.compare(Buffer.from(names[i - 1]!), Buffer.from(name)) < 0) && Object.values(at as object).every(isInOrder);
};

describe('members are in the order of their keys\u2019 UTF-8 bytes', () => {
  const names = ['z', 'a', '', 'B', '\uffee', '😀', 'é', 'ключ', '__proto__', 'ab', 'aa', '\ue000'];
  const sorted = ['', 'B', '__proto__', 'a', 'aa', 'ab', 'z', 'é', 'ключ', '\ue000', '\uffee', '😀'];
  const object = () => Object.fromEntries(names.map(name => [name, 1]));

  test('in what an app sets', () => {
    expect(keys(own(object()))).toEqual(sorted);
    expect(keys(diff(own({}), object())!.tree)).toEqual(sorted);
  });

  test('in what is read', () => {
    expect(keys(decodeValue(encodeValue(object())))).toEqual(sorted);
  });

  test('in what a patch makes', () => {
    const members = new Map(names.map(name => [name, { kind: 'value', value: 1 }] as const));
    expect(keys(apply(own({ aa: 0 }), { kind: 'map', members }))).toEqual(sorted);
    expect(keys((apply(own({}), { kind: 'map', members: new Map([['x', { kind: 'map', members }]]) }) as { x: object }).x)).toEqual(sorted);
  });

  test('in what a draft makes', () => {
    const tree = own({ b: 1, d: 1 }) as Record<string, number>;
    const next = diff(tree, produce(tree, (draft: typeof tree) => {
      draft.c = 1;
      draft.a = 1;
      delete draft.b;
      draft.b = 2;
    }))!.tree;
    expect(keys(next)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('of many, when some come and go', () => {
    let tree = own(Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`k${n}`, n]))) as Record<string, number>;
    for (const name of ['k1500x', 'a', 'z', 'k', 'k2']) {
      tree = diff(tree, produce(tree, (draft: typeof tree) => void (draft[name] = -1)))!.tree as typeof tree;
      tree = diff(tree, produce(tree, (draft: typeof tree) => void delete draft[`${name}0`]))?.tree as typeof tree ?? tree;
      assert.ok(isInOrder(tree) && Object.isFrozen(tree));
    }
  });

  test('but for array indices, which JavaScript puts first', () => {
    expect(keys(own({ b: 1, 10: 1, a: 1, 9: 1, '!': 1 }))).toEqual(['9', '10', '!', 'a', 'b']);
  });

  test('whatever is done', () => {
    fc.assert(
      fc.property(pair, ([from, to]) => {
        const old = own(from);
        const change = diff(old, to);
        assert.ok(isInOrder(old));
        if (!change || old === undefined) return;
        assert.ok(isInOrder(change.tree));
        assert.ok(isInOrder(apply(old, decodePatch(encodePatch(change.patch)))));
      }),
      { numRuns: 1_000 },
    );
  });
});
