// The client against a real server, in real browsers: with a SharedWorker, and with tabs that elect one of them.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Somebody, sorted } from './client.mjs';
import { Proxy } from './proxy.mjs';
import { MODES, servedSite } from './site.mjs';

const served = servedSite();

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

for (const [where, options] of Object.entries(MODES)) describe(`the client ${where}`, () => {
  let proxy, ada, bob, adas, bobs;
  let number = 0;
  /** A name of its own for each test. */
  const fresh = () => `note:${options.noSharedWorker ? 'l' : 's'}${(number += 1)}`;

  before(async () => {
    proxy = await Proxy.before(served.server);
    const name = options.noSharedWorker ? 'leader' : 'shared';
    ada = await Somebody.at(proxy.url, `ada-${name}@example.org`, options);
    bob = await Somebody.at(served.server.url, `bob-${name}@example.org`, options);
    adas = await ada.tab();
    bobs = await bob.tab();
  });

  after(async () => {
    await ada?.leave();
    await bob?.leave();
    await proxy?.down();
    assert.deepEqual([...(ada?.errors ?? []), ...(bob?.errors ?? [])], []);
  });

  /** Both have it open, with `value` in it. */
  async function share(value) {
    const id = fresh();
    await adas.open(id);
    await adas.set(id, value);
    await adas.settles(id);
    await bobs.open(id);
    await bobs.sees(id, value);
    return id;
  }

  test('each arrow of the sequence diagram', async () => {
    const id = fresh();
    // Connect, subscribe; the first value.
    await adas.open(id);
    await adas.set(id, { title: 'One', blob: '' });
    assert.equal((await adas.get(id)).title, 'One', 'the own tab shows it at once');
    await adas.settles(id);
    // A second tab of the same browser follows, without a socket of its own.
    const second = await ada.tab();
    await second.open(id);
    await second.sees(id, { title: 'One', blob: '' });
    assert.equal(proxy.sockets.size, 1, 'one socket per browser');
    // Another person's browser follows.
    await bobs.open(id);
    await bobs.sees(id, { title: 'One', blob: '' });
    await bobs.set(id, { title: 'Two', blob: '' });
    await adas.sees(id, { title: 'Two', blob: '' });
    await second.sees(id, { title: 'Two', blob: '' });
    // The set of one tab reaches the other before the server has answered.
    let held = false;
    proxy.watch = direction => !(held && direction === 'down');
    held = true;
    await second.set(id, { title: 'Three', blob: '' });
    await adas.sees(id, { title: 'Three', blob: '' }, 2_000);
    assert.equal(await adas.status(id), 'saving', 'nothing is acknowledged yet');
    assert.equal(await second.status(id), 'saving');
    held = false;
    proxy.cut();
    await adas.settles(id);
    await second.settles(id);
    await bobs.sees(id, { title: 'Three', blob: '' });
    // The acknowledgement updated the cache: with nothing but pages coming through, a reload shows the value.
    await second.page.close();
    await sleep(300);
    proxy.isStalled = true;
    proxy.cut();
    await adas.load();
    await adas.open(id);
    await adas.sees(id, { title: 'Three', blob: '' }, 5_000);
    // A newer value replaces what was cached.
    await bobs.set(id, { title: 'Four', blob: '' });
    await bobs.settles(id);
    proxy.isStalled = false;
    proxy.cut();
    await adas.sees(id, { title: 'Four', blob: '' }, 30_000);
    proxy.watch = () => true;
  });

  test('every kind of value survives the trip', async () => {
    const id = fresh();
    const make = () => ({
      date: new Date(1_700_000_000_123), map: new Map([['a', 1], [2, new Set(['x'])]]), big: 12345678901234567890n, none: undefined,
      bytes: new Uint8Array([1, 2, 3]), floats: new Float64Array([1.5, -0]), list: [1e12, 0.1, -1, null, 'weft ✓ 🧵'], nan: NaN,
    });
    await adas.open(id);
    await adas.on(id, `(entity) => entity.set((${make})())`);
    await adas.settles(id);
    await bobs.open(id);
    await bobs.on(id, entity => entity.load());
    const told = await bobs.on(id, entity => {
      const { date, map, big, bytes, floats, list, nan, ...rest } = entity.get();
      return [
        date instanceof Date && date.getTime(), map instanceof Map && [...map.keys()], map.get(2) instanceof Set && [...map.get(2)], String(big), typeof big,
        bytes instanceof Uint8Array && [...bytes], floats instanceof Float64Array && floats[0], list, Number.isNaN(nan), Object.keys(rest), rest.none === undefined,
      ];
    });
    assert.deepEqual(told, [1_700_000_000_123, ['a', 2], ['x'], '12345678901234567890', 'bigint', [1, 2, 3], 1.5, [1e12, 0.1, -1, null, 'weft ✓ 🧵'], true, ['none'], true]);
  });

  test('a socket cut between commit and answer applies the change once', async () => {
    const id = await share({ title: 'Cut', blob: 'start' });
    const before = (await adas.on(id, entity => entity.history())).versions.length;
    let swallow = true;
    proxy.watch = direction => {
      if (direction === 'down' && swallow) {
        swallow = false;
        proxy.cut();
        return false;
      }
      return true;
    };
    await adas.on(id, entity => entity.update(note => ({ ...note, blob: `${note.blob} and more` })));
    await bobs.sees(id, { title: 'Cut', blob: 'start and more' });
    await adas.settles(id, 'saved', 30_000);
    proxy.watch = () => true;
    await adas.sees(id, { title: 'Cut', blob: 'start and more' });
    const { versions } = await adas.on(id, entity => entity.history());
    assert.equal(versions.length, before + 1);
  });

  test('edits at the same place raise a conflict on one side, and the choice sticks', async () => {
    const id = await share({ title: 'Tea', blob: 'x' });
    proxy.isStalled = true;
    proxy.cut();
    await adas.set(id, { title: 'Coffee', blob: 'x' });
    await bobs.set(id, { title: 'Milk', blob: 'x' });
    await bobs.settles(id);
    proxy.isStalled = false;
    proxy.cut();
    await adas.settles(id, 'conflict', 30_000);
    await adas.sees(id, { title: 'Milk', blob: 'x' });
    const conflicts = await adas.on(id, entity => entity.conflicts.map(({ path, base, mine, theirs, meta }) => ({ path, base, mine, theirs, who: meta.personId })));
    assert.deepEqual(conflicts, [{ path: ['title'], base: 'Tea', mine: 'Coffee', theirs: 'Milk', who: bobs.me?.personId ?? conflicts[0].who }]);
    assert.deepEqual(await bobs.on(id, entity => entity.conflicts.length), 0);
    await adas.on(id, entity => entity.conflicts[0].resolve('mine'));
    await adas.settles(id);
    await bobs.sees(id, { title: 'Coffee', blob: 'x' });
    await sleep(300);
    assert.equal(await adas.status(id), 'saved');
    assert.equal((await adas.get(id)).title, 'Coffee');
  });

  test('two people type into one text through a lossy line: both end equal to the server, no keystroke lost', async () => {
    const id = await share({ title: 'Two', blob: 'ada: | and this is what stays between them, bob: |' });
    proxy.weather = { drop: 0.03, repeat: 0.05, delay: 60 };
    const type = (tab, mark, letters, pause) => tab.page.evaluate(async ([id, mark, letters, pause]) => {
      const entity = client.entity(id);
      for (const letter of letters) {
        entity.update(note => {
          const at = note.blob.indexOf('|', note.blob.indexOf(mark));
          return { ...note, blob: note.blob.slice(0, at) + letter + note.blob.slice(at) };
        });
        await new Promise(resolve => setTimeout(resolve, pause));
      }
    }, [id, mark, letters, pause]);
    const letters = name => Array.from({ length: 200 }, (_, n) => String.fromCharCode(name.charCodeAt(0) - 32 + (n % 20))).join('');
    await Promise.all([type(adas, 'ada: ', letters('a'), 100), type(bobs, 'bob: ', letters('b'), 100)]);
    const wanted = { title: 'Two', blob: `ada: ${letters('a')}| and this is what stays between them, bob: ${letters('b')}|` };
    await adas.settles(id, 'saved', 90_000);
    await bobs.settles(id, 'saved', 90_000);
    await adas.sees(id, wanted, 90_000);
    await bobs.sees(id, wanted, 90_000);
    proxy.weather = { drop: 0, repeat: 0, delay: 0 };
    const { value } = await bobs.on(id, entity => fetch(`/api/v1/entities/${entity.id}`).then(answer => answer.json()));
    assert.deepEqual(sorted(value), sorted(wanted));
  });

  test('undo and redo leave what others did alone', async () => {
    const id = await share({ title: 'Undo', blob: 'one' });
    await adas.set(id, { title: 'Undo', blob: 'one two' });
    await adas.settles(id);
    await bobs.sees(id, { title: 'Undo', blob: 'one two' });
    await bobs.set(id, { title: 'Undone?', blob: 'one two' });
    await adas.sees(id, { title: 'Undone?', blob: 'one two' });
    await adas.on(id, entity => entity.undo());
    await bobs.sees(id, { title: 'Undone?', blob: 'one' });
    await adas.on(id, entity => entity.redo());
    await bobs.sees(id, { title: 'Undone?', blob: 'one two' });
  });

  test('a closed tab stops being subscribed within a second, and so does one that no longer answers', async () => {
    const id = await share({ title: 'Watched', blob: '' });
    const other = fresh();
    await adas.open(other);
    const left = [];
    proxy.watch = (direction, data) => {
      if (direction === 'up' && data.includes('unsubscribe')) left.push({ at: Date.now(), data: data.toString('latin1') });
      return true;
    };
    const tab = await ada.tab();
    const third = fresh();
    await tab.open(third);
    await tab.set(third, { title: 'Alone', blob: '' });
    await tab.settles(third);
    const closing = Date.now();
    await tab.page.close();
    await sleep(1_000);
    const unsubscribed = left.find(({ data }) => data.includes(third));
    assert.ok(unsubscribed, 'the server was told');
    assert.ok(unsubscribed.at - closing < 1_000, `${unsubscribed.at - closing} ms`);

    // A tab that hangs acknowledges nothing.
    const hung = await ada.tab();
    const fourth = fresh();
    await hung.open(fourth);
    await hung.set(fourth, { title: 'Hung', blob: '' });
    await hung.settles(fourth);
    await bobs.open(fourth);
    await bobs.sees(fourth, { title: 'Hung', blob: '' });
    const hanging = hung.page.evaluate(() => {
      const end = performance.now() + 9_000;
      while (performance.now() < end);
    });
    await sleep(300);
    await bobs.set(fourth, { title: 'Hung?', blob: '' });
    await sleep(7_000);
    assert.ok(left.some(({ data }) => data.includes(fourth)), 'nobody acknowledged it');
    await hanging;
    await hung.sees(fourth, { title: 'Hung?', blob: '' });
    await hung.page.close();
    proxy.watch = () => true;
    assert.equal((await adas.get(id)).title, 'Watched');
  });

  test('the tab that leads, or any other, is killed: the rest goes on within 3 s and nothing is lost', async () => {
    const id = await share({ title: 'Led', blob: '' });
    const second = await ada.tab();
    await second.open(id);
    await second.sees(id, { title: 'Led', blob: '' });
    await adas.set(id, { title: 'Led 1', blob: '' });
    await second.set(id, { title: 'Led 1', blob: 'mine too' });
    // Without SharedWorker the first tab leads.
    for (const [page, blob] of [[ada.context.pages()[0], 'mine too, later'], [adas.page, 'mine too, later still']]) {
      const crashed = new Promise(resolve => page.once('crash', resolve));
      const devtools = await ada.context.newCDPSession(page);
      // It is never answered.
      devtools.send('Page.crash').catch(() => {});
      await crashed;
      const killed = Date.now();
      await second.set(id, { title: 'Led 1', blob });
      const took = await second.settles(id, 'saved', 10_000).then(() => Date.now() - killed);
      assert.ok(took < 3_000, `it took ${took} ms`);
    }
    await bobs.sees(id, { title: 'Led 1', blob: 'mine too, later still' });
    adas = second;
  });

  // What a SharedWorker loads is not the page's, and begins anew with it.
  if (options.noSharedWorker) test('a script of the package that could not be loaded once is asked for again', async () => {
    const failed = new Set();
    const once = async route => {
      const [, name] = route.request().url().match(/(host|replica)-/);
      if (failed.has(name)) return route.continue();
      failed.add(name);
      await route.fulfill({ status: 503, body: 'deploying' });
    };
    const prepare = context => context.route(/\/(host|replica)-[\w-]+\.js/, once);
    const cem = await Somebody.at(served.server.url, 'cem-blip@example.org', { ...options, prepare });
    const id = fresh();
    await cem.first.open(id);
    await cem.first.set(id, { title: 'Blip', blob: '' });
    await cem.first.settles(id, 'saved', 15_000);
    assert.deepEqual([...failed].sort(), ['host', 'replica']);
    await cem.leave();
  });

  test('a server that is killed and started again under load: clients recover by themselves', async () => {
    const id = await share({ title: 'Load', blob: '', count: {} });
    const run = (tab, name) => tab.page.evaluate(async ([id, name]) => {
      const entity = client.entity(id);
      for (let n = 0; n < 60; n += 1) {
        entity.update(note => ({ ...note, count: { ...note.count, [`${name}${n}`]: n } }));
        await new Promise(resolve => setTimeout(resolve, 50));
      }
    }, [id, name]);
    const load = Promise.all([run(adas, 'a'), run(bobs, 'b')]);
    await sleep(800);
    await served.server.kill();
    await sleep(500);
    await served.server.run();
    await load;
    const keys = ['a', 'b'].flatMap(name => Array.from({ length: 60 }, (_, n) => [`${name}${n}`, n]));
    const wanted = { title: 'Load', blob: '', count: Object.fromEntries(keys) };
    await adas.sees(id, wanted, 40_000);
    await bobs.sees(id, wanted, 40_000);
    await adas.settles(id);
  });

  test('where no socket can be had, polling does', async () => {
    const id = await share({ title: 'Polled', blob: '' });
    proxy.refusesSockets = true;
    proxy.cut();
    await adas.online('polling', 30_000);
    await adas.set(id, { title: 'Polled up', blob: '' });
    await bobs.sees(id, { title: 'Polled up', blob: '' });
    await bobs.set(id, { title: 'Polled down', blob: '' });
    await adas.sees(id, { title: 'Polled down', blob: '' });
    proxy.refusesSockets = false;
  });

  test('who signs in next sees nothing of who signed out, on disk included', async () => {
    const guest = await Somebody.at(served.server.url, `guest-${options.noSharedWorker ? 'l' : 's'}@example.org`, options);
    const tab = await guest.tab();
    // Of a type that only its owner reads.
    const id = fresh().replace('note', 'diary');
    await tab.open(id);
    await tab.set(id, { title: 'The guest\'s own secret', blob: '' });
    await tab.settles(id);
    await tab.page.evaluate(() => client.logout());
    await tab.signIn(`next-${options.noSharedWorker ? 'l' : 's'}@example.org`);
    const kept = await tab.disk();
    assert.ok(!kept.includes('secret') && !kept.includes(id) && !kept.includes('guest-'), kept);
    await guest.leave();
  });
});
