// `timeweft/trpc`: the example of the package's README runs as it stands, and the built module brings no code with it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { Server } from '../browser/server.mjs';
import { Person } from './person.mjs';

const client = fileURLToPath(new URL('../../packages/client/', import.meta.url));

let server;
before(async () => (server = await Server.start()));
after(() => server.stop());

test('the example of the README does what it says', async t => {
  const person = await Person.signIn(server.url);
  const { outputFiles: [{ text }] } = await build({
    entryPoints: [`${client}examples/trpc.ts`], bundle: true, write: false, format: 'esm', platform: 'browser', nodePaths: [fileURLToPath(new URL('node_modules', import.meta.url))],
  });
  // What a browser does by itself: the page's origin, and its cookie.
  const { fetch } = globalThis;
  const said = [];
  t.mock.method(globalThis, 'fetch', (path, init) => fetch(server.url + path, { ...init, headers: { ...init.headers, cookie: person.cookie } }));
  t.mock.method(console, 'log', (...what) => said.push(what));
  await import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`);
  assert.deepEqual(said, [[['3: Tea', '2: Green tea', '1: Tea'], ['Tea']]]);
});

test('what is built of it is nothing but types', () => {
  const code = readFileSync(`${client}dist/trpc/index.js`, 'utf8').replace(/^\/\/#.*$/gm, '').trim();
  assert.equal(code, '');
  const types = readFileSync(`${client}dist/trpc/index.d.ts`, 'utf8');
  assert.match(types, /export type NotesRouter =/);
  assert.deepEqual([...types.matchAll(/^import (type )?.*$/gm)].map(([, only]) => only), ['type ']);
});
