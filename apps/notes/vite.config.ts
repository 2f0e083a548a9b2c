import { svelte } from '@sveltejs/vite-plugin-svelte';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { compress } from './vite-compress.ts';
import { precache } from './vite-precache.ts';

const server = process.env.TIMEWEFT_URL ?? 'http://127.0.0.1:8080';
const local = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [svelte({ configFile: false }), precache(), compress()],
  resolve: {
    // The linked package has a Svelte of its own next to it; signals of two copies do not see each other.
    dedupe: ['svelte'],
    // In tests, too, Svelte's runtime for browsers and not that for servers.
    ...(process.env.VITEST && { conditions: ['browser'] }),
  },
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    // A strict content security policy has no room for data: fonts, scripts or wasm.
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: { index: local('./index.html'), sw: local('./src/sw.ts') },
      output: {
        // A service worker is found by its address, so that one has no hash.
        entryFileNames: (chunk) => (chunk.name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  server: {
    fs: { allow: ['.', '../../packages/client'] },
    proxy: Object.fromEntries(
      ['/connect', '/message', '/api', '/login', '/logout', '/me', '/health'].map((path) => [
        path,
        { target: server, ws: path === '/connect' },
      ]),
    ),
  },
  test: { include: ['test/**/*.test.ts'] },
});
