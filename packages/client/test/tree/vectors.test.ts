import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { apply, PatchError } from '../../src/tree/apply.js';
import { decodePatch } from '../../src/tree/decode.js';
import { diff } from '../../src/tree/diff.js';
import { encodePatch } from '../../src/tree/encode.js';
import { own } from '../../src/tree/own.js';
import { copy, patchFromJson, valueFromJson } from '../json.js';

interface Vector {
  name: string;
  base: unknown;
  patch: unknown;
  result?: unknown;
  error?: true;
}

const casesOf = (file: string) =>
  (JSON.parse(readFileSync(new URL(`../../../../tests/vectors/${file}`, import.meta.url), 'utf8')) as { cases: Vector[] }).cases;

describe.each(['diffs.json', 'intention.json'])('the vectors that Rust reads too, %s,', file => {
  for (const { name, base: from, patch: json, result, error } of casesOf(file)) {
    test(name, () => {
      const base = own(valueFromJson(from));
      const patch = patchFromJson(json);
      if (error) {
        expect(() => apply(base, patch)).toThrow(PatchError);
        return;
      }
      const next = valueFromJson(result);
      assert.deepStrictEqual(apply(base, patch), next);
      // The same by way of CBOR, and with a patch of our own.
      assert.deepStrictEqual(apply(base, decodePatch(encodePatch(patch))), next);
      const change = diff(base, copy(next));
      assert.deepStrictEqual(change ? apply(base, decodePatch(encodePatch(change.patch))) : base, next);
      assert.deepStrictEqual(change ? change.tree : base, next);
    });
  }
});
