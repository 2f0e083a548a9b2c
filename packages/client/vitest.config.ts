import { compile, compileModule } from 'svelte/compiler';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL('./src/', import.meta.url)) + path;

/** Components of the tests: no more of Svelte's tooling is needed for them. */
const svelte = {
  name: 'svelte-components',
  transform(code: string, id: string) {
    const [filename = id] = id.split('?');
    if (filename.endsWith('.svelte')) return { code: compile(code, { filename, generate: 'client', css: 'injected', dev: false }).js.code };
    if (filename.endsWith('.svelte.ts') || filename.endsWith('.svelte.js')) return { code: compileModule(code, { filename, generate: 'client', dev: false }).js.code };
    return undefined;
  },
};

export default defineConfig({
  plugins: [svelte],
  resolve: {
    // Svelte's runtime for browsers, not that for servers.
    conditions: ['browser'],
    // The examples are written as apps are.
    alias: [
      { find: /^timeweft$/, replacement: source('index.ts') },
      { find: /^timeweft\/(svelte|react|text)$/, replacement: source('$1/index.ts') },
    ],
  },
  // A test that fails says so at once; on a busy machine one that only works takes its time.
  test: { include: ['test/**/*.test.{ts,tsx}'], testTimeout: 120_000, hookTimeout: 120_000, server: { deps: { inline: ['svelte'] } } },
});
