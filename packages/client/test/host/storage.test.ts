import { deleteDB, openDB } from 'idb';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Storage, wipeOthers, type StorageEvents } from '../../src/host/storage.js';
import { browser, bytes, pass, settle, text, tidy, URL_ } from './fakes.js';

const A = 'note:a';
const B = 'note:b';
const NAME = `timeweft:${URL_}/ann`;

let log: string[];
let unsent: string[] | undefined;
let used: string[];

const events: StorageEvents = {
  kept: (entity, ops) => [...ops].forEach(([tab, op]) => log.push(`kept ${entity} ${tab} ${op}`)),
  warn: ({ code }, over) => log.push(`${over ? 'over' : 'warning'} ${code}`),
  unsent: () => unsent,
  inUse: entity => used.includes(entity),
  wiped: () => log.push('wiped'),
};

const open = (): Promise<Storage> => Storage.open(URL_, 'ann', events);

const save = (storage: Storage, entity: string, journal: string, ...kept: [string, number][]): void =>
  storage.save({ entity, journal: bytes(journal), kept });

const stored = async (store: string): Promise<Record<string, unknown>> => {
  const database = await openDB(NAME);
  const [keys, values] = await Promise.all([database.getAllKeys(store), database.getAll(store)]);
  database.close();
  return Object.fromEntries(keys.map((key, index) => [key, values[index] instanceof Uint8Array ? text(values[index]) : values[index]]));
};

/** Records every writing transaction, when it begins and when it is complete. */
const watch = (): void => {
  const transaction = IDBDatabase.prototype.transaction;
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, stores, mode, options) {
    const begun = transaction.call(this, stores, mode, options);
    if (mode !== 'readwrite') return begun;
    log.push(`begin ${options?.durability ?? ''}`.trim());
    begun.addEventListener('complete', () => log.push('complete'));
    return begun;
  });
};

/** Every put fails, as on a full disk. */
const fillDisk = (): { mockRestore(): void } =>
  vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore) {
    throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
  });

beforeEach(() => {
  browser();
  log = [];
  unsent = [];
  used = [];
});
afterEach(tidy);

test('an edit is kept when the transaction that holds it is complete, with strict durability', async () => {
  const storage = await open();
  watch();
  save(storage, A, 'one', ['tab', 1]);
  await settle();
  expect(log).toEqual(['begin strict', 'complete', `kept ${A} tab 1`]);
  expect(await stored('journals')).toEqual({ [A]: 'one' });
});

test('a frame goes out when what was saved before it is on disk, or can not be', async () => {
  const storage = await open();
  watch();
  storage.onceWritten(A, () => log.push('nothing waits'));
  save(storage, A, 'one', ['tab', 1]);
  storage.onceWritten(A, () => log.push('sent'));
  storage.onceWritten(B, () => log.push('of another'));
  await settle();
  expect(log).toEqual(['nothing waits', 'of another', 'begin strict', 'complete', `kept ${A} tab 1`, 'sent']);
  const disk = fillDisk();
  save(storage, A, 'two', ['tab', 2]);
  storage.onceWritten(A, () => log.push('sent from memory'));
  await settle();
  disk.mockRestore();
  expect(log.at(-1)).toBe('sent from memory');
});

test('what keeps no edit is written without waiting for the disk', async () => {
  const storage = await open();
  watch();
  storage.save({ entity: A, snapshot: bytes('whole'), journal: bytes('one'), kept: [] });
  await settle();
  expect(log).toEqual(['begin default', 'complete']);
});

test('what is saved during a transaction is written by the next one, the latest of each entity', async () => {
  const storage = await open();
  watch();
  save(storage, A, '1', ['tab', 1]);
  await Promise.resolve();
  await Promise.resolve();
  expect(log).toEqual(['begin strict']);
  storage.save({ entity: A, snapshot: bytes('whole'), journal: bytes('2'), kept: [['tab', 2]] });
  save(storage, B, 'b', ['other', 1]);
  save(storage, A, '3', ['tab', 3]);
  await settle();
  expect(log).toEqual(['begin strict', 'complete', `kept ${A} tab 1`, 'begin strict', 'complete', `kept ${A} tab 3`, `kept ${B} other 1`]);
  expect(await stored('journals')).toEqual({ [A]: '3', [B]: 'b' });
  expect(await stored('snapshots')).toEqual({ [A]: 'whole' });
});

test('a batch of effects is one transaction', async () => {
  const storage = await open();
  watch();
  save(storage, A, 'a');
  save(storage, B, 'b');
  await settle();
  expect(log).toEqual(['begin default', 'complete']);
});

test('no journal deletes it, no snapshot leaves it', async () => {
  const storage = await open();
  storage.save({ entity: A, snapshot: bytes('whole'), journal: bytes('one'), kept: [] });
  await settle();
  storage.save({ entity: A, kept: [] });
  await settle();
  expect(await stored('journals')).toEqual({});
  expect(await stored('snapshots')).toEqual({ [A]: 'whole' });
  expect(await storage.load(A)).toEqual({ snapshot: bytes('whole'), journal: undefined });
});

test('what is not yet on disk is loaded all the same', async () => {
  const storage = await open();
  save(storage, A, 'one');
  expect((await storage.load(A)).journal).toEqual(bytes('one'));
});

test('entities with unsent edits are known after a restart, and only those', async () => {
  const storage = await open();
  unsent = [A];
  save(storage, A, 'edited');
  save(storage, B, 'settled');
  await storage.close();
  expect(await (await open()).unsent()).toEqual([A]);
});

test('where the replicas can not say what is unsent, everything is', async () => {
  const storage = await open();
  unsent = undefined;
  save(storage, A, 'one');
  await storage.close();
  expect(await (await open()).unsent()).toEqual([A]);
});

test('on a full disk edits stay in memory, are said to be kept, and a warning says what that means', async () => {
  const storage = await open();
  unsent = [A];
  fillDisk();
  save(storage, A, 'one', ['tab', 1]);
  await settle();
  expect(log).toEqual(['warning storage-full', `kept ${A} tab 1`]);
  save(storage, A, 'two', ['tab', 2]);
  await settle();
  expect(log.slice(2)).toEqual([`kept ${A} tab 2`]);
  expect((await storage.load(A)).journal).toEqual(bytes('two'));
});

test('when there is space again, everything is written and the warning is over', async () => {
  const storage = await open();
  const disk = fillDisk();
  save(storage, A, 'one', ['tab', 1]);
  await settle();
  disk.mockRestore();
  await pass(30_000);
  expect(log.slice(2)).toEqual(['over storage-full']);
  expect(await stored('journals')).toEqual({ [A]: 'one' });
  save(storage, B, 'b', ['tab', 1]);
  await settle();
  expect(await stored('journals')).toEqual({ [A]: 'one', [B]: 'b' });
});

test('a full disk is given up before edits are: what nobody uses and the server has is deleted', async () => {
  const storage = await open();
  for (const entity of ['note:used', 'note:spare']) storage.save({ entity, snapshot: bytes('whole'), journal: bytes(''), kept: [] });
  unsent = ['note:edited', A];
  storage.save({ entity: 'note:edited', snapshot: bytes('whole'), journal: bytes(''), kept: [] });
  await settle();
  used = ['note:used'];
  const remove = IDBObjectStore.prototype.delete;
  const disk = fillDisk();
  vi.spyOn(IDBObjectStore.prototype, 'delete').mockImplementation(function (this: IDBObjectStore, key) {
    if (this.name === 'snapshots') disk.mockRestore();
    return remove.call(this, key);
  });
  save(storage, A, 'one', ['tab', 1]);
  await settle();
  expect(log).toEqual([`kept ${A} tab 1`]);
  expect(Object.keys(await stored('snapshots'))).toEqual(['note:edited', 'note:used']);
  expect(Object.keys(await stored('journals'))).toEqual([A, 'note:edited', 'note:used']);
});

test('a connection that broke is opened again', async () => {
  const storage = await open();
  const transaction = IDBDatabase.prototype.transaction;
  let broken = true;
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...rest) {
    if (broken) {
      broken = false;
      throw new DOMException('Connection to Indexed Database server lost.', 'UnknownError');
    }
    return transaction.apply(this, rest);
  });
  save(storage, A, 'one', ['tab', 1]);
  await settle();
  expect(log).toEqual([`kept ${A} tab 1`]);
  expect(await stored('journals')).toEqual({ [A]: 'one' });
});

test('who deletes the database is not waited for, and it is said that what was stored is gone', async () => {
  const storage = await open();
  save(storage, A, 'one', ['tab', 1]);
  await settle();
  log.length = 0;
  await deleteDB(NAME);
  await settle();
  expect(log).toEqual(['wiped']);
  save(storage, A, 'two', ['tab', 2]);
  await settle();
  expect(log).toEqual(['wiped', `kept ${A} tab 2`]);
  expect(await stored('journals')).toEqual({ [A]: 'two' });
  // One connection, however many looked at once.
  await storage.close();
  await deleteDB(NAME, { blocked: () => log.push('blocked') });
  expect(log).not.toContain('blocked');
});

test('a connection that was only lost is no loss', async () => {
  const storage = await open();
  save(storage, A, 'one', ['tab', 1]);
  await settle();
  const newer = openDB(NAME, 2);
  await settle();
  (await newer).close();
  expect(log).toEqual([`kept ${A} tab 1`]);
});

test('without IndexedDB everything works from memory, with a warning', async () => {
  vi.stubGlobal('indexedDB', undefined);
  const storage = await open();
  save(storage, A, 'one', ['tab', 1]);
  await settle();
  expect(log).toEqual(['warning storage-unavailable', `kept ${A} tab 1`]);
  expect((await storage.load(A)).journal).toEqual(bytes('one'));
  expect(await storage.unsent()).toEqual([A]);
  await storage.wipe();
});

test('a database that does not answer is given up after five seconds', async () => {
  const real = indexedDB;
  vi.stubGlobal('indexedDB', { open: () => real.open('another') && Object.create(IDBOpenDBRequest.prototype, { addEventListener: { value: () => undefined } }) });
  const opening = open();
  await pass(5_000);
  await opening;
  expect(log).toEqual(['warning storage-unavailable']);
});

test('the database of a newer version is left alone', async () => {
  const newer = await openDB(NAME, 7, { upgrade: database => void database.createObjectStore('future') });
  newer.close();
  const storage = await open();
  save(storage, A, 'one', ['tab', 1]);
  await pass(60_000);
  expect(log).toEqual(['warning storage-unavailable', `kept ${A} tab 1`]);
  const database = await openDB(NAME);
  expect([...database.objectStoreNames]).toEqual(['future']);
});

test('what can not be read is not written over', async () => {
  const first = await open();
  save(first, A, 'edits');
  await first.close();
  const storage = await open();
  const get = vi.spyOn(IDBObjectStore.prototype, 'get').mockImplementation(() => {
    throw new DOMException('broken', 'UnknownError');
  });
  expect((await storage.load(A)).journal).toBeUndefined();
  get.mockRestore();
  save(storage, A, 'other edits', ['tab', 1]);
  await pass(60_000);
  expect(log).toEqual(['warning storage-unavailable', `kept ${A} tab 1`]);
  expect(await stored('journals')).toEqual({ [A]: 'edits' });
});

test('closing waits for what was saved', async () => {
  const storage = await open();
  save(storage, A, 'one', ['tab', 1]);
  await storage.close();
  expect(log).toEqual([`kept ${A} tab 1`]);
});

test('wiping deletes the database of that person', async () => {
  const storage = await open();
  save(storage, A, 'one', ['tab', 1]);
  await storage.wipe();
  expect(await indexedDB.databases()).toEqual([]);
});

test('wiping empties a database that somebody else holds on to', async () => {
  const storage = await open();
  save(storage, A, 'one');
  await settle();
  const held = await openDB(NAME);
  const wiping = storage.wipe();
  await settle();
  await pass(5_000);
  await wiping;
  expect(await held.count('journals')).toBe(0);
  held.close();
});

test('the databases of other persons go, those of other servers stay', async () => {
  const other = ['/bob', ':8443/bob', '', ':8443'].map(rest => `timeweft:${URL_}${rest}`);
  for (const name of [...other, NAME]) (await openDB(name, 1)).close();
  await wipeOthers(URL_, 'ann');
  const left = (await indexedDB.databases()).map(({ name }) => name);
  expect(left.sort()).toEqual([NAME, ...other.slice(1)].sort());
});
