import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidValueError, TooLargeError } from '../../src/index.js';
import { apply } from '../../src/tree/apply.js';
import { decodePatch } from '../../src/tree/decode.js';
import { diff, reconcile } from '../../src/tree/diff.js';
import { produce } from '../../src/tree/draft.js';
import { encodePatch } from '../../src/tree/encode.js';
import { own } from '../../src/tree/own.js';
import type { Patch } from '../../src/tree/patch.js';
import { same } from '../../src/tree/value.js';
import { copy } from '../json.js';
import { pair, value } from './arbitrary.js';

const isDeepFrozen = (at: unknown): boolean => {
  if (typeof at !== 'object' || at === null) return true;
  if (at instanceof Map || at instanceof Set || at instanceof Date || ArrayBuffer.isView(at)) return true;
  return Object.isFrozen(at) && Object.values(at).every(isDeepFrozen);
};

const nodes = (at: unknown, found: object[] = []): object[] => {
  if (typeof at !== 'object' || at === null || ArrayBuffer.isView(at)) return found;
  found.push(at);
  if (at instanceof Map || at instanceof Set || at instanceof Date) return found;
  for (const item of Object.values(at)) nodes(item, found);
  return found;
};

/** That of `next` every part that is as in `old`, at the same place, is the very same. */
const keepsIdentity = (old: unknown, next: unknown): boolean => {
  if (old === next) return true;
  if (typeof old !== 'object' || old === null || typeof next !== 'object' || next === null) return true;
  if (same(old, next)) return false;
  if (Array.isArray(old) || Array.isArray(next) || Object.getPrototypeOf(old) !== Object.prototype || Object.getPrototypeOf(next) !== Object.prototype) return true;
  const [a, b] = [old as Record<string, unknown>, next as Record<string, unknown>];
  return Object.keys(a).every(key => !Object.hasOwn(b, key) || keepsIdentity(a[key], b[key]));
};

describe('properties', () => {
  test('the patch between two values makes the one of the other', () => {
    fc.assert(
      fc.property(pair, ([from, to]) => {
        const old = own(from);
        const change = diff(old, to);
        if (!change) return assert.ok(same(old, to));
        assert.ok(same(change.tree, to), 'the next tree is the next value');
        if (old === undefined) return;
        assert.ok(same(apply(old, change.patch), to), 'as it is');
        assert.ok(same(apply(old, decodePatch(encodePatch(change.patch))), change.tree), 'by way of CBOR');
      }),
      { numRuns: 3_000 },
    );
  });

  test('what is unchanged keeps its identity, what is new is frozen, and no node is in a tree twice', () => {
    fc.assert(
      fc.property(pair, ([from, to]) => {
        const old = own(from);
        const tree = diff(old, to)?.tree ?? old;
        assert.ok(isDeepFrozen(tree));
        assert.ok(keepsIdentity(old, tree));
        const all = nodes(tree);
        assert.equal(new Set(all).size, all.length);
      }),
      { numRuns: 2_000 },
    );
  });

  test('equal values have no difference', () => {
    fc.assert(fc.property(value, any => diff(own(any), copy(any)) === undefined));
  });

  test('what an app handed in is neither frozen nor shared', () => {
    fc.assert(
      fc.property(value, any => {
        const mine = copy(any);
        const tree = own(mine);
        const theirs = new Set(nodes(mine));
        assert.ok(nodes(tree).every(node => !theirs.has(node)));
        assert.ok(nodes(mine).every(node => !Object.isFrozen(node)));
      }),
    );
  });

  test('reconciling a copy gives back the tree', () => {
    fc.assert(
      fc.property(value, any => {
        const tree = own(any);
        assert.equal(reconcile(tree, own(copy(any))), any === undefined ? undefined : tree);
      }),
    );
  });
});

const patch = (old: unknown, next: unknown) => diff(own(old), next)?.patch;

describe('numbers', () => {
  test('are one line', () => {
    expect(patch({ a: 1, b: NaN, c: 0, d: 10n ** 12n }, { a: 1n, b: NaN, c: -0, d: 1e12 })).toBeUndefined();
    expect(patch({ a: 2 ** 53 }, { a: 2n ** 53n + 1n })).toBeDefined();
  });
});

describe('texts', () => {
  /** Types one letter after the other at a place of a text; the patches as steps. */
  const type = (text: string, at: number, letters: string, forwards = true) => {
    const made: unknown[] = [];
    for (const letter of letters) {
      const next = text.slice(0, at) + letter + text.slice(at);
      made.push((patch(text, next) as { steps: unknown }).steps);
      [text, at] = [next, at + (forwards ? 1 : 0)];
    }
    return made;
  };

  test('goes on where its person wrote last, beside the same letter too', () => {
    expect(type('the meeting!', 8, 'BOB SAiD').slice(-2)).toEqual([[14, 'i'], [15, 'D']]);
    expect(type('one\n', 3, '; bob\nbob2').slice(-5)).toEqual([[8, '\n'], [9, 'b'], [10, 'o'], [11, 'b'], [12, '2']]);
    expect(type('a bat', 2, 'tab', false)).toEqual([[2, 't'], [2, 'a'], [2, 'b']]);
    // Of two that are the same the one that was just written goes.
    type('xix', 1, 'i');
    expect(patch('xiix', 'xix')).toEqual({ kind: 'text', steps: [2, -1] });
  });

  test('keeps a word that has got a comma behind it', () => {
    expect(patch('tea please', 'coffee please, and do call Mum at six')).toEqual({
      kind: 'text',
      steps: [-3, 'coffee', 7, ', and do call Mum at six'],
    });
    expect(patch('the quick brown fox', 'the quick red fox runs')).toEqual({ kind: 'text', steps: [10, -5, 'red', 4, ' runs'] });
  });

  test('are always edited, between the common start and the common end', () => {
    expect(patch('Hello world', 'Hello weft')).toEqual({ kind: 'text', steps: [7, -4, 'eft'] });
    expect(patch('abcd', 'axyz')).toEqual({ kind: 'text', steps: [1, -3, 'xyz'] });
    expect(patch('', 'a')).toEqual({ kind: 'text', steps: ['a'] });
    expect(patch('abc', 'xyz')).toEqual({ kind: 'text', steps: [-3, 'xyz'] });
    expect(patch('abc', '')).toEqual({ kind: 'text', steps: [-3] });
    expect(patch('aa', 'aaa')).toEqual({ kind: 'text', steps: [2, 'a'] });
  });

  test('that change at several places are edited at each of them, word by word', () => {
    const old = 'The cat sat. It was long ago. The cat ran.';
    expect(patch(old, old.replaceAll('cat', 'dog'))).toEqual({ kind: 'text', steps: [4, -3, 'dog', 27, -3, 'dog'] });
    expect(patch('one two', '"one two"')).toEqual({ kind: 'text', steps: ['"', 7, '"'] });
  });

  test('keep a first word that is none any more, and the other way round', () => {
    expect(patch('make tea now', 'B make coffee now')).toEqual({ kind: 'text', steps: ['B ', 5, -3, 'coffee'] });
    expect(patch('Please buy coffee now', 'buy tea now')).toEqual({ kind: 'text', steps: [-7, 4, -6, 'tea'] });
  });

  test.each([[80, 1], [200, 50], [400, 100], [1_400, 400]])('of %i lines that are there again and again change where they were changed (%i kinds)', (count, kinds) => {
    const lines = Array.from({ length: count }, (_, i) => `- [ ] task ${i % kinds}`);
    const next = lines.with(1, `${lines[1]!} A1`).with(-2, `${lines.at(-2)!} A2`);
    const { steps } = patch(lines.join('\n'), next.join('\n')) as { steps: readonly unknown[] };
    expect(steps.filter(step => typeof step === 'string').join('').length).toBeLessThan(20);
    expect(steps.length).toBeLessThan(8);
  });

  test('are cut between whole characters', () => {
    expect(patch('one 😀 three', 'one 😁 three')).toEqual({ kind: 'text', steps: [4, -2, '😁'] });
    expect(patch('xx😀', 'xx🀀')).toEqual({ kind: 'text', steps: [2, -2, '🀀'] });
  });

  test('that are long are compared in blocks', () => {
    const long = 'one 😀 two '.repeat(1_000);
    for (const at of [0, 1, 1_023, 1_024, 5_000, long.length]) {
      const next = `${[...long].slice(0, at).join('')}!${[...long].slice(at).join('')}`;
      expect(apply(long, patch(long, next)!)).toBe(next);
      expect((patch(long, next) as { steps: readonly unknown[] }).steps.length).toBeLessThan(4);
    }
  });
});

describe('arrays', () => {
  const rows = (count: number) => own(Array.from({ length: count }, (_, id) => ({ id, text: `row ${id}` }))) as { id: number; text: string }[];

  test('of equal length change from inside', () => {
    expect(patch([1, 2, 3], [1, 5, 3])).toEqual({ kind: 'map', members: new Map([['1', { kind: 'value', value: 5 }]]) });
  });

  test('say what is inserted and deleted', () => {
    expect(patch(['a', 'b', 'c'], ['a', 'c'])).toEqual({ kind: 'array', steps: [1, -1] });
    expect(patch(['a', 'c'], ['a', 'b', 'c'])).toEqual({ kind: 'array', steps: [1, { insert: ['b'] }] });
  });

  test('that share nothing are edited too', () => {
    expect(patch([1, 2, 3], [])).toEqual({ kind: 'array', steps: [-3] });
    expect(patch([], [1])).toEqual({ kind: 'array', steps: [{ insert: [1] }] });
    const become = (value: number) => ({ at: { kind: 'value', value } });
    expect(patch([1, 2], [3, 4, 5])).toEqual({ kind: 'array', steps: [become(3), become(4), { insert: [5] }] });
  });

  test('of leaves that go round are not set one by one', () => {
    expect(patch([1, 2, 3, 4, 5], [2, 3, 4, 5, 6])).toEqual({ kind: 'array', steps: [-1, 4, { insert: [6] }] });
    expect(patch([0, 0, 1, 1, 0], [0, 1, 1, 0, 0])).toMatchObject({ kind: 'map' });
  });

  test('in which rows are moved keep the rows that stay in order', () => {
    const old = rows(3_000);
    const next = [...old];
    next.unshift(...next.splice(2_000, 1));
    const change = diff(old, next)!;
    expect(change.patch).toMatchObject({ kind: 'array', steps: [{ put: 0 }, 2_000, { take: 1 }] });
    const tree = change.tree as unknown[];
    expect(old.every(row => tree.includes(row))).toBe(true);
  });

  test('are aligned by what they hold, also when every object is new', () => {
    const old = rows(2_000);
    const next = (copy(old) as typeof old).filter(({ id }) => id % 500 !== 1);
    next[100]!.text = 'changed';
    const change = diff(old, next)!;
    expect((change.tree as unknown[]).filter(row => old.includes(row as never)).length).toBe(1_995);
    expect(same(apply(old, change.patch), next)).toBe(true);
  });

  test('that are sorted the other way round are still right', () => {
    const old = rows(3_000);
    const change = diff(old, [...old].reverse())!;
    expect(same(apply(old, change.patch), [...old].reverse())).toBe(true);
  });

  test('tell an element that changed from one that is new by its id', () => {
    const change = diff(own([{ id: 1, t: 'a' }, { id: 2, t: 'b' }]), [{ id: 9, t: 'z' }, { id: 1, t: 'a' }, { id: 2, t: 'c' }])!;
    expect(change.patch).toMatchObject({ kind: 'array', steps: [{ insert: [{ id: 9 }] }, 1, { at: { kind: 'map' } }] });
  });

  test('with holes are filled', () => {
    expect(own([1, , 3])).toStrictEqual([1, undefined, 3]);
  });
});

describe('what is outright', () => {
  test('an object in place of an array, undefined as a value, an empty object at the root', () => {
    expect(patch({ a: [1] }, { a: { 0: 1 } })).toMatchObject({ members: new Map([['a', { kind: 'replace', value: { 0: 1 } }]]) });
    expect(patch({ a: 1 }, { a: undefined })).toMatchObject({ members: new Map([['a', { kind: 'replace', value: undefined }]]) });
    expect(patch('x', {})).toEqual({ kind: 'replace', value: {} });
  });

  test('what a server would take for too many operations', () => {
    const many = (by: number) => Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`k${index}`, index + by]));
    expect(patch(many(0), many(1))?.kind).toBe('replace');
  });

  test('of that the largest part only, if that is enough', () => {
    const part = (count: number, by: number) => Array.from({ length: count }, (_, index) => index + by);
    const made = (by: number) => ({ large: part(50_000, by * 0.5), small: part(41_000, by * 0.5), title: `v${by}` });
    const change = diff(own(made(0)), made(1))!;
    expect(change.patch).toMatchObject({ kind: 'map' });
    const { members } = change.patch as Extract<Patch, { kind: 'map' }>;
    expect([...members].map(([key, { kind }]) => [key, kind])).toEqual([['large', 'replace'], ['small', 'map'], ['title', 'text']]);
    expect(same(apply(own(made(0)), change.patch), made(1))).toBe(true);
  });
});

describe('what no entity holds is refused', () => {
  const refused = (value: unknown) => {
    try {
      own(value);
    } catch (error) {
      return error as InvalidValueError;
    }
    throw new Error('it was taken');
  };

  test.each([
    ['a function', { a: [{ b() {} }] }, 'a[0].b is a function', ['a', 0, 'b']],
    ['a symbol', { a: Symbol('x') }, 'a is a symbol', ['a']],
    ['an instance of a class', { list: [1, new (class Weft {})()] }, 'list[1] is a Weft', ['list', 1]],
    ['a regular expression', /a/, 'the value is a RegExp', []],
    ['a promise', Promise.resolve(1), 'the value is a Promise', []],
    ['half of a surrogate pair', { t: 'x\ud800' }, 't holds half', ['t']],
  ])('%s', (_, value, message, path) => {
    const error = refused(value);
    expect(error).toBeInstanceOf(InvalidValueError);
    expect(error.message).toContain(message);
    expect(error.path).toEqual(path);
  });

  test('in a diff too, with the path from the root', () => {
    expect(() => diff(own({ a: { b: [1] } }), { a: { b: [1, () => 0] } })).toThrow('a.b[1] is a function');
    expect(() => diff(own({ a: { b: 'x' } }), { a: { b: '\udc00' } })).toThrow('a.b holds half');
  });

  test('a cycle', () => {
    const cycle: Record<string, unknown> = { a: {} };
    (cycle.a as Record<string, unknown>).b = cycle;
    expect(refused(cycle)).toBeInstanceOf(InvalidValueError);
    expect(refused(cycle).message).toContain('cycle');
    expect(() => diff(own({ a: { b: { a: {} } } }), cycle)).toThrow(InvalidValueError);
  });

  test('nesting deeper than any server takes', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 300; level += 1) deep = [deep];
    expect(refused(deep)).toBeInstanceOf(TooLargeError);
  });
});

describe('prototypes', () => {
  test('are not reached by a value, a patch or a draft', () => {
    const evil = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}') as Record<string, unknown>;
    const tree = own(evil) as Record<string, unknown>;
    expect(Object.getPrototypeOf(tree)).toBe(Object.prototype);
    expect(Object.hasOwn(tree, '__proto__')).toBe(true);
    const change = diff(own({}), evil)!;
    const applied = apply(own({ a: 1 }), decodePatch(encodePatch(change.patch))) as object;
    expect(Object.keys(applied)).toEqual(['__proto__', 'a', 'constructor']);
    const drafted = diff(tree, produce(tree, (draft: Record<string, Record<string, unknown>>) => {
      draft['__proto__']!.more = 2;
    }))!.tree as object;
    expect(JSON.stringify(drafted)).toBe('{"__proto__":{"more":2,"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(({} as Record<string, unknown>).more).toBeUndefined();
  });
});

test.each([
  ['One. Two two. Three.', 'One. Three.', [5, -9]],
  ['the cat the dog', 'the dog', [4, -8]],
  ['tea\ntea milk\n', 'tea\n', [4, -9]],
  ['fooo', 'foo', [3, -1]],
])('what goes of %j to leave %j goes by whole words', (before, after, steps) => {
  const { patch } = diff({ s: before }, { s: after })!;
  const text = patch.kind === 'map' ? patch.members.get('s') : undefined;
  expect(text?.kind === 'text' ? text.steps : text).toEqual(steps);
});
