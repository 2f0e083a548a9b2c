// Several people at once, each in a browser of their own behind a line that can be cut, and what all of them have in the end.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Somebody, sorted } from './client.mjs';
import { Proxy } from './proxy.mjs';
import { buildSite } from './site.mjs';
import { Server } from './setup.mjs';

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

/** The modes of a browser, as options of {@link join}. */
export const MODES = { 'in a SharedWorker': { noSharedWorker: false }, 'in a tab, without SharedWorker': { noSharedWorker: true } };

/** What one browser reaches the server by. While it is off, requests and sockets are refused at once; pages and scripts still come. */
export class Line {
  isOff = false;

  static async before(server) {
    const line = new Line();
    line.proxy = await Proxy.before(server);
    const { http } = line.proxy;
    // The proxy itself leaves what is stalled without an answer; a network that is gone is noticed sooner.
    const refuse = ({ socket, url }) => line.isOff && !/^\/([^/]+\.(js|wasm|html|map))?$/.test(url) && socket.destroy();
    http.prependListener('request', refuse);
    http.prependListener('upgrade', refuse);
    return line;
  }

  get url() {
    return this.proxy.url;
  }

  off() {
    this.isOff = this.proxy.isStalled = true;
    this.proxy.cut();
  }

  /** `tabs`: they are looked at, which makes clients try at once. */
  async on(tabs = []) {
    this.isOff = this.proxy.isStalled = false;
    const look = () => document.dispatchEvent(new Event('visibilitychange')) && dispatchEvent(new Event('online'));
    await Promise.all(tabs.map(({ page }) => page.evaluate(look)));
  }
}

/** Somebody signs in, in a browser of their own, with so many tabs. */
export async function join(server, email, { tabs = 1, ...options } = {}) {
  const line = await Line.before(server);
  const somebody = await Somebody.at(line.url, email, options);
  const rest = [];
  while (rest.length < tabs - 1) rest.push(await somebody.tab());
  return Object.assign(somebody, { line, tabs: [somebody.first, ...rest], server });
}

export async function leave(somebody) {
  await somebody?.leave();
  await somebody?.line.proxy.down();
}

/** The value as the server has it, and its versions' meta. */
export async function read(somebody, id, query = '') {
  const answer = await somebody.context.request.get(`${somebody.server.url}/api/v1/entities/${id}${query}`);
  if (!answer.ok()) throw new Error(`GET ${id}${query}: ${answer.status()} ${await answer.text()}`);
  return answer.json();
}

/** All tabs have `id` open, with `value` in it. */
export async function share(id, value, tabs) {
  const [first] = tabs;
  await first.open(id);
  await first.set(id, value);
  await first.settles(id);
  await Promise.all(tabs.map(tab => tab.open(id)));
  await Promise.all(tabs.map(tab => tab.sees(id, value)));
}

const told = (tab, id) => tab.on(id, entity => ({
  status: entity.status,
  value: entity.get(),
  error: entity.error?.message,
  conflicts: entity.conflicts.map(({ id, path, range, absent, base, mine, theirs }) => ({ id, path, range, absent, base, mine, theirs })),
}));

const text = value => JSON.stringify(sorted(value));

/**
 * Waits until nothing is on its way any more, and every tab shows what the server has: that is the value, and `conflicts` are those that each tab shows.
 * A choice or an undo that is on its way while conflicts stand is not noticed.
 */
export async function quiet(id, tabs, patience = 60_000) {
  const end = Date.now() + patience;
  for (;;) {
    const seen = await Promise.all(tabs.map(tab => told(tab, id)));
    const { value, meta } = await read(tabs[0].somebody, id);
    const waiting = seen.filter(({ status }) => status !== 'saved' && status !== 'conflict').length;
    const apart = seen.filter(tab => text(tab.value) !== text(value)).length;
    if (waiting === 0 && apart === 0) {
      return { value, meta, conflicts: seen.map(({ conflicts }) => conflicts) };
    }
    if (Date.now() > end) {
      const states = seen.map(({ status, error, conflicts, value: shown }, index) =>
        `${tabs[index].somebody.email}: ${status}${error ? ` (${error})` : ''}, ${conflicts.length} conflicts, ${text(shown) === text(value) ? 'as the server' : text(shown).slice(0, 300)}`);
      throw new Error(`${id} does not come to rest: ${waiting} tabs wait, ${apart} show something else than ${text(value).slice(0, 300)}\n${states.join('\n')}`);
    }
    await sleep(50);
  }
}

/** Ada with two tabs and Bob with one, and what they do together. */
export class Pair {
  #number = 0;

  static async meet(server, { noSharedWorker }) {
    const pair = new Pair();
    pair.name = noSharedWorker ? 'leader' : 'shared';
    pair.ada = await join(server, `ada-${pair.name}@example.org`, { noSharedWorker, tabs: 2 });
    pair.bob = await join(server, `bob-${pair.name}@example.org`, { noSharedWorker });
    return pair;
  }

  /** Of each of them one tab. */
  get both() {
    return [this.ada.tabs[0], this.bob.tabs[0]];
  }

  /** A new entity with `value` in it, that all have open. */
  async shared(value, tabs = this.both) {
    const id = `note:${this.name}${(this.#number += 1)}`;
    await share(id, value, tabs);
    return id;
  }

  async online(...people) {
    for (const { line, tabs } of people) await line.on(tabs);
    for (const { tabs } of people) for (const tab of tabs) await tab.online('online', 30_000);
  }

  /** Each does something without a line, `[code, argument]`, and they come back one after the other. What then is there. */
  async apart(id, hers, his, options) {
    return (await this.allApart([{ id, hers, his }], options))[0];
  }

  /** As {@link apart}, with several entities at once. */
  async allApart(changes, { bobFirst = false } = {}) {
    const { ada, bob, both: [adas, bobs] } = this;
    ada.line.off();
    bob.line.off();
    await Promise.all(changes.flatMap(({ id, hers, his }) => [adas.on(id, ...[hers].flat()), bobs.on(id, ...[his].flat())]));
    for (const somebody of bobFirst ? [bob, ada] : [ada, bob]) {
      await this.online(somebody);
      await Promise.all(changes.map(({ id }) => quiet(id, [somebody.tabs[0]])));
    }
    return Promise.all(changes.map(({ id }) => quiet(id, this.both)));
  }

  async part() {
    await leave(this.ada);
    await leave(this.bob);
    const errors = [this.ada, this.bob].flatMap(({ errors }) => errors);
    if (errors.length > 0) throw new AggregateError(errors, 'pages threw');
  }
}

/** What several tests look at, made by the first. */
export function once(make) {
  let made;
  return () => (made ??= make());
}

/** `timeweft serve` with a page that has all of the package, and with these types. */
export async function serve(types = {}) {
  const site = mkdtempSync(path(tmpdir(), 'timeweft-site-'));
  await buildSite(site, fileURLToPath(new URL('site/all/main.js', import.meta.url)));
  const declared = path(site, 'timeweft.types.json');
  writeFileSync(declared, JSON.stringify(types));
  const server = await Server.start({ assets: site, options: ['--types', declared] });
  return { server, stop: () => server.stop().finally(() => rmSync(site, { recursive: true, force: true })) };
}
