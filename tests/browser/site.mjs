// Builds pages for the tests, as an app's bundler would: a script, and what the package ships.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Server } from './server.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const client = join(here, '../../packages/client');
const require = createRequire(join(client, 'package.json'));

/** Who does the client's work, in words and as options of `Somebody.at`. */
export const MODES = { 'in a SharedWorker': {}, 'in a tab, without SharedWorker': { noSharedWorker: true } };

/** A server with the page of the client's tests, for the tests of the file that calls this: there once they run. */
export function servedSite() {
  const site = mkdtempSync(join(tmpdir(), 'timeweft-site-'));
  const served = {};
  before(async () => {
    await buildSite(site);
    served.server = await Server.start({ assets: site });
  });
  after(async () => {
    await served.server?.stop();
    rmSync(site, { recursive: true, force: true });
  });
  return served;
}

/** The folder of the package's examples. */
export const examples = join(client, 'examples');

/** Into `folder`, for `timeweft serve --assets`: the page of the client's tests, or with another script, or another page. */
export async function buildSite(folder, main = join(here, 'site/main.js'), page = join(here, 'site/index.html')) {
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
    alias: { 'timeweft/text': join(dist, 'text/index.js'), timeweft: join(dist, 'index.js') },
  });
  cpSync(page, join(folder, 'index.html'));
  for (const file of readdirSync(dist).filter(name => name.endsWith('.wasm'))) cpSync(join(dist, file), join(folder, file));
  return readFileSync(join(folder, basename(main))).length;
}
