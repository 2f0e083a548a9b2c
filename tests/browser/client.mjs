// People with browsers of their own who use the client: what the tests say to a page, in words.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch, launchPersistent } from './setup.mjs';

/** Somebody's browser: a profile on disk, so that it can be closed and opened again. `prepare`: called with each before it has pages. */
export class Somebody {
  static async at(url, email, { worker = 'auto', noSharedWorker = false, asGuest = false, prepare = () => {} } = {}) {
    const somebody = new Somebody();
    Object.assign(somebody, { url, email, worker, noSharedWorker, prepare, profile: mkdtempSync(join(tmpdir(), 'timeweft-profile-')), errors: [] });
    await somebody.start();
    somebody.first = await somebody.tab();
    if (asGuest) somebody.first.me = await somebody.first.page.evaluate(() => client.guest());
    else await somebody.first.signIn(email);
    return somebody;
  }

  async start() {
    this.context = await launchPersistent(this.profile);
    await this.prepare(this.context);
    if (this.noSharedWorker) await this.context.addInitScript(() => delete globalThis.SharedWorker);
    this.context.on('weberror', error => this.errors.push(error.error()));
  }

  /** A new tab, with a client. */
  async tab() {
    const blank = this.context.pages().find(page => page.url() === 'about:blank');
    const tab = new Tab(blank ?? await this.context.newPage(), this);
    await tab.load();
    return tab;
  }

  async close() {
    await this.context.close();
  }

  async leave() {
    await this.close();
    rmSync(this.profile, { recursive: true, force: true });
  }
}

export class Tab {
  constructor(page, somebody) {
    this.page = page;
    this.somebody = somebody;
    page.setDefaultTimeout(20_000);
  }

  async load() {
    await this.page.goto(this.somebody.url);
    await this.page.waitForFunction(() => document.title === 'ready');
    await this.page.evaluate(worker => {
      globalThis.client = createClient({ worker });
      globalThis.log = [];
      globalThis.open = id => {
        const entity = client.entity(id);
        entity.subscribe(value => log.push({ id, at: performance.now(), value }));
        return entity;
      };
    }, this.somebody.worker);
  }

  async signIn(email) {
    this.me = await this.page.evaluate(async email => {
      const { code } = await client.login(email);
      return client.verify(email, code);
    }, email);
  }

  /** Runs `code` with the entity. */
  on(id, code, argument) {
    return this.page.evaluate(([id, code, argument]) => {
      const entity = client.entity(id);
      return (0, eval)(`(${code})`)(entity, argument);
    }, [id, String(code), argument]);
  }

  open(id) {
    return this.page.evaluate(id => {
      globalThis.open(id);
    }, id);
  }

  set(id, value) {
    return this.on(id, (entity, value) => entity.set(value), value);
  }

  get(id) {
    return this.on(id, entity => entity.get());
  }

  status(id) {
    return this.on(id, entity => entity.status);
  }

  /** Waits until the entity shows `value`; how long it took, in milliseconds. */
  async sees(id, value, timeout = 20_000) {
    const wanted = JSON.stringify(sorted(value));
    const started = Date.now();
    await this.page
      .waitForFunction(
        ([id, wanted]) => {
          const sorted = value => Array.isArray(value) ? value.map(sorted) : value && typeof value === 'object'
            ? Object.fromEntries(Object.keys(value).sort().map(key => [key, sorted(value[key])])) : value;
          return JSON.stringify(sorted(client.entity(id).get())) === wanted;
        },
        [id, wanted],
        { polling: 20, timeout },
      )
      .catch(async () => {
        throw new Error(`${this.somebody.email} should see ${wanted} in ${id}; it is ${JSON.stringify(await this.get(id))}, ${await this.status(id)}`);
      });
    return Date.now() - started;
  }

  async settles(id, status = 'saved', timeout = 20_000) {
    await this.page
      .waitForFunction(([id, status]) => client.entity(id).status === status, [id, status], { polling: 20, timeout })
      .catch(async () => {
        const told = await this.on(id, entity => ({ status: entity.status, error: entity.error?.message, conflicts: entity.conflicts }));
        throw new Error(`${id} of ${this.somebody.email} should be ${status}: ${JSON.stringify(told)}, client ${await this.page.evaluate(() => client.status)}`);
      });
  }

  /** All that is in IndexedDB, as a text. */
  disk() {
    return this.page.evaluate(async () => {
      const everything = [];
      for (const { name } of await indexedDB.databases()) {
        const database = await new Promise((resolve, reject) => {
          const request = indexedDB.open(name);
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
        for (const store of database.objectStoreNames) {
          const read = kind => new Promise(resolve => {
            const request = database.transaction(store).objectStore(store)[kind]();
            request.onsuccess = () => resolve(request.result);
          });
          for (const item of [...await read('getAll'), ...await read('getAllKeys')]) {
            everything.push(item instanceof Uint8Array ? String.fromCharCode(...item) : JSON.stringify(item));
          }
        }
        database.close();
      }
      return everything.join('\n');
    });
  }

  async online(status = 'online', timeout = 20_000) {
    await this.page.waitForFunction(status => client.status === status, status, { polling: 20, timeout }).catch(async () => {
      throw new Error(`the client of ${this.somebody.email} should be ${status}, and is ${await this.page.evaluate(() => client.status)}`);
    });
  }
}

export const sorted = value =>
  Array.isArray(value) ? value.map(sorted) : value && typeof value === 'object'
    ? Object.fromEntries(Object.keys(value).sort().map(key => [key, sorted(value[key])])) : value;

export { launch };
