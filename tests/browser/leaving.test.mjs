// An edit in the very moment in which the only tab is left: it is there when somebody comes back.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { join, leave, MODES, read, serve } from './scene.mjs';

/** What a page does right after its edit, in the same task. */
const WAYS = {
  'goes to another page': () => void (location.href = '/health'),
  'reloads': () => location.reload(),
  'puts another page in its place': () => location.replace('/health'),
};
const TIMES = 4;

let served;

before(async () => {
  served = await serve();
});

after(() => served?.stop());

for (const [where, options] of Object.entries(MODES)) describe(`who leaves their only tab, ${where},`, () => {
  let ada;

  before(async () => {
    ada = await join(served.server, `ada-${options.noSharedWorker ? 'leader' : 'shared'}@example.org`, options);
  });

  after(() => leave(ada));

  test('after letters typed as fast as it goes, finds them all', async () => {
    const { first: tab } = ada;
    const id = `note:${options.noSharedWorker ? 'l' : 's'}typed`;
    await tab.open(id);
    await tab.set(id, { blob: '' });
    await tab.settles(id);
    let blob = '';
    for (let n = 0; n < 3 * TIMES; n += 1) {
      await tab.open(id);
      await tab.sees(id, { blob });
      await tab.page.evaluate(id => {
        const area = document.body.appendChild(document.createElement('textarea'));
        bindText(area, { entity: client.entity(id), path: 'blob' });
        area.focus();
        area.setSelectionRange(area.value.length, area.value.length);
      }, id);
      const words = ` EDIT ${n}`;
      await tab.page.keyboard.type(words);
      await tab.page.reload();
      blob += words;
      await tab.load();
    }
    await tab.open(id);
    await tab.sees(id, { blob });
  });

  for (const isOff of [false, true]) for (const [way, go] of Object.entries(WAYS)) {
    test(`and ${way}${isOff ? ' without a network' : ''}, has what they did last`, async () => {
      const { first: tab } = ada;
      const id = `note:${options.noSharedWorker ? 'l' : 's'}${Object.keys(WAYS).indexOf(way)}${isOff ? 'off' : ''}`;
      await tab.open(id);
      await tab.set(id, { rows: [] });
      await tab.settles(id);
      const rows = [];
      for (let n = 0; n < TIMES; n += 1) {
        await tab.open(id);
        await tab.sees(id, { rows });
        if (isOff) ada.line.off();
        await Promise.all([
          tab.page.waitForEvent('framenavigated'),
          tab.on(id, `(entity, n) => { entity.update(draft => void draft.rows.push(n)); (${go})() }`, n).catch(() => {}),
        ]);
        if (isOff) await ada.line.on();
        rows.push(n);
        await tab.load();
      }
      await tab.open(id);
      await tab.sees(id, { rows });
      await tab.settles(id);
      assert.deepEqual((await read(ada, id)).value, { rows });
    });
  }
});
