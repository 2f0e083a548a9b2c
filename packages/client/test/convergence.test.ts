import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import type { Entity } from '../src/index.js';
import { FakeHost } from './fake-host.js';

interface Doc {
  text: string;
  list: { id: number; n: number }[];
  map: Record<string, number>;
}

const ID = 'doc:one';
const step = fc.record({
  who: fc.constantFrom(0, 1, 2),
  what: fc.constantFrom('text', 'push', 'remove', 'change', 'map', 'set', 'undo', 'redo', 'delete', 'foreign', 'hold', 'release', 'crash', 'reopen', 'skip', 'pause'),
  at: fc.nat(20),
}, { noNullPrototype: true });

const edit = (entity: Entity<Doc>, what: string, at: number, next: number) => {
  if (entity.get() === undefined) return entity.undelete();
  switch (what) {
    case 'text':
      return entity.update(doc => void (doc.text = `${doc.text.slice(0, at)}${next % 10}${doc.text.slice(at)}`));
    case 'push':
      return entity.update(doc => void doc.list.splice(at % (doc.list.length + 1), 0, { id: next, n: 0 }));
    case 'remove':
      return entity.update(doc => void doc.list.splice(at % (doc.list.length + 1), 1));
    case 'change':
      return entity.update(doc => {
        const row = doc.list[at % (doc.list.length + 1)];
        if (row) row.n += 1;
      });
    case 'map':
      return entity.update(doc => ({ ...doc, map: { ...doc.map, [`k${at % 4}`]: next } }));
    case 'set':
      return entity.set({ ...(JSON.parse(JSON.stringify(entity.get())) as Doc), text: `set ${next}` });
    case 'undo':
      return void entity.undo();
    case 'delete':
      return entity.delete();
    default:
      return void entity.redo();
  }
};

test('whatever tabs, others and the host do, all show what the host has in the end', async () => {
  let sequence = 0;
  const until = (check: () => boolean) => vi.waitFor(() => expect(check()).toBe(true), { interval: 1, timeout: 4_000 });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async steps => {
      const host = new FakeHost();
      try {
        host.store(ID, { text: 'once upon a time', list: [{ id: 1, n: 0 }, { id: 2, n: 0 }], map: { k0: 0 } });
        const clients = [host.client(), host.client(), host.client()];
        const entities = clients.map(client => client.entity<Doc>(ID));
        for (const entity of entities) entity.subscribe(() => {});
        await until(() => entities.every(entity => entity.status === 'saved'));
        for (const { who, what, at } of steps) {
          sequence += 1;
          if (what === 'foreign') host.foreign(ID, (doc: Doc) => ({ ...doc, text: `${sequence} ${doc.text}`, list: doc.list.slice(at % 2) }));
          else if (what === 'hold') host.isHeld = true;
          else if (what === 'release') host.release();
          else if (what === 'skip') host.skip(ID);
          else if (what === 'reopen') host.reopen(clients[who]!.tab, ID);
          else if (what === 'pause') await new Promise(resolve => setTimeout(resolve, at % 4));
          else if (what === 'crash') {
            host.crash();
            host.start();
          } else edit(entities[who]!, what, at, sequence);
        }
        host.release();
        await until(() => entities.every(entity => entity.status === 'saved'));
        entities[0]!.undelete();
        // A lost message is noticed at the next one.
        host.foreign(ID, (doc: Doc) => ({ ...doc, map: { ...doc.map, end: sequence } }));
        await until(() => entities.every(entity => entity.get()?.map.end === sequence && entity.status === 'saved'));
        for (const entity of entities) expect(entity.get()).toEqual(host.value(ID));
      } finally {
        host.close();
      }
    }),
    { numRuns: 60, endOnFailure: true },
  );
}, 60_000);
