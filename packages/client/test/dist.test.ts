/** What is shipped, which is minified, as opposed to what the other tests run. */

import type { Metafile } from 'esbuild';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
// @ts-expect-error: a script of the build, without types
import { bundle, entryPoints } from '../bundle.mjs';
import type * as Timeweft from '../src/index.js';

/** What each module that is shipped imports from elsewhere. */
let imports: Record<string, string[]>;

const outdir = mkdtempSync(join(tmpdir(), 'timeweft-dist-'));

beforeAll(async () => {
  const { worker: _, ...pages } = entryPoints;
  const absWorkingDir = fileURLToPath(new URL('..', import.meta.url));
  // The glue of the wasm, which not every machine has built.
  const { metafile }: { metafile: Metafile } = await bundle({ external: ['../wasm/replica.js'], entryPoints: pages, outdir, absWorkingDir });
  const modules = Object.entries(metafile.outputs).map(([path, output]) => {
    const names = output.imports.filter(({ external, path: name }) => external && name !== '../wasm/replica.js').map(({ path: name }) => name);
    return [path.split('/').slice(-2).join('/'), names] as const;
  });
  imports = Object.fromEntries(modules.filter(([, names]) => names.length > 0));
});
afterAll(() => rmSync(outdir, { recursive: true }));

test('errors have the names that are documented', async () => {
  const shipped = (await import(/* @vite-ignore */ pathToFileURL(join(outdir, 'index.js')).href)) as typeof Timeweft;
  const classes = Object.entries(shipped).filter(([, value]) => typeof value === 'function' && value.prototype instanceof Error);
  expect(classes.length).toBeGreaterThan(10);
  for (const [name, value] of classes) expect((value as typeof Error).prototype.name).toBe(name);
  const error = new shipped.ConflictError('conflict', 'both');
  expect(String(error)).toBe('ConflictError: both');
  expect(Object.keys(error)).toEqual(['code']);
});

test('hooks are for client components: that is the first statement', () => {
  expect(readFileSync(join(outdir, 'react/index.js'), 'utf8')).toMatch(/^["']use client["'];/);
});

test('without a bundler a page finds all that the modules import, but for frameworks', () => {
  expect(Object.keys(imports).sort()).toEqual(['react/index.js', 'svelte/index.js']);
  expect(new Set(Object.values(imports).flat())).toEqual(new Set(['react', 'svelte/reactivity']));
});
