import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { Encoder } from 'cbor-x';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeAnswer, decodePatch, decodeValue } from '../../src/tree/decode.js';
import { encodePatch, encodeValue } from '../../src/tree/encode.js';
import { own } from '../../src/tree/own.js';
import { RawTypedArray, same } from '../../src/tree/value.js';
import { patchFromJson } from '../json.js';
import { value } from './arbitrary.js';

const cborX = new Encoder({ structuredClone: true, useRecords: false });
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const golden = new URL('../../../../tests/golden/', import.meta.url);
const file = (name: string) => new Uint8Array(readFileSync(new URL(name, golden)));

/** cbor-x renames a member called so, and is a millisecond off in dates that far away. */
const isBeyondCborX = (at: unknown): boolean => {
  if (at instanceof Date) return Math.abs(at.getTime()) > 1e14;
  if (at instanceof Map) return [...at].some(isBeyondCborX);
  if (at instanceof Set || Array.isArray(at)) return [...at].some(isBeyondCborX);
  if (typeof at !== 'object' || at === null) return false;
  return Object.entries(at).some(([key, item]) => key === '__proto__' || isBeyondCborX(item));
};

/** Node's `deepStrictEqual` takes no invalid date for another. */
const hasInvalidDate = (at: unknown): boolean => {
  if (at instanceof Date) return Number.isNaN(at.getTime());
  if (at instanceof Map || at instanceof Set || Array.isArray(at)) return [...at].flat().some(hasInvalidDate);
  return typeof at === 'object' && at !== null && Object.values(at).some(hasInvalidDate);
};

describe('values', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(
        value.filter(any => !hasInvalidDate(any)),
        any => {
          const back = decodeValue(encodeValue(own(any)));
          assert.deepStrictEqual(back, own(any));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('an invalid date comes back as one', () => {
    const [back] = decodeValue(encodeValue(own([new Date(NaN)]))) as [Date];
    assert.ok(back instanceof Date && Number.isNaN(back.getTime()));
  });

  test('are read by cbor-x, and those it writes are read here', () => {
    fc.assert(
      fc.property(
        value.filter(any => !isBeyondCborX(any)),
        any => {
          assert.ok(same(cborX.decode(encodeValue(own(any))), any));
          // Of a value that it has met before it writes a reference, so each gets its own.
          assert.ok(same(decodeValue(cborX.encode({ any }) as Uint8Array), { any }));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test.each([
    [0, '00'], [23, '17'], [24, '1818'], [-1, '20'], [2 ** 32 - 1, '1affffffff'], [-(2 ** 32), '3affffffff'], [2 ** 32, 'fa4f800000'],
    [1e12, 'fb426d1a94a2000000'], [-0, 'fa80000000'], [NaN, 'fa7fc00000'], [0.5, 'fa3f000000'], [1.1, 'fb3ff199999999999a'],
    [1n, '1b0000000000000001'], [-1n, '3b0000000000000000'], [2n ** 64n, 'c249010000000000000000'], [undefined, 'f7'], [null, 'f6'],
    [new Date(1), 'c1fb3f50624dd2f1a9fc'], [new Date(1000), 'c101'], [new Set([1]), 'd9010281' + '01'], [new Map([[1, 2]]), 'd90103a10102'],
    [new Uint8Array([1]), '4101'], [new Uint16Array([1]), 'd845420100'], [[1, 'a'], '82016161'], [{ é: '漢' }, 'a162c3a963e6bca2'],
  ])('%s is written %s', (any, bytes) => {
    expect(hex(encodeValue(any))).toBe(bytes);
  });

  test('texts of every length', () => {
    for (const unit of ['a', 'é', '漢', '😀']) {
      for (const length of [0, 1, 5, 11, 12, 22, 23, 24, 84, 85, 255, 256, 341, 342, 1_023, 1_024, 1_025, 21_845, 70_000]) {
        const long = unit.repeat(length);
        expect(decodeValue(encodeValue([long, 1]))).toEqual([long, 1]);
      }
    }
  });

  test('typed arrays of the other byte order, and of kinds that JavaScript lacks', () => {
    expect(decodeValue(Buffer.from('d841420001', 'hex'))).toEqual(new Uint16Array([1]));
    const quad = decodeValue(Buffer.from(`d85750${'01'.repeat(16)}`, 'hex'));
    expect(quad).toBeInstanceOf(RawTypedArray);
    expect(hex(encodeValue(own(quad)))).toBe(`d85750${'01'.repeat(16)}`);
  });

  test('what is read is frozen and independent of the bytes', () => {
    const bytes = encodeValue({ a: [{ b: new Uint8Array([1, 2]) }] });
    const read = decodeValue(bytes) as { a: { b: Uint8Array }[] };
    bytes.fill(0);
    expect(read.a[0]!.b).toEqual(new Uint8Array([1, 2]));
    expect(Object.isFrozen(read) && Object.isFrozen(read.a) && Object.isFrozen(read.a[0])).toBe(true);
  });
});

describe('golden files', () => {
  const values = readdirSync(golden).filter(name => name.startsWith('value.'));
  const diffs = readdirSync(golden).filter(name => name.startsWith('diff.'));

  test.each(values)('%s comes back equal', name => {
    const read = decodeValue(file(name));
    assert.ok(same(decodeValue(encodeValue(read)), read));
    assert.ok(same(cborX.decode(encodeValue(read)), read));
  });

  test.each(diffs)('%s comes back byte for byte', name => {
    expect(hex(encodePatch(decodePatch(file(name))))).toBe(hex(file(name)));
  });
});

describe('patches', () => {
  test('the example of the protocol', () => {
    expect(hex(encodePatch(patchFromJson({ list: { $array: [1, -1, ['new']] } })))).toBe('a1646c697374d9fa02830120' + '81636e6577');
  });

  test.each<[unknown, string]>([
    [{ $array: [{ put: 0 }, 2, { take: 1 }] }, 'd9fa0283' + 'a16370757400' + '02' + 'a16474616b6501'],
    [{ $text: [{ insert: 'a', joins: 1 }] }, 'd9fa0181' + 'a266696e736572746161656a6f696e7301'],
    [{ $array: [{ insert: [1], joins: 2 }] }, 'd9fa0281' + 'a266696e736572748101656a6f696e7302'],
    [{ $array: [{ take: 2 }, { put: 0, count: 2 }] }, 'd9fa0282' + 'a16474616b6502' + 'a26370757400' + '65636f756e7402'],
    [{ $increment: -2 }, 'd9fa0821'],
    [{ $entries: [1, -1, ['a']] }, 'd9fa09830120816161'],
  ])('%j is written %s', (json, bytes) => {
    expect(hex(encodePatch(patchFromJson(json)))).toBe(bytes);
    expect(decodePatch(Buffer.from(bytes, 'hex'))).toEqual(patchFromJson(json));
  });

  test.each([
    ['an increment by a text', 'd9fa086161'],
    ['a step with another word', 'd9fa0281a1617801'],
    ['a step that says nothing', 'd9fa0281a0'],
    ['a step that only counts', 'd9fa0281a165636f756e7402'],
    ['a step that takes a text', 'd9fa0281a16474616b656161'],
    ['a step that inserts a text among elements', 'd9fa0281a166696e736572746161'],
    ['a joined insert that joins nothing', 'd9fa0181a166696e736572746161'],
  ])('%s is no CBOR of ours', (_, bytes) => {
    expect(() => decodePatch(Buffer.from(bytes, 'hex'))).toThrow('no CBOR of ours');
  });
});

test('diffs in what is told of a version are in their JSON form', () => {
  const meta = { previousValues: { title: { $text: [3, -1, 'x'] }, list: { $array: [1, ['new']] }, all: { $replace: { a: 1 } } } };
  const tagged = (tag: number, value: unknown) => [0xd9, tag >> 8, tag & 255, ...encodeValue(value)];
  const text = (word: string) => [...encodeValue(word)];
  const previous = [
    0xa3, ...text('all'), ...tagged(64003, { a: 1 }), ...text('list'), ...tagged(64002, [1, ['new']]), ...text('title'), ...tagged(64001, [3, -1, 'x']),
  ];
  expect(decodeValue(Uint8Array.from([0xa1, ...text('previousValues'), ...previous]))).toEqual(meta);
});

describe('what is no CBOR of ours', () => {
  test.each(['', '18', '5801', '9a00ffffff', 'a101', 'c6', 'd9fa0401', '0001', '9f01ff', 'ff', 'a2616101', 'd81c80', '63ff0000', 'fb00'])('%s is an error', bytes => {
    expect(() => decodeValue(Buffer.from(bytes, 'hex'))).toThrow('no CBOR of ours');
  });

  test('random bytes never do more than throw that', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
        for (const read of [decodeValue, decodePatch, decodeAnswer]) {
          try {
            read(bytes);
          } catch (error) {
            expect((error as Error).message).toContain('no CBOR of ours');
          }
        }
      }),
      { numRuns: 5_000 },
    );
  });

  test('nor do a million brackets', () => {
    expect(() => decodeValue(new Uint8Array(1 << 20).fill(0x81))).toThrow('deeper');
  });
});
