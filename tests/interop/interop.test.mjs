// What npm cbor-x and deep-object-diff write is read natively, and what is written natively they read.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Encoder, Tag } from 'cbor-x'
import { diff as objectDiff } from 'deep-object-diff'
import { apply } from './base-form.mjs'
import { hex, native, unhex } from './native.mjs'

const side = native()
after(() => side.close())

// As most take it from the documentation of cbor-x; and as clients of Timeweft should, so that a map is an object.
const records = new Encoder({ structuredClone: true })
const plain = new Encoder({ structuredClone: true, useRecords: false })

const shared = { x: [1, 2] }
const values = {
  'an object': { a: 1, b: 'x', c: { d: null } },
  'no members': {},
  'objects of one shape': [{ a: 1 }, { a: 2 }, { b: 3 }, { a: { a: 4 } }],
  'many members': Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`k${index}`, index])),
  'keys that are digits': { 1: 'a', 10: 'b', 2: 'c' },
  'text of every width': ['', 'a', 'é', '漢字', '😀', 'x'.repeat(70), 'y'.repeat(300), 'é'.repeat(70_000)],
  numbers: [0, 1, -1, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, -(2 ** 31), -(2 ** 32), -(2 ** 32) - 1, 1e12],
  'numbers that are no integers': [0.5, 0.1, 1.1, 1e300, 5e-324, Infinity, -Infinity, NaN, 2 ** 53, 2 ** 53 + 2],
  bigints: [0n, 1n, -1n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 64n) + 1n, 2n ** 64n, -(2n ** 70n), 3n ** 200n],
  truths: [true, false, null],
  undefined: { a: undefined, b: [undefined, 1] },
  dates: [0, 1, -1, 1_234_567_890_123, 1e12, -62_198_755_200_000, 8.64e15, -8.64e15].map((ms) => new Date(ms)),
  sets: [new Set(), new Set([1, 'a', { b: 1 }])],
  maps: { m: new Map([['a', 1], [2, { b: new Map([[null, new Set([1])]]) }]]), n: new Map() },
  bytes: { b: Buffer.from([0, 1, 255]), e: Buffer.alloc(0) },
  'typed arrays': [
    new Uint8Array([1, 2]), new Uint8ClampedArray([1, 255]), new Int8Array([-1]), new Uint16Array([1, 65_535]),
    new Int16Array([-2]), new Uint32Array([2 ** 32 - 1]), new Int32Array([-1]), new BigUint64Array([2n ** 64n - 1n]),
    new BigInt64Array([-1n]), new Float32Array([1.5]), new Float64Array([0.1]), new Uint8Array(0),
  ],
  'the same thing twice': { p: shared, q: shared, r: [shared, shared.x] },
  'the same array, map, set and date twice': (() => {
    const [array, map, set, date, words] = [[1], new Map([[1, 2]]), new Set([3]), new Date(5), new Uint16Array([1])]
    return { a: array, b: array, c: map, d: map, e: set, f: set, g: date, h: date, i: words, j: words }
  })(),
  'holes in an array': [1, , 3], // eslint-disable-line no-sparse-arrays
  'an own key called __proto__': JSON.parse('{"a":{"constructor":1,"toString":2}}'),
}

for (const [name, encoder] of Object.entries({ 'with records': records, 'without records': plain })) {
  for (const [kind, value] of Object.entries(values)) {
    test(`${kind} from cbor-x ${name} comes back equal`, async () => {
      // In an object, as in a message: alone, an untagged map could be a Map or an object.
      const answer = await side.ask({ do: 'value', cbor: hex(encoder.encode({ value })) })
      assert.equal(answer.error, undefined)
      assert.deepEqual(plain.decode(unhex(answer.cbor)).value, fill(value))
      const again = await side.ask({ do: 'value', cbor: answer.cbor })
      assert.equal(again.cbor, answer.cbor, 'what we write has one form')
    })
  }
}

/** CBOR has no holes: they are undefined. */
const fill = (value) => (Array.isArray(value) ? Array.from(value) : value)

test('values of JSON come back as JSON.stringify would write them', async () => {
  for (const value of [values['an object'], values.numbers, values['text of every width'], values.truths, 'a', 1.5, []]) {
    const { cbor } = await side.ask({ do: 'value-json', json: value })
    assert.deepEqual(plain.decode(unhex(cbor)), value)
    assert.deepEqual((await side.ask({ do: 'value', cbor })).json, value)
  }
  const date = new Date(1_234_567_890_123)
  assert.equal((await side.ask({ do: 'value', cbor: hex(plain.encode(date)) })).json, date.toJSON())
  for (const ms of [8.64e15, -8.64e15, -1, 253_402_300_800_000]) {
    const far = new Date(ms)
    assert.equal((await side.ask({ do: 'value', cbor: hex(plain.encode(far)) })).json, far.toJSON())
  }
})

test('an invalid date stays one', async () => {
  for (const encoder of [records, plain]) {
    const answer = await side.ask({ do: 'value', cbor: hex(encoder.encode({ at: new Date(NaN) })) })
    assert.ok(Number.isNaN(plain.decode(unhex(answer.cbor)).at.getTime()))
    assert.deepEqual(answer.json, { at: null })
  }
})

test('a cycle is refused', async () => {
  for (const encoder of [records, plain]) {
    const cycle = { a: 1 }
    cycle.self = cycle
    assert.match((await side.ask({ do: 'value', cbor: hex(encoder.encode(cycle)) })).error, /contains itself|cycle/)
  }
})

test('references that would expand without end are refused', async () => {
  let laughs = ['ha'.repeat(20)]
  for (let level = 0; level < 30; level += 1) laughs = [laughs, laughs]
  for (const encoder of [records, plain]) {
    assert.match((await side.ask({ do: 'value', cbor: hex(encoder.encode({ laughs })) })).error, /bytes/)
  }
})

test('what no value holds is refused', async () => {
  for (const value of [/a/g, new Error('x'), 'lone \ud800 surrogate']) {
    assert.ok((await side.ask({ do: 'value', cbor: hex(plain.encode({ value })) })).error, String(value))
  }
})

test('a request that cbor-x wrote with records is the request it wrote without', async () => {
  const requests = [
    { id: 1, method: 'post', entityId: 'note:n', value: { a: shared, b: shared, m: new Map([[1, { c: 1 }]]) } },
    { id: 2 ** 40, method: 'patchDiff', entityId: 'note:n', diff: { a: undefined, b: { c: [1] } }, ifUnmodifiedSince: '2026-11-21T09:30:00.123456Z' },
    { id: 3, method: 'get', entityId: 'note:n', ifModifiedSince: undefined, asOf: undefined },
  ]
  for (const request of requests) {
    const one = await side.ask({ do: 'request', cbor: hex(records.encode(request)) })
    const other = await side.ask({ do: 'request', cbor: hex(plain.encode(request)) })
    assert.equal(one.error, undefined)
    // Values and diffs are handed on as they were written, lengths and all.
    assert.deepEqual(plain.decode(unhex(one.cbor)), plain.decode(unhex(other.cbor)))
    assert.equal(plain.decode(unhex(one.cbor)).id, request.id)
  }
  const asMap = records.encode(new Map(Object.entries(requests[0])))
  assert.equal((await side.ask({ do: 'request', cbor: hex(asMap) })).error, undefined)
})

test('an id is echoed also by the refusal of a frame written with records', async () => {
  const answer = await side.ask({ do: 'request', cbor: hex(records.encode({ id: 7, method: 'frob', entityId: 'note:n' })) })
  assert.deepEqual([answer.id, answer.code], [7, 'unknown-method'])
  const long = records.encode({ id: 8, method: 'post', entityId: 'note:n', value: 'x'.repeat(1 << 21) })
  const { id, code } = await side.ask({ do: 'request', cbor: hex(long) })
  assert.deepEqual([id, code], [8, 'too-large'])
})

// A small generator of values, the same on every run.
let seed = 1
const below = (count) => {
  seed = (seed * 48_271) % 2_147_483_647
  return seed % count
}
const pick = (...of) => of[below(of.length)]
const scalar = () => pick(0, 1, -1, 1.5, 'a', 'b', 'some longer text', true, false, null)
const any = (depth) => {
  if (depth === 0 || below(3) === 0) return scalar()
  if (below(3) === 0) return Array.from({ length: below(5) }, () => any(depth - 1))
  return Object.fromEntries(Array.from({ length: below(5) }, () => [pick('a', 'b', 'c', 'd', '0'), any(depth - 1)]))
}
const edited = (value, depth) => {
  if (depth === 0 || value === null || typeof value !== 'object') return below(2) ? value : any(1)
  if (Array.isArray(value)) {
    const next = value.map((item) => (below(3) ? item : edited(item, depth - 1)))
    return pick(next, [...next, any(1)], next.slice(0, -1), [any(1), ...next], next.slice(1))
  }
  const next = Object.fromEntries(Object.entries(value).filter(() => below(6)).map(([k, v]) => [k, below(2) ? v : edited(v, depth - 1)]))
  return below(3) ? next : { ...next, [pick('a', 'e', 'f')]: any(2) }
}
const pairs = Array.from({ length: 400 }, () => {
  const old = { r: any(4), s: any(3) }
  return [old, edited(old, 4)]
})

/** deep-object-diff replaces by merging: where a map takes the place of an array (or the reverse), its diff does not say so. */
const sayable = (old, next) => {
  const kind = (value) => (Array.isArray(value) ? 'array' : value !== null && typeof value === 'object' ? 'map' : 'leaf')
  if (kind(old) !== kind(next)) return kind(next) === 'leaf' || kind(old) === 'leaf'
  if (kind(old) === 'leaf') return true
  return Object.keys(next).every((key) => !Object.hasOwn(old, key) || sayable(old[key], next[key]))
}

test("deep-object-diff's diffs give the new value", async () => {
  let said = 0
  for (const [old, next] of pairs) {
    if (!sayable(old, next)) continue
    said += 1
    const diff = objectDiff(old, next)
    for (const encoder of [records, plain]) {
      const answer = await side.ask({ do: 'apply', base: hex(plain.encode(old)), diff: hex(encoder.encode(diff)) })
      assert.equal(answer.error, undefined, JSON.stringify({ old, next, diff }))
      assert.deepEqual(plain.decode(unhex(answer.cbor)), next, JSON.stringify({ old, diff }))
    }
    const json = JSON.parse(JSON.stringify(diff, (_, value) => (value === undefined ? { $undefined: true } : value)))
    const answer = await side.ask({ do: 'apply', base: hex(plain.encode(old)), diffJson: json })
    assert.deepEqual(plain.decode(unhex(answer.cbor)), next, JSON.stringify({ old, json }))
  }
  assert.ok(said > 200, `${said} of 400 pairs`)
})

/** Whether a diff has no tagged forms. */
const isBase = (diff) => {
  if (diff instanceof Tag) return false
  return diff === null || typeof diff !== 'object' || Object.values(diff).every(isBase)
}

test('our diffs in base form give the new value in JavaScript', async () => {
  let base = 0
  for (const [old, next] of pairs) {
    const { cbor } = await side.ask({ do: 'diff', old: hex(plain.encode(old)), new: hex(plain.encode(next)) })
    const diff = plain.decode(unhex(cbor))
    if (isBase(diff)) {
      base += 1
      assert.deepEqual(apply(old, diff), next, JSON.stringify({ old, diff }))
    }
    const answer = await side.ask({ do: 'apply', base: hex(plain.encode(old)), diff: cbor })
    assert.deepEqual(plain.decode(unhex(answer.cbor)), next, 'and natively, in any form')
  }
  assert.ok(base > 150, `${base} of 400 pairs`)
})

test('our diffs in JSON give the new value natively', async () => {
  for (const [old, next] of pairs) {
    const { json } = await side.ask({ do: 'diff', old: hex(plain.encode(old)), new: hex(plain.encode(next)) })
    const answer = await side.ask({ do: 'apply', base: hex(plain.encode(old)), diffJson: json })
    assert.deepEqual(plain.decode(unhex(answer.cbor)), next, JSON.stringify({ old, json }))
  }
})
