// Makes `dist`: the scripts, their types and the replica's wasm beside them. Called by `cargo xtask build`, which has put the wasm and
// its glue into `src/wasm` before. Ends with what a browser has to load, in brotli, and fails where that is more than we promise.

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import { bundle, entryPoints } from './bundle.mjs';

process.chdir(fileURLToPath(new URL('.', import.meta.url)));

const WASM = 'replica.core.wasm';
const GLUE = 'src/wasm/replica.js';

/** In bytes of brotli. */
const LIMITS = { tab: 20_000, scripts: 11_500, host: 120_000 };

for (const file of [GLUE, `src/wasm/${WASM}`]) {
  if (!existsSync(file)) fail(`${file} is not there; \`cargo xtask build\` makes it and then calls this script`);
}

rmSync('dist', { recursive: true, force: true });
const { metafile } = await bundle({ entryPoints, outdir: 'dist', sourcemap: true });
copyFileSync(`src/wasm/${WASM}`, `dist/${WASM}`);
// What it is under, and what is bundled with it.
for (const file of ['LICENSE-MIT', 'LICENSE-APACHE']) copyFileSync(`../../${file}`, `dist/${file}`);
copyFileSync('node_modules/idb/LICENSE', 'dist/LICENSE-idb');
// Not `npx`, which would fetch a compiler where none is installed.
const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
execFileSync(process.execPath, [join(dirname(typescript), 'bin/tsc'), '-p', 'tsconfig.build.json'], { stdio: 'inherit' });

// The tab once more, by itself: as an app that uses neither Svelte nor React loads it.
const tab = await bundle({ entryPoints: ['src/index.ts'], outdir: 'measured', write: false });
// The names of chunks are hashes of what is in them: as brotli happens to like them it is 50 bytes more or less.
const steady = text => Buffer.from(text.replace(/-[0-9A-Z]{8}\.js/g, '-00000000.js'));
const tabSizes = [...reachable(tab.metafile, 'measured/index.js', false)].map(path => compressed(steady(tab.texts.get(join(process.cwd(), path)))));

const scripts = [...reachable(metafile, 'dist/worker.js', true)];
const isGlue = path => GLUE in metafile.outputs[path].inputs;
const size = paths => sum(paths.map(path => compressed(readFileSync(path))));
const sizes = {
  tab: sum(tabSizes),
  scripts: size(scripts.filter(path => !isGlue(path))),
  glue: size(scripts.filter(isGlue)),
  wasm: size([`dist/${WASM}`]),
};

const within = [
  report('what a tab loads', sizes.tab, LIMITS.tab),
  report('worker and host', sizes.scripts, LIMITS.scripts),
  report('glue', sizes.glue),
  report('wasm', sizes.wasm),
  report('worker, host, glue and wasm', sizes.scripts + sizes.glue + sizes.wasm, LIMITS.host),
];
if (within.includes(false)) fail('too large');

/** An output and what it imports; `lazily`: also what it imports when that is needed. */
function reachable(metafile, start, lazily, seen = new Set()) {
  seen.add(start);
  for (const { path, kind, external } of metafile.outputs[start].imports) {
    if (!external && !seen.has(path) && (lazily || kind !== 'dynamic-import')) reachable(metafile, path, lazily, seen);
  }
  return seen;
}

function compressed(bytes) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return brotliCompressSync(bytes, { params }).length;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function report(what, bytes, limit) {
  const kilobytes = number => `${(number / 1000).toFixed(1)} KB`;
  console.log(`${what.padEnd(36)} ${kilobytes(bytes).padStart(8)}${limit ? ` of ${kilobytes(limit)}` : ''}`);
  return limit === undefined || bytes <= limit;
}

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}
