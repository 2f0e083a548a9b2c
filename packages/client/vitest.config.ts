import { compile, compileModule } from 'svelte/compiler';
import { defineConfig } from 'vitest/config';

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
  // Svelte's runtime for browsers, not that for servers.
  resolve: { conditions: ['browser'] },
  test: { include: ['test/**/*.test.{ts,tsx}'], server: { deps: { inline: ['svelte'] } } },
});
