// `cargo xtask bench client`: what an edit costs in the tab, and how soon it is elsewhere, in Chromium against `timeweft serve`; beside it the same
// edit with Yjs and Automerge. Everything runs on one machine and shares its processors.

import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Somebody } from '../../tests/browser/client.mjs';
import { Server } from '../../tests/browser/setup.mjs';
import { buildSite } from '../../tests/browser/site.mjs';
import { SHAPES, table } from './documents.mjs';
import { heading, report } from './report.mjs';

/** In bytes of CBOR. */
const SIZES = { '1KB': 1_000, '50KB': 50_000, '1MB': 1_000_000 };
/** Of one table: made, and not counted since they come first. */
const EDITS = 450;
const PEER_EDITS = 250;
const WARM_UP = 50;
/** Between an edit that is saved and the next, in milliseconds; with Yjs and Automerge, which wait for nothing, between two edits. */
const WAIT = 8;
const PEER_WAIT = 4;
const LONGEST = 300_000;

const { sizes, shapes } = chosen();
const require = createRequire(import.meta.url);
const { Encoder } = createRequire(new URL('../../packages/client/package.json', import.meta.url))('cbor-x');
const cbor = new Encoder({ useRecords: false });
const site = mkdtempSync(join(tmpdir(), 'timeweft-bench-'));
const people = [];
let server;
try {
  await buildSite(site, fileURLToPath(new URL('site/main.js', import.meta.url)));
  cpSync(require.resolve('@automerge/automerge/automerge.wasm'), join(site, 'automerge.wasm'));
  server = await Server.start({ assets: site });
  await Promise.race([run(), deadline()]);
} finally {
  for (const somebody of people) await somebody.leave();
  await server?.stop();
  rmSync(site, { recursive: true, force: true });
}

function chosen() {
  const given = parseArgs({ options: { size: { type: 'string', multiple: true }, shape: { type: 'string', multiple: true } } }).values;
  const among = (name, all) => {
    for (const value of given[name] ?? []) if (!all.includes(value)) throw new Error(`--${name} is one of ${all.join(', ')}, not ${value}`);
    return given[name] ?? all;
  };
  return { sizes: among('size', Object.keys(SIZES)), shapes: among('shape', SHAPES) };
}

async function deadline() {
  await sleep(LONGEST, undefined, { ref: false });
  throw new Error(`not done after ${LONGEST / 1000} s`);
}

async function run() {
  // The others' browser first, so that the busiest is the youngest.
  for (const email of ['bob@example.org', 'ada@example.org']) people.push(await Somebody.at(server.url, email, { prepare }));
  const [bob, ada] = people;
  const tabs = { own: ada.first, second: await ada.tab(), other: bob.first };
  const started = Date.now();
  const versions = { Chromium: ada.context.browser()?.version(), Yjs: version('yjs'), Automerge: version('@automerge/automerge') };
  console.log(heading({ versions, edits: EDITS - WARM_UP, peerEdits: PEER_EDITS - WARM_UP, processors: cpus(), load: loadavg()[0] }));
  for (const shape of shapes) {
    const columns = [];
    for (const size of sizes) columns.push(await measure(tabs, shape, size));
    console.log(report(shape, columns, WARM_UP));
  }
  for (const { errors } of people) if (errors.length) throw errors[0];
  console.log(`${((Date.now() - started) / 1000).toFixed(0)} s; load ${loadavg()[0].toFixed(2)} of ${cpus().length} processors at the end`);
}

async function measure({ own, second, other }, shape, size) {
  const { rows, bytes } = document(shape, SIZES[size]);
  const id = `note:bench-${shape}-${size}`;
  const call = (tab, name, options) => tab.page.evaluate(([name, options]) => bench[name](options), [name, { id, shape, rows, wait: WAIT, ...options }]);
  await call(own, 'watch');
  await call(own, 'create');
  for (const tab of [second, other]) {
    await call(tab, 'watch');
    if (!(await call(tab, 'loaded'))) throw new Error(`${id} is not there for ${tab.somebody.email}`);
  }
  const edits = await call(own, 'edit', { count: EDITS });
  for (const tab of [second, other]) await call(tab, 'seen', { count: EDITS });
  const [here, there, elsewhere] = await Promise.all([own, second, other].map(tab => call(tab, 'noted')));
  const peers = await call(own, 'peers', { count: PEER_EDITS, wait: PEER_WAIT });
  return { size, rows, bytes, edits, here, there, elsewhere, peers };
}

/** As many rows as make so many bytes, or a little more. */
function document(shape, least) {
  const measured = rows => ({ rows, bytes: cbor.encode(table(shape, rows)).length });
  let [rows, step] = [1, 4096];
  for (; step >= 1; step /= 2) if (measured(rows + step).bytes < least) rows += step;
  return measured(rows + 1);
}

/** Gives the pages a clock of 5 µs (of 100 µs it would be without isolation from other origins). */
async function prepare(context) {
  const headers = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
  await context.route(`${server.url}/`, async route => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), ...headers } });
  });
}

function version(name) {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;
}
