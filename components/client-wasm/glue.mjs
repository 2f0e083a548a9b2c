// Makes of the module that cargo builds here what `packages/client` takes in: the module made smaller, JavaScript glue, and types.
// `cargo xtask build` calls it: node glue.mjs MODULE FOLDER. Why these tools: docs/decisions/009-client-glue.md.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { componentNew, transpile } from '@bytecodealliance/jco';

// What rustc uses for wasm32-unknown-unknown, and all browsers know.
const FEATURES = ['bulk-memory', 'multivalue', 'mutable-globals', 'nontrapping-float-to-int', 'reference-types', 'sign-ext'];

// The glue can fetch the module by itself. Ours never does, and bundlers would take the template URL for a folder to copy.
const OWN_FETCH = 'if (!getCoreModule) getCoreModule = (name) => fetchCompile(new URL(`./${name}`, import.meta.url));';

const [module, output] = process.argv.slice(2);
const component = await componentNew(smaller(module), []);
const { files } = await transpile(component, {
  name: 'replica',
  // Who instantiates it says how the module is fetched.
  instantiation: 'async',
  nodejsCompat: false,
  base64Cutoff: 0,
  namespacedExports: false,
  validLiftingOptimization: true,
});
for (const [name, content] of Object.entries(files)) {
  const path = join(output, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, name === 'replica.js' ? withoutOwnFetch(content) : content);
}

/** The module as wasm-opt leaves it: an eighth less to compile, and some KB less to load. */
function smaller(path) {
  const folder = mkdtempSync(join(tmpdir(), 'timeweft-glue-'));
  try {
    const optimized = join(folder, 'module.wasm');
    const program = fileURLToPath(import.meta.resolve('binaryen/bin/wasm-opt'));
    const features = FEATURES.map(feature => `--enable-${feature}`);
    const passes = ['--flatten', '--rereloop', '-Oz', '-Oz'];
    execFileSync(process.execPath, [program, ...passes, ...features, path, '-o', optimized], { stdio: ['ignore', 'inherit', 'inherit'] });
    return readFileSync(optimized);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function withoutOwnFetch(content) {
  const glue = Buffer.from(content).toString();
  if (!glue.includes(OWN_FETCH)) throw new Error(`the glue looks otherwise than it did: ${OWN_FETCH} is not in it`);
  return glue.replace(OWN_FETCH, '');
}
