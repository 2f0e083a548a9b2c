/** What is shipped, which is minified, as opposed to what the other tests run. */

import { build } from 'esbuild';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
// @ts-expect-error: a script of the build, without types
import { common, entryPoints } from '../bundle.mjs';
import type * as Timeweft from '../src/index.js';

const outdir = mkdtempSync(join(tmpdir(), 'timeweft-dist-'));

beforeAll(async () => {
  const { worker: _, ...pages } = entryPoints;
  const absWorkingDir = fileURLToPath(new URL('..', import.meta.url));
  // The glue of the wasm, which not every machine has built.
  await build({ ...common, external: [...common.external, '../wasm/replica.js'], entryPoints: pages, outdir, absWorkingDir });
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
