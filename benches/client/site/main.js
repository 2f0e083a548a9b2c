// The page of the benchmark: a tab with the client that notes when its subscriber was called, and what the tab spent on the host's messages.

import './tap.js';
import { createClient } from 'timeweft';
import { place, table } from '../documents.mjs';
import { messages, now } from './tap.js';

globalThis.createClient = createClient;

const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));

let entity;
let stop;
/** When edit n was there, by n. */
let arrivals;
/** What the app's own callback took since the last call of `ownWork`. */
let own = 0;

globalThis.bench = {
  /** Notes all edits of the table in the entity, whoever makes them. */
  watch({ id, shape, rows }) {
    arrivals = [];
    let next = 1;
    entity = client.entity(id);
    stop = entity.subscribe(value => {
      const at = now();
      while (value && value.rows[place(shape, rows, next)]?.amount >= next) arrivals[next++] = at;
      own += now() - at;
    });
    messages.ownWork = () => {
      const spent = own;
      own = 0;
      return spent;
    };
  },

  async create({ shape, rows }) {
    entity.set(table(shape, rows));
    await entity.saved();
  },

  async loaded() {
    return (await entity.load()) !== undefined;
  },

  /** Edits, each when the one before is saved: by a draft, and by a value made anew, in turns. */
  async edit({ shape, rows, count, wait }) {
    const edits = [];
    for (let n = 1; n <= count; n += 1) {
      const key = place(shape, rows, n);
      const how = n % 2 ? 'update' : 'set';
      messages.ownWork();
      let app = 0;
      const from = now();
      if (how === 'update') {
        entity.update(draft => {
          draft.rows[key].amount = n;
        });
      } else {
        const next = changed(entity.get(), key, n);
        app = now() - from;
        entity.set(next);
      }
      const until = now();
      app += messages.ownWork();
      await entity.saved();
      edits[n] = { n, how, from, local: until - from - app, shown: arrivals[n], saved: now() - from };
      await pause(wait);
    }
    return edits;
  },

  /** Resolves when the last edit is there. */
  async seen({ count }) {
    while (arrivals[count] === undefined) await pause(5);
  },

  /** What this tab has noted. It does not look any more. */
  noted() {
    stop();
    return { arrivals, messages: messages.splice(0) };
  },

  /** Yjs and Automerge, in this tab. */
  async peers(options) {
    const { peers } = await import('./peers.js');
    return peers(options);
  },
};

/** As apps without drafts write it. */
function changed(value, key, amount) {
  const row = { ...value.rows[key], amount };
  return { ...value, rows: Array.isArray(value.rows) ? value.rows.with(key, row) : { ...value.rows, [key]: row } };
}

document.title = 'ready';
