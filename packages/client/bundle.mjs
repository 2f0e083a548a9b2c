// How the scripts of `dist` are made of `src`: for `build.mjs`, and for the test of what is shipped.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { build } from 'esbuild';
import { minify } from 'terser';

const common = {
  bundle: true,
  format: 'esm',
  target: ['es2022'],
  splitting: true,
  minify: true,
  metafile: true,
  logLevel: 'warning',
  chunkNames: '[name]-[hash]',
  external: ['react', 'react/*', 'svelte', 'svelte/*'],
};

export const entryPoints = {
  index: 'src/index.ts',
  worker: 'src/worker.ts',
  'svelte/index': 'src/svelte/index.ts',
  'react/index': 'src/react/index.ts',
  'text/index': 'src/text/index.ts',
  'trpc/index': 'src/trpc/index.ts',
};

/** As esbuild's `build` does, and after it terser, which makes the same scripts another three percent smaller in brotli. */
export async function bundle({ write = true, external = [], ...options }) {
  const made = await build({ ...common, ...options, external: [...common.external, ...external], write: false });
  const texts = new Map(made.outputFiles.map(({ path, text }) => [path, text]));
  for (const path of [...texts.keys()].filter(path => path.endsWith('.js'))) {
    const map = `${path}.map`;
    const { code, map: next } = await minify(texts.get(path), {
      module: true,
      ecma: 2022,
      // `use client` is one that stays. Comparisons that are written alike are compressed better than those with the constant first.
      compress: { passes: 3, directives: false, lhs_constants: false },
      sourceMap: texts.has(map) && { content: texts.get(map), url: map.slice(dirname(map).length + 1) },
    });
    // An address that is only known then, which bundlers of apps are to leave alone. Both that make it smaller drop such words.
    texts.set(path, code.replaceAll('import(`', 'import(/* webpackIgnore: true *//* @vite-ignore */`'));
    if (next) texts.set(map, next);
  }
  if (write) {
    for (const [path, text] of texts) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
  }
  return { metafile: made.metafile, texts };
}
