// PATCH with JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396), by the collections that their readers share.
//
// npm json-patch-test-suite has two: tests.json, and spec_tests.json, which is appendix A of RFC 6902. Any JSON value may
// be an entity's value, so each document of the collection is one as it stands. Cases that the collection has switched
// off are run too, where a patch can be sent that has what they are about; KEYS_TWICE says which can't.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { Server } from './setup.mjs';

const suite = name => JSON.parse(readFileSync(createRequire(import.meta.url).resolve(`json-patch-test-suite/${name}`), 'utf8'));

// JSON.parse keeps the last of two members of one name, so what these send isn't what they say; their point is tested below.
const KEYS_TWICE = ['duplicate ops', 'A.13 Invalid JSON Patch Document'];

let server, ada;
before(async () => {
  server = await Server.start();
  ada = await server.signIn('ada@example.org');
});
after(() => server.stop());

const patch = (note, type, body) =>
  ada.ask('PATCH', note.path, { body, type, headers: { 'If-Unmodified-Since': note.version } });
const operations = (note, body) => patch(note, 'application/json-patch+json', body);
const merge = (note, body) => patch(note, 'application/merge-patch+json', body);

for (const name of ['tests.json', 'spec_tests.json']) {
  describe(`JSON Patch: ${name}`, () => {
    for (const [index, { comment, doc, patch, expected, error }] of suite(name).entries()) {
      if (KEYS_TWICE.includes(comment)) continue;
      test(`${index}: ${comment ?? error ?? JSON.stringify(patch)}`, async () => {
        const note = await ada.note(doc);
        const answer = await operations(note, patch);
        if (error !== undefined) {
          const failsATest = answer.status === 409 && answer.body.error.code === 'test-failed';
          assert.ok(answer.status === 400 || failsATest, `${answer.status} ${answer.text}`);
          assert.deepEqual(await ada.value(note.path), doc, 'nothing changed');
        } else {
          assert.equal(answer.status, 200, answer.text);
          assert.deepEqual(await ada.value(note.path), expected ?? doc);
        }
      });
    }
  });
}

test('JSON Patch: an operation with a member twice is refused', async () => {
  const note = await ada.note({ baz: 'qux' });
  const answer = await fetch(server.url + note.path, {
    method: 'PATCH',
    headers: { ...ada.headers, 'Content-Type': 'application/json-patch+json', 'If-Unmodified-Since': note.version },
    body: '[{"op":"add","path":"/baz","value":"qux","op":"remove"}]',
  });
  assert.equal(answer.status, 400);
  assert.match((await answer.json()).error.message, /"op" is there twice/);
});

// RFC 7396, appendix A: original, patch, result.
const MERGES = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [['a', 'b'], ['c', 'd'], ['c', 'd']],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

describe('Merge Patch: RFC 7396, appendix A', () => {
  for (const [original, body, result] of MERGES) {
    test(`${JSON.stringify(original)} with ${JSON.stringify(body)}`, async () => {
      const note = await ada.note(original);
      const answer = await merge(note, body);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(await ada.value(note.path), result);
    });
  }
});

test('patches made at the same time merge where they are apart and conflict where they are not', async () => {
  const note = await ada.note({ title: 'Weft', tags: ['b'] });
  const bob = await server.signIn('bob@example.org');
  const byBob = await bob.ask('PATCH', note.path, {
    type: 'application/merge-patch+json', body: { title: 'Warp' }, headers: { 'If-Match': `"${note.version}"` },
  });
  assert.equal(byBob.status, 200);
  const apart = await operations(note, [{ op: 'add', path: '/tags/0', value: 'a' }]);
  assert.deepEqual([apart.status, apart.body.diff.title], [200, 'Warp']);
  assert.deepEqual(await ada.value(note.path), { title: 'Warp', tags: ['a', 'b'] });
  const same = await operations(note, [{ op: 'replace', path: '/title', value: 'Woof' }]);
  assert.deepEqual([same.status, same.body.error.code, same.body.diff.title], [409, 'conflict', 'Warp']);
});

test('twenty copies that double a document are 413 and leave the server answering', async () => {
  const note = await ada.note({ a: 'x'.repeat(1000) });
  const answer = await operations(note, Array.from({ length: 30 }, (_, n) => ({ op: 'copy', from: '', path: `/${n}` })));
  assert.deepEqual([answer.status, answer.body.error.code], [413, 'too-large']);
  const deep = await operations(note, Array.from({ length: 200 }, () => ({ op: 'copy', from: '', path: '/a' })));
  assert.deepEqual([deep.status, deep.body.error.code], [413, 'too-large']);
  assert.equal((await ada.ask('GET', note.path)).status, 200);
});
