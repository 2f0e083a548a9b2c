import { describe, expect, test } from 'vitest';
import { InvalidValueError } from '../../src/index.js';
import { apply } from '../../src/tree/apply.js';
import { diff, patchOf } from '../../src/tree/diff.js';
import { produce, Scope } from '../../src/tree/draft.js';
import { own } from '../../src/tree/own.js';

const update = <T>(tree: T, fn: (draft: T) => unknown): T => (diff(tree, produce(tree, fn as never))?.tree ?? tree) as T;
const start = () => own({ title: 'a', rows: [{ id: 1, tags: ['x'] }, { id: 2, tags: ['y'] }], meta: { by: 'ann' } }) as {
  title: string;
  rows: { id: number; tags: string[]; done?: boolean }[];
  meta: { by: string } | undefined;
};

describe('a draft', () => {
  test('an assigned element is what was at its place, changed', () => {
    const patched = <T>(value: T, fn: (draft: T) => unknown) => {
      const tree = own(value);
      return patchOf(diff(tree, produce(tree, fn as never)));
    };
    const at = (...members: [string, unknown][]) => ({ kind: 'map', members: new Map(members.map(([key, value]) => [key, { kind: 'value', value }])) });
    const each = (list: number[]) => void list.forEach((item, i) => (list[i] = item + 1));
    expect(patched([1, 2, 3], each)).toEqual(at(['0', 2], ['1', 3], ['2', 4]));
    expect(patched([[1, 2], [2, 3]], rows => rows.forEach(each))).toMatchObject({ members: new Map([['0', at(['0', 2], ['1', 3])], ['1', at(['0', 3], ['1', 4])]]) });
    expect(patched([0, 1, 0, 1], bits => void bits.forEach((bit, i) => (bits[i] = 1 - bit)))).toEqual(at(['0', 1], ['1', 0], ['2', 1], ['3', 0]));
    // What only changes its place has moved.
    expect(patched(['a', 'b', 'c'], words => void ([words[0], words[2]] = [words[2]!, words[0]!]))).toMatchObject({ kind: 'array' });
    expect(patched([{ a: 1 }, { a: 2 }], rows => void ([rows[0], rows[1]] = [rows[1]!, rows[0]!]))).toMatchObject({ kind: 'array' });
    expect(patched([{ id: 1 }, { id: 2 }], rows => void ([rows[0], rows[1]] = [{ id: 2 }, { id: 1 }]))).toMatchObject({ kind: 'array' });
    expect(patched([1, 2, 3], list => void list.splice(0, 3, 2, 3, 4))).toMatchObject({ kind: 'array' });
  });

  test('that is only read leaves the tree as it is', () => {
    const tree = start();
    const next = update(tree, draft => {
      void draft.rows.map(row => row.tags.join());
      void JSON.stringify(draft);
      void { ...draft };
    });
    expect(next).toBe(tree);
  });

  test('is not written to where NaN is read', () => {
    const scope = new Scope(true);
    expect((scope.start(own({ n: NaN }) as never) as { n: number }).n).toBeNaN();
    expect(scope.touched).toBe(false);
  });

  test('keeps what is not written to', () => {
    const tree = start();
    const next = update(tree, draft => {
      draft.rows[1]!.tags.push('z');
    });
    expect(next.rows[1]!.tags).toEqual(['y', 'z']);
    expect(next.rows[0]).toBe(tree.rows[0]);
    expect(next.meta).toBe(tree.meta);
    expect(tree.rows[1]!.tags).toEqual(['y']);
  });

  test('is an array where the tree is one, with all that arrays can do', () => {
    const tree = own([3, 1, 2]) as number[];
    expect(update(tree, draft => void draft.sort())).toEqual([1, 2, 3]);
    expect(update(tree, draft => void draft.reverse())).toEqual([2, 1, 3]);
    expect(update(tree, draft => void draft.splice(1, 1, 7, 8))).toEqual([3, 7, 8, 2]);
    expect(update(tree, draft => void (draft.length = 1))).toEqual([3]);
    expect(update(tree, draft => void draft.unshift(0))).toEqual([0, 3, 1, 2]);
    expect(update(tree, draft => void draft.copyWithin(0, 1))).toEqual([1, 2, 2]);
    expect(update(tree, draft => draft.filter(item => item > 1))).toEqual([3, 2]);
    expect(update(tree, draft => [...draft, 9])).toEqual([3, 1, 2, 9]);
    expect(update(tree, draft => draft.concat([5]))).toEqual([3, 1, 2, 5]);
  });

  test('of rows that are sorted keeps the rows', () => {
    const tree = start();
    const next = update(tree, draft => void draft.rows.sort((a, b) => b.id - a.id));
    expect(next.rows.map(row => row.id)).toEqual([2, 1]);
    expect(next.rows.some(row => tree.rows.includes(row))).toBe(true);
  });

  test('may be written to after it was moved, and through what was found in it', () => {
    const tree = start();
    const next = update(tree, draft => {
      const row = draft.rows.find(({ id }) => id === 2)!;
      draft.rows.unshift({ id: 0, tags: [] });
      row.done = true;
      const [first] = draft.rows.splice(1, 1);
      first!.tags.push('moved');
      draft.rows.push(first!);
    });
    expect(next.rows).toEqual([{ id: 0, tags: [] }, { id: 2, tags: ['y'], done: true }, { id: 1, tags: ['x', 'moved'] }]);
  });

  test('forgets and adds members', () => {
    const tree = start();
    const next = update(tree, draft => {
      delete (draft as Partial<typeof draft>).meta;
      Object.assign(draft, { more: { a: 1 } });
      (draft as unknown as { more: { a: number } }).more.a += 1;
    });
    expect(next).toEqual({ title: 'a', rows: tree.rows, more: { a: 2 } });
    expect('meta' in next).toBe(false);
  });

  test('may hold parts of itself in new objects', () => {
    const tree = start();
    const next = update(tree, draft => ({ title: draft.title, rows: draft.rows.map(row => (row.id === 1 ? { ...row, done: true } : row)), meta: draft.meta }));
    expect(next.rows[1]).toBe(tree.rows[1]);
    expect(next.rows[0]).toEqual({ id: 1, tags: ['x'], done: true });
    expect(next.rows[0]!.tags).toBe(tree.rows[0]!.tags);
  });

  test('gives copies of what can not be frozen', () => {
    const tree = own({ at: new Date(0), map: new Map([['a', { n: 1 }]]), set: new Set([1]), bytes: new Uint8Array([1]), still: new Date(5) }) as {
      at: Date;
      map: Map<string, { n: number }>;
      set: Set<number>;
      bytes: Uint8Array;
      still: Date;
    };
    const next = update(tree, draft => {
      draft.at.setTime(1);
      draft.map.get('a')!.n = 2;
      draft.set.add(2);
      draft.bytes[0] = 9;
      void draft.still.getTime();
    });
    expect(next).toEqual({ at: new Date(1), map: new Map([['a', { n: 2 }]]), set: new Set([1, 2]), bytes: new Uint8Array([9]), still: new Date(5) });
    expect(tree.at).toEqual(new Date(0));
    expect(tree.map.get('a')).toEqual({ n: 1 });
    expect(next.still).toBe(tree.still);
  });

  test('takes no more writes when update is over', () => {
    const tree = start();
    let kept: typeof tree | undefined;
    update(tree, draft => void (kept = draft));
    expect(() => (kept!.title = 'late')).toThrow('good inside');
    expect(kept!.title).toBe('a');
  });

  test.each([5, 2_000])('of an object of %i members does what is done to a plain one', count => {
    type Table = Record<string, { n: number }>;
    const plain: Table = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, { n: 0 }]));
    let tree = own(plain) as Table;
    let other = tree;
    let seed = 1;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let n = 1; n < 150; n += 1) {
      const steps = Array.from({ length: 1 + random(3) }, () => [random(6), `k${random(count + 2)}`] as const);
      const write = (table: Table) => {
        for (const [what, key] of steps) {
          const row = table[key];
          if (what === 0) delete table[key];
          else if (what === 1) table[key] = { n };
          else if (what === 2 && row) table[key] = { ...row };
          else if (what === 3 && row) (delete table[key], (table[key] = { n: row.n }));
          else if (row) row.n = what === 4 ? n : row.n;
        }
      };
      write(plain);
      const change = diff(tree, produce(tree, write as never));
      const before = tree;
      tree = (change?.tree ?? tree) as Table;
      expect(tree).toEqual(plain);
      expect(Object.isFrozen(tree)).toBe(true);
      for (const key of Object.keys(tree)) if (before[key]?.n === tree[key]!.n) expect(tree[key]).toBe(before[key]);
      if (change) other = apply(other, change.patch) as Table;
      expect(other).toEqual(plain);
    }
  });

  test('leaves out symbols and what it refuses', () => {
    const tree = start();
    const next = update(tree, draft => void Object.assign(draft, { [Symbol.for('x')]: 1, title: 'b' }));
    expect(Object.getOwnPropertySymbols(next)).toEqual([]);
    expect(() => update(tree, draft => void Object.assign(draft, { title: 'c', bad: () => {} }))).toThrow('is a function');
    expect(tree).toEqual(start());
  });

  test('of a Map or a Set that is the whole value is a copy', () => {
    const tree = own(new Map([['a', 1]])) as Map<string, number>;
    expect(update(tree, draft => void draft.set('b', 2))).toEqual(new Map([['a', 1], ['b', 2]]));
    expect(tree.size).toBe(1);
    expect(update(tree, draft => void draft.get('a'))).toBe(tree);
  });

  test('of a leaf is the leaf', () => {
    expect(update(1 as number, n => n + 1)).toBe(2);
    expect(update('a', () => undefined)).toBe('a');
  });

  test('of an array takes elements, and no members that nobody would get', () => {
    const tree = start();
    expect(() => update(tree, draft => void ((draft.rows as unknown as Record<string, unknown>)['done'] = true))).toThrow('an array has no member done');
    expect(() => update(tree, draft => void (draft.rows[-1] = { id: 3, tags: [] }))).toThrow('an array has no member -1');
    expect(update(tree, draft => void (draft.rows.length = 0)).rows).toEqual([]);
  });

  test('that is changed and not what is returned is refused', () => {
    const tree = start();
    expect(() => update(tree, draft => draft.rows.push({ id: 3, tags: [] }))).toThrow(InvalidValueError);
    // What an arrow function without braces comes to where there is nothing to do.
    const idle: ((draft: typeof tree) => unknown)[] = [
      draft => delete (draft as { none?: string }).none,
      draft => (draft.title = tree.title),
      draft => draft.rows.length > 50 && draft.rows.pop(),
      draft => draft.rows.find(({ id }) => id === 1),
    ];
    for (const recipe of idle) expect(() => update(tree, recipe as never)).toThrow('put braces around');
    expect(() => update(tree, draft => (draft.title = 'b'))).toThrow('changes its draft or returns the next value: put braces around');
    expect(() => update(tree, (async (draft: { title: string }) => void (draft.title = 'b')) as never)).toThrow('put braces around');
    expect(() => update(tree, draft => ((draft.title = 'b'), { ...draft }))).toThrow(InvalidValueError);
    expect(() => update(tree, draft => (delete (draft as Partial<typeof draft>).meta, null))).toThrow(InvalidValueError);
    expect(update(tree, draft => ((draft.title = 'b'), draft)).title).toBe('b');
    expect(update(tree, draft => ((draft.title = draft.title), { ...draft, title: 'c' })).title).toBe('c');
  });

  test('of a Map or a Set is not replaced by what a method of theirs returns', () => {
    const map = own(new Map([['a', 1]])) as Map<string, number>;
    expect(() => update(map, draft => draft.delete('a'))).toThrow('put braces around');
    expect(() => update(map, draft => draft.get('a'))).toThrow('put braces around');
    expect(update(map, draft => draft.set('b', 2))).toEqual(new Map([['a', 1], ['b', 2]]));
    expect(update(map, draft => new Map(draft).set('c', 3))).toEqual(new Map([['a', 1], ['c', 3]]));
    expect(() => update(own(new Set(['a'])) as Set<string>, draft => draft.has('a'))).toThrow('put braces around');
  });

  test('that is only read, Maps too, may be replaced by what is returned', () => {
    const tree = own({ map: new Map([['a', 1]]), n: 1 }) as { map: Map<string, number>; n: number };
    expect(update(tree, draft => ({ map: draft.map, n: draft.map.get('a')! + 1 }))).toEqual({ map: new Map([['a', 1]]), n: 2 });
  });

  test('of an update inside another is good in both, and is what it was at that time', () => {
    const tree = start();
    let inner: typeof tree | undefined;
    const outer = update(tree, draft => {
      draft.rows[0]!.tags.push('before');
      inner = update(tree, other => void (other.rows = draft.rows));
      draft.rows[0]!.tags.push('after');
    });
    expect(inner!.rows[0]!.tags).toEqual(['x', 'before']);
    expect(outer.rows[0]!.tags).toEqual(['x', 'before', 'after']);
    expect(inner!.rows[1]).toBe(tree.rows[1]);
    const whole = update(tree, draft => {
      draft.title = 'b';
      inner = update(tree, () => draft);
      draft.title = 'c';
    });
    expect([inner!.title, whole.title]).toEqual(['b', 'c']);
  });

  test('that was kept from an update is good in a later one for what it held', () => {
    const tree = start();
    let kept: typeof tree | undefined;
    const first = update(tree, draft => {
      kept = draft;
      draft.rows[0]!.tags.push('kept');
      draft.title = 'b';
    });
    const again = update(tree, () => kept);
    expect(again).toEqual(first);
    const second = update(first, draft => void (draft.rows[1] = kept!.rows[0]!));
    expect(second.rows.map(row => row.tags)).toEqual([['x', 'kept'], ['x', 'kept']]);
    expect(second.rows[0]).not.toBe(second.rows[1]);
    expect(first.rows[1]!.tags).toEqual(['y']);
  });
});
