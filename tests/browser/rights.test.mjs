// Rights by an organisation, as the two people see them whose rights they are: who is given one, keeps less of it, or loses it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Somebody } from './client.mjs';
import { Proxy } from './proxy.mjs';
import { MODES, servedSite } from './site.mjs';

const served = servedSite();

for (const [where, options] of Object.entries(MODES)) describe(`rights, ${where}`, () => {
  const end = options.noSharedWorker ? 'l' : 's';
  const org = `org:team-${end}`;
  let proxy, ada, bob, adas, bobs;
  let number = 0;

  before(async () => {
    proxy = await Proxy.before(served.server);
    ada = await Somebody.at(served.server.url, `ada-rights-${end}@example.org`, options);
    bob = await Somebody.at(proxy.url, `bob-rights-${end}@example.org`, options);
    adas = await ada.tab();
    bobs = await bob.tab();
    await adas.open('type:plan');
    if (end === 's') await adas.set('type:plan', { policy: 'org' });
    await adas.settles('type:plan');
    await adas.open(org);
    await adas.set(org, { nodes: { all: {} }, edges: {}, grants: { [ada.first.me.personId]: { all: 'admin' } }, attached: {} });
    await adas.settles(org);
  });

  after(async () => {
    await ada?.leave();
    await bob?.leave();
    await proxy?.down();
    assert.deepEqual([...(ada?.errors ?? []), ...(bob?.errors ?? [])], []);
  });

  const isBobs = async role => {
    await adas.on(org, (entity, [bob, role]) => entity.update(draft => {
      if (role) draft.grants[bob] = { all: role };
      else delete draft.grants[bob];
    }), [bob.first.me.personId, role]);
    await adas.settles(org);
  };

  /** A plan of Ada's that Bob edits. */
  const shared = async value => {
    const id = `plan:${end}${(number += 1)}`;
    await adas.open(id);
    await adas.set(id, value);
    await adas.settles(id);
    await adas.on(org, (entity, id) => entity.update(draft => { draft.attached[id] = 'all'; }), id);
    await adas.settles(org);
    await isBobs('editor');
    await bobs.open(id);
    await bobs.sees(id, value);
    return id;
  };

  test('who is given a role sees it and they edit together', async () => {
    const id = await shared({ steps: ['measure'] });
    await bobs.on(id, entity => entity.update(draft => { draft.steps.push('cut'); }));
    await adas.sees(id, { steps: ['measure', 'cut'] });
    await adas.on(id, entity => entity.update(draft => { draft.steps.push('sand'); }));
    await bobs.sees(id, { steps: ['measure', 'cut', 'sand'] });
  });

  test('who becomes a viewer goes on seeing it, and what they write is refused and not lost', async () => {
    const id = await shared({ text: 'ours' });
    await isBobs('viewer');
    await adas.set(id, { text: 'Adas' });
    await bobs.sees(id, { text: 'Adas' });
    await bobs.on(id, entity => entity.update(draft => { draft.text = 'Bobs words'; }));
    await bobs.settles(id, 'conflict');
    const told = await bobs.on(id, entity => ({ value: entity.get(), mine: entity.conflicts.map(conflict => conflict.mine), error: entity.error?.code }));
    assert.deepEqual(told.value, { text: 'Adas' });
    assert.ok(JSON.stringify(told.mine).includes('Bobs'), JSON.stringify(told));
    assert.equal(told.error, 'forbidden');
    assert.deepEqual(await adas.get(id), { text: 'Adas' });
  });

  test('who loses it sees it no more, also after a reload, while others edit on, and again once it is given back', async () => {
    const id = await shared({ text: `a secret of ${end}` });
    await isBobs(undefined);
    await bobs.sees(id, undefined);
    await adas.set(id, { text: 'a secret still' });
    await adas.settles(id);
    assert.equal(await bobs.get(id), undefined);
    await bobs.load();
    await bobs.open(id);
    await bobs.online();
    await bobs.page.waitForTimeout(500);
    assert.equal(await bobs.get(id), undefined);
    await isBobs('viewer');
    await bobs.load();
    await bobs.open(id);
    await bobs.sees(id, { text: 'a secret still' });
  });

  test('who loses it while they are offline is handed what they wrote meanwhile', async () => {
    const id = await shared({ text: `known to ${end}`, mine: '' });
    await proxy.down();
    await bobs.online('offline');
    await bobs.on(id, entity => entity.update(draft => { draft.mine = 'written offline'; }));
    await isBobs(undefined);
    await proxy.up();
    await bobs.page.waitForFunction(id => !JSON.stringify(client.entity(id).get() ?? null).includes('known to'), id, { timeout: 30_000 });
    const told = await bobs.on(id, entity => ({ status: entity.status, mine: JSON.stringify(entity.conflicts.map(conflict => conflict.mine)) }));
    assert.ok(told.mine.includes('written offline'), JSON.stringify(told));
  });
});
