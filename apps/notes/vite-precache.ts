// Tells the service worker what the app consists of: after a build, every file in the output folder is written into
// `sw.js` together with a hash over all of them, so that any change makes a new service worker.

import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { Plugin } from 'vite';

export function precache(): Plugin {
  return {
    name: 'precache',
    apply: 'build',
    enforce: 'post',
    writeBundle: {
      order: 'post',
      sequential: true,
      handler({ dir }) {
        if (!dir) return;
        const worker = join(dir, 'sw.js');
        const files = readdirSync(dir, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => relative(dir, join(entry.parentPath, entry.name)).split(sep).join('/'))
          .filter((path) => path !== 'sw.js' && !path.endsWith('.map'))
          .sort();
        const hash = createHash('sha256');
        for (const file of files) hash.update(file).update('\0').update(readFileSync(join(dir, file)));
        hash.update(readFileSync(worker));
        const source = readFileSync(worker, 'utf8');
        const filled = source
          .replace(/(["'`])__VERSION__\1/, () => JSON.stringify(hash.digest('hex').slice(0, 16)))
          .replace(/(["'`])__FILES__\1/, () => JSON.stringify(files.map((file) => (file === 'index.html' ? '/' : `/${file}`)).join(' ')));
        if (/__(VERSION|FILES)__/.test(filled)) this.error('sw.js has lost its place for the version or the files');
        writeFileSync(worker, filled);
      },
    },
  };
}
