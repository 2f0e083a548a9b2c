// The same edits with Yjs and Automerge, without any network: two replicas in this tab, the second of which gets the bytes that the first makes.
// Timed is, of the first, the edit until a plain value is ready to be painted and the bytes for others are made; of the second, from these bytes
// until its plain value is ready.

import * as A from '@automerge/automerge/slim';
import * as Y from 'yjs';
import { place, table } from '../documents.mjs';

const PEERS = {
  /** The app keeps a plain value beside the document, and copies in it what `observeDeep` tells of; the rest keeps its identity. */
  'yjs, own copy': options => yjs(options, (root, value, events) => events.reduce(follow, value)),
  /** The app takes it all anew. Nothing keeps its identity. */
  'yjs, toJSON()': options => yjs(options, root => root.toJSON()),
  /** Its documents are plain values, and what did not change keeps its identity. */
  'automerge': automerge,
};

/** Times in milliseconds of `count` edits of a table, and whether another row was the same object afterwards. */
export async function peers({ shape, rows, count, wait }) {
  const peers = {};
  for (const [name, make] of Object.entries(PEERS)) {
    const peer = await make({ shape, rows });
    const edits = [];
    let identity = true;
    for (let n = 1; n <= count; n += 1) {
      const key = place(shape, rows, n);
      const other = place(shape, rows, n + 1);
      const before = peer.first().rows[other];
      const from = performance.now();
      const bytes = peer.edit(key, n);
      const local = performance.now() - from;
      const applied = performance.now();
      peer.apply(bytes);
      const remote = performance.now() - applied;
      for (const value of [peer.first(), peer.second()]) {
        if (value.rows[key].amount !== n) throw new Error(`${name} does not show edit ${n}`);
      }
      identity &&= peer.first().rows[other] === before;
      edits[n] = { local, remote };
      await new Promise(resolve => setTimeout(resolve, wait));
    }
    peers[name] = { edits, identity };
  }
  return peers;
}

function yjs({ shape, rows }, paint) {
  const first = new Y.Doc();
  const root = first.getMap('table');
  const plain = table(shape, rows);
  const row = fields => new Y.Map(Object.entries(fields));
  first.transact(() => {
    root.set('title', plain.title);
    if (shape === 'list') root.set('rows', Y.Array.from(plain.rows.map(row)));
    else root.set('rows', new Y.Map(Object.entries(plain.rows).map(([id, fields]) => [id, row(fields)])));
  });
  const second = new Y.Doc();
  Y.applyUpdate(second, Y.encodeStateAsUpdate(first));
  let update;
  first.on('update', bytes => (update = bytes));
  const [ours, theirs] = [first, second].map(doc => {
    const root = doc.getMap('table');
    const shown = { value: root.toJSON() };
    root.observeDeep(events => (shown.value = paint(root, shown.value, events)));
    return shown;
  });
  return {
    first: () => ours.value,
    second: () => theirs.value,
    edit(key, n) {
      root.get('rows').get(key).set('amount', n);
      return update;
    },
    apply: bytes => Y.applyUpdate(second, bytes),
  };
}

/** The value after the event, copied on the way to what changed. */
function follow(value, event) {
  return along(value, event.path, old => {
    if (Array.isArray(old)) return event.target.toJSON();
    const next = { ...old };
    for (const key of event.keysChanged) {
      const made = event.target.get(key);
      if (event.target.has(key)) next[key] = made instanceof Y.AbstractType ? made.toJSON() : made;
      else delete next[key];
    }
    return next;
  });
}

function along(value, [step, ...rest], change) {
  if (step === undefined) return change(value);
  const made = along(value[step], rest, change);
  return Array.isArray(value) ? value.with(step, made) : { ...value, [step]: made };
}

let wasm;

async function automerge({ shape, rows }) {
  await (wasm ??= A.initializeWasm(fetch('/automerge.wasm')));
  let first = A.from(table(shape, rows));
  let second = A.load(A.save(first));
  return {
    first: () => first,
    second: () => second,
    edit(key, n) {
      first = A.change(first, draft => {
        draft.rows[key].amount = n;
      });
      return A.getLastLocalChange(first);
    },
    apply: bytes => ([second] = A.applyChanges(second, [bytes])),
  };
}
