// Sharing, in the words of those who share: somebody is let in, comes by a link, sees only what they may, and is let go; and what stays in
// the browser of somebody who was.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Somebody } from './client.mjs';
import { Proxy } from './proxy.mjs';
import { MODES, servedSite } from './site.mjs';

const served = servedSite();

for (const [where, options] of Object.entries(MODES)) describe(`sharing, ${where}`, () => {
  const end = options.noSharedWorker ? 'l' : 's';
  let proxy, ada, bob, adas, bobs;
  let number = 0;

  before(async () => {
    proxy = await Proxy.before(served.server);
    ada = await Somebody.at(served.server.url, `ada-shares-${end}@example.org`, options);
    bob = await Somebody.at(proxy.url, `bob-shares-${end}@example.org`, options);
    [adas, bobs] = [ada.first, bob.first];
    await adas.open('type:paper');
    if (end === 's') await adas.set('type:paper', { policy: 'org' });
    await adas.settles('type:paper');
  });

  after(async () => {
    await ada?.leave();
    await bob?.leave();
    await proxy?.down();
    assert.deepEqual([...(ada?.errors ?? []), ...(bob?.errors ?? [])], []);
  });

  /** A paper of Ada's that Bob has open, whatever he may. */
  const paper = async value => {
    const id = `paper:${end}${(number += 1)}`;
    await adas.open(id);
    await adas.set(id, value);
    await adas.settles(id);
    await bobs.open(id);
    return id;
  };
  const share = (id, with_) => adas.on(id, (entity, with_) => entity.share(with_), with_);
  const isBobs = (id, role) => share(id, { personId: bobs.me.personId, role });
  const takesFromBob = id => adas.on(id, (entity, personId) => entity.unshare({ personId }), bobs.me.personId);
  const can = (tab, id) => tab.on(id, entity => [entity.role, ...['read', 'change', 'share'].map(what => entity.can(what))]);
  const becomes = (tab, id, role) => tab.page.waitForFunction(([id, role]) => client.entity(id).role === role, [id, role], { polling: 20 });

  test('a team has what is attached to it, and who is in it finds it', async () => {
    const [mine, given] = [await paper({ text: 'menu' }), await paper({ text: 'for Bob alone' })];
    await isBobs(given, 'viewer');
    const team = `org:kitchen-${end}`;
    await adas.open(team);
    await adas.set(team, { name: 'The kitchen', nodes: { all: {}, helpers: {} }, edges: { all: { helpers: true } }, grants: { [adas.me.personId]: { all: 'admin' } } });
    await adas.on(team, (org, [colleague, paper]) => org.update(draft => {
      draft.grants[colleague] = { helpers: 'editor' };
      draft.attached = { [paper]: 'helpers' };
    }), [bobs.me.personId, mine]);
    await adas.settles(team);
    await becomes(bobs, mine, 'editor');
    const orgs = tab => tab.page.evaluate(async () => { const all = []; for await (const one of client.orgs()) all.push(one); return all; });
    assert.deepEqual(await orgs(bobs), [{ entityId: team, role: 'editor', name: 'The kitchen' }]);
    assert.deepEqual(await orgs(adas), [{ entityId: team, role: 'admin', name: 'The kitchen' }]);
    // Let go, and in again by a link to all of it.
    await takesFromBob(team);
    await becomes(bobs, mine, undefined);
    const { token } = await share(team, { link: true, role: 'viewer' });
    assert.deepEqual(await bobs.page.evaluate(token => client.accept(token), token), { entityId: team, role: 'viewer' });
    await becomes(bobs, mine, 'viewer');
    await isBobs(team, 'editor');
    await becomes(bobs, mine, 'editor');
  });

  test('who is let in sees it at once, is told what they may, and is told when that is another', async () => {
    const id = await paper({ text: 'dear' });
    assert.deepEqual(await can(adas, id), ['admin', true, true, true]);
    await isBobs(id, 'viewer');
    await bobs.sees(id, { text: 'dear' });
    assert.deepEqual(await can(bobs, id), ['viewer', true, false, false]);
    await isBobs(id, 'editor');
    await becomes(bobs, id, 'editor');
    await bobs.on(id, entity => entity.update(draft => { draft.text = 'dear Ada'; }));
    await adas.sees(id, { text: 'dear Ada' });
    const people = await adas.on(id, entity => entity.people());
    assert.deepEqual(people.people.map(({ personId, role }) => [personId, role]).sort(), [[adas.me.personId, 'admin'], [bobs.me.personId, 'editor']].sort());
    const refused = await bobs.on(id, entity => entity.share({ everybody: true, role: 'viewer' }).catch(error => [error.name, error.code]));
    assert.deepEqual(refused, ['ForbiddenError', 'forbidden']);
  });

  test('what is withdrawn is gone from the page and from the disk, and nothing of it comes any more', async () => {
    const id = await paper({ text: `the secret of ${end}` });
    await isBobs(id, 'editor');
    await bobs.sees(id, { text: `the secret of ${end}` });
    assert.ok((await bobs.disk()).includes(`the secret of ${end}`));
    await takesFromBob(id);
    await adas.set(id, { text: 'another secret' });
    await bobs.sees(id, undefined);
    const told = await bobs.on(id, entity => [entity.error?.name, entity.conflicts.length, entity.role ?? null, entity.can('change')]);
    assert.deepEqual(told, ['ForbiddenError', 0, null, false]);
    await bobs.page.waitForFunction(() => client.status === 'online');
    const disk = await bobs.disk();
    assert.ok(!disk.includes('secret of') && !disk.includes('another secret'), 'nothing stays in IndexedDB');
    assert.ok(!(await bobs.page.evaluate(id => JSON.stringify(log.filter(entry => entry.id === id)), id)).includes('another secret'));
  });

  test('who loses it offline keeps what they wrote, and nothing of what others did', async () => {
    const id = await paper({ text: `offline of ${end}`, mine: '' });
    await isBobs(id, 'editor');
    await bobs.sees(id, { text: `offline of ${end}`, mine: '' });
    await proxy.down();
    await bobs.online('offline');
    await bobs.on(id, (entity, end) => entity.update(draft => { draft.mine = `written by Bob in ${end}`; }), end);
    await takesFromBob(id);
    await proxy.up();
    await bobs.settles(id, 'conflict', 30_000);
    const told = await bobs.on(id, entity => ({ isThere: entity.get() !== undefined, mine: entity.conflicts[0].mine, error: entity.conflicts[0].error.code }));
    assert.deepEqual(told, { isThere: false, mine: { mine: `written by Bob in ${end}` }, error: 'forbidden' });
    await bobs.page.waitForTimeout(300);
    assert.ok(!(await bobs.disk()).includes(`offline of ${end}`));
    await bobs.load();
    await bobs.open(id);
    await bobs.settles(id, 'conflict', 30_000);
    assert.deepEqual(await bobs.on(id, entity => entity.conflicts.map(conflict => conflict.mine)), [{ mine: `written by Bob in ${end}` }]);
    await bobs.on(id, entity => entity.conflicts[0].resolve('theirs'));
    assert.deepEqual(await bobs.on(id, entity => entity.conflicts), []);
  });

  test('whoever has the link comes in by it, until it is withdrawn', async () => {
    const id = await paper({ text: 'linked' });
    const link = await share(id, { link: true, role: 'editor' });
    assert.equal(link.role, 'editor');
    const accepted = await bobs.page.evaluate(token => client.accept(token), link.token);
    assert.deepEqual(accepted, { entityId: id, role: 'editor' });
    await bobs.sees(id, { text: 'linked' });
    await becomes(bobs, id, 'editor');
    assert.deepEqual((await adas.on(id, entity => entity.people())).invitations.map(({ id }) => id), [link.id]);
    await adas.on(id, (entity, invitation) => entity.unshare({ invitation }), link.id);
    const refused = await adas.page.evaluate(token => client.accept(token).catch(error => error.name), link.token);
    assert.equal(refused, 'NotFoundError');
    // Bob leaves by himself.
    await bobs.on(id, (entity, personId) => entity.unshare({ personId }), bobs.me.personId);
    await bobs.sees(id, undefined);
  });

  test('an invitation by mail is for that address alone', async () => {
    const id = await paper({ text: 'mailed' });
    const { token } = await share(id, { email: bob.email.toUpperCase(), role: 'viewer' });
    assert.equal(await adas.page.evaluate(token => client.accept(token).catch(error => error.name), token), 'ForbiddenError');
    await bobs.page.evaluate(token => client.accept(token), token);
    await bobs.sees(id, { text: 'mailed' });
  });

  test('what is made public is everybody\'s to read, also without a session, until it is not', async () => {
    const id = await paper({ text: 'public' });
    await share(id, { everybody: true, role: 'viewer' });
    await bobs.sees(id, { text: 'public' });
    const anonymous = () => fetch(`${served.server.url}/api/v1/entities/${id}`).then(({ status }) => status);
    assert.equal(await anonymous(), 200);
    await adas.on(id, entity => entity.unshare({ everybody: true }));
    await bobs.sees(id, undefined);
    assert.equal(await anonymous(), 401);
  });

  test('another tab of theirs knows the role too', async () => {
    const id = await paper({ text: 'kept' });
    await isBobs(id, 'viewer');
    await becomes(bobs, id, 'viewer');
    const another = await bob.tab();
    await another.open(id);
    await becomes(another, id, 'viewer');
    assert.deepEqual(await can(another, id), ['viewer', true, false, false]);
    await another.page.close();
  });

  test('what is misspelt shares nothing', async () => {
    const id = await paper({ text: 'mine' });
    for (const wrong of [{ everybody: false }, { person: bobs.me.personId }, { personId: undefined }, { personId: 'a', everybody: true }, { link: false }, { personId: bobs.me.personId, nod: 'all' }, {}]) {
      const refused = await adas.on(id, (entity, wrong) => entity.share({ ...wrong, role: 'viewer' }).catch(error => error.name), wrong);
      assert.equal(refused, 'InvalidValueError', JSON.stringify(wrong));
    }
    assert.equal(await adas.on(id, entity => entity.unshare({}).catch(error => error.name)), 'InvalidValueError');
    const told = await adas.on(id, entity => entity.people());
    assert.deepEqual([told.people.length, told.everybody ?? null], [1, null]);
  });

  test('what can not be shared says why', async () => {
    const refused = await adas.page.evaluate(async () => {
      client.entity('note:everybodys').set({ title: 't', blob: 'b' });
      await client.entity('note:everybodys').saved();
      return client.entity('note:everybodys').share({ everybody: true, role: 'viewer' }).catch(error => error.message);
    });
    assert.match(refused, /type `note` are everybody's by its policy; with the policy `org` they can be shared/);
  });

  test('a guest writes, signs in, and everything is still theirs; so it is in another browser', async () => {
    const email = `guest-signs-in-${end}@example.org`;
    const gwen = await Somebody.at(served.server.url, email, { ...options, asGuest: true });
    const tab = gwen.first;
    assert.equal(await tab.page.evaluate(() => client.me.guest), true);
    const id = `draft:guest-${end}`;
    await tab.open(id);
    await tab.set(id, { text: 'begun as a guest' });
    await tab.settles(id);
    const { personId } = tab.me;
    await tab.signIn(email);
    assert.equal(tab.me.personId, personId);
    await tab.page.waitForFunction(email => client.me?.email === email && client.me.guest === undefined, email);
    await tab.on(id, entity => entity.update(draft => { draft.text += ', went on as somebody'; }));
    await tab.settles(id);
    const elsewhere = await Somebody.at(served.server.url, email, options);
    await elsewhere.first.open(id);
    await elsewhere.first.sees(id, { text: 'begun as a guest, went on as somebody' });
    assert.deepEqual(await elsewhere.first.page.evaluate(async () => (await client.sessions()).map(({ current }) => current)), [true, false]);
    await elsewhere.leave();
    await gwen.leave();
    assert.deepEqual([...gwen.errors, ...elsewhere.errors], []);
  });
});
