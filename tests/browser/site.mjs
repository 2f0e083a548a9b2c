// Builds the page of the client's tests, as an app's bundler would: what the package ships, and cbor-x.

import { cpSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const client = join(here, '../../packages/client');
const require = createRequire(join(client, 'package.json'));

/** Into `folder`, for `timeweft serve --assets`. `main`: another script for the page. */
export async function buildSite(folder, main = join(here, 'site/main.js')) {
  mkdirSync(folder, { recursive: true });
  const dist = join(client, 'dist');
  const { build } = require('esbuild');
  await build({
    entryPoints: [main, join(dist, 'worker.js')],
    entryNames: '[name]',
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    logLevel: 'error',
    alias: { timeweft: join(dist, 'index.js'), 'cbor-x': join(client, 'node_modules/cbor-x') },
  });
  cpSync(join(here, 'site/index.html'), join(folder, 'index.html'));
  for (const file of readdirSync(dist).filter(name => name.endsWith('.wasm'))) cpSync(join(dist, file), join(folder, file));
  return readFileSync(join(folder, 'main.js')).length;
}
