// How the scripts of `dist` are made of `src`: for `build.mjs`, and for the test of what is shipped.

/** Options of esbuild. */
export const common = {
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
