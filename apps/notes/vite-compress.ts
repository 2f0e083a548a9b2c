import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';
import type { Plugin } from 'vite';

const TEXTUAL = /\.(css|html|js|json|svg|txt|wasm|webmanifest)$/;

/** Writes `FILE.br` beside what browsers load: `timeweft serve --assets` sends it to those who take brotli. */
export function compress(): Plugin {
  let folder = '';
  return {
    name: 'compress',
    apply: 'build',
    configResolved(config) {
      folder = join(config.root, config.build.outDir);
    },
    closeBundle: {
      order: 'post',
      sequential: true,
      async handler() {
        for (const name of await readdir(folder, { recursive: true })) {
          const path = join(folder, name);
          // A packet more or less is no gain.
          if (!TEXTUAL.test(name) || (await stat(path)).size < 1400) continue;
          const whole = await readFile(path);
          const params = { [constants.BROTLI_PARAM_SIZE_HINT]: whole.length };
          await writeFile(`${path}.br`, await promisify(brotliCompress)(whole, { params }));
        }
      },
    },
  };
}
