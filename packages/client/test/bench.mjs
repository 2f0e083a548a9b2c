// How long a tab takes, and how much of it there is to load: `npm run bench`.
import { performance } from 'node:perf_hooks'
import { brotliCompressSync } from 'node:zlib'
import { build } from 'esbuild'

const bundle = async (stdin, options = {}) => {
  const { outputFiles } = await build({
    stdin: { contents: stdin, resolveDir: new URL('..', import.meta.url).pathname },
    bundle: true, write: false, format: 'esm', target: 'es2022', minify: true, legalComments: 'none', logLevel: 'error', ...options,
  })
  return outputFiles[0].contents
}

const sizes = {
  'index.js, all a tab loads': [`export * from './src/index.ts'`, { external: ['./lead.js'] }],
  'of that, values and diffs': [`export * from './src/tree/diff.ts'; export * from './src/tree/apply.ts'; export * from './src/tree/encode.ts'; export * from './src/tree/decode.ts'`],
  'react, with what it shares': [`export * from './src/react/index.ts'`, { external: ['react'] }],
  'svelte, with what it shares': [`export * from './src/svelte/index.ts'`, { external: ['svelte/*'] }],
}
for (const [name, [code, options]] of Object.entries(sizes)) {
  const bytes = await bundle(code, options)
  console.log(`${name}: ${bytes.length} bytes, ${brotliCompressSync(bytes).length} brotli`)
}

const code = await bundle(
  `export { diff, reconcile } from './src/tree/diff.ts'; export { produce } from './src/tree/draft.ts'; export { apply } from './src/tree/apply.ts'
   export { encodeValue, encodePatch } from './src/tree/encode.ts'; export { decodeValue, decodePatch } from './src/tree/decode.ts'; export { Side } from './src/side.ts'`,
  { external: ['./host/index.js'] },
)
const t = await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`)

let count = 0
const time = (name, runs, run) => {
  for (let i = 0; i < Math.max(3, runs / 4); i += 1) run((count += 1))
  const times = Array.from({ length: runs }, () => {
    const start = performance.now()
    run((count += 1))
    return performance.now() - start
  }).sort((a, b) => a - b)
  const at = share => (times[Math.floor(share * (runs - 1))] * 1000).toFixed(1)
  console.log(`${name}: p50 ${at(0.5)} µs, p99 ${at(0.99)} µs`)
}

const rows = Array.from({ length: 3_448 }, (_, id) => ({ id, title: `Row ${id}`, text: 'x'.repeat(230), tags: ['one', 'two'], done: false }))
const bytes = t.encodeValue({ title: 'A document', rows })
console.log(`the document: ${bytes.length} bytes, ${rows.length} rows`)

let tree = t.decodeValue(bytes)
const update = recipe => {
  const change = t.diff(tree, t.produce(tree, recipe))
  const patch = t.encodePatch(change.patch)
  tree = change.tree
  return patch
}
time('update of a leaf (draft, diff, encode)', 2_000, i => update(draft => void (draft.rows[(i * 97) % 3_448].title = `T${i}`)))
time('update of a row that is looked for', 500, i => update(draft => void (draft.rows.find(row => row.id === 3_000).title = `T${i}`)))
time('update of the title', 2_000, i => update(draft => void (draft.title = `T${i}`)))
time('insertion of a row in the middle', 500, i => update(draft => void draft.rows.splice(1_700, 0, { id: 10_000 + i })))
time('set with a spread and map', 500, i => {
  const next = { ...tree, rows: tree.rows.map(row => (row.id === i % 3_448 ? { ...row, done: !row.done } : row)) }
  tree = t.diff(tree, next).tree
})
const patch = t.encodePatch({ kind: 'map', members: new Map([['rows', { kind: 'map', members: new Map([['5', { kind: 'map', members: new Map([['title', { kind: 'value', value: 'x' }]]) }]]) }]]) })
time('a foreign leaf (decode, apply)', 2_000, () => t.apply(tree, t.decodePatch(patch)))
time('set with all objects new (JSON clone)', 20, i => {
  const next = JSON.parse(JSON.stringify(tree))
  next.rows[i % 3_448].title = `N${i}`
  tree = t.diff(tree, next).tree
})
time('decode of all', 20, () => t.decodeValue(bytes))
time('encode of all', 20, () => t.encodeValue(tree))
const fresh = () => t.decodeValue(bytes)
const olds = fresh()
time('reconcile with all (a reset)', 20, () => t.reconcile(olds, fresh()))
const long = 'one two three '.repeat(75_000)
time('typing into a text of 1 MB', 100, i => t.diff(long, `${long.slice(0, 500_000)}${i}${long.slice(500_000)}`))
