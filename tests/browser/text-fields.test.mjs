// Two people, or two tabs of one, type into text fields with their keyboards, at one place at the same moment, also the same letters: what each
// writes stays in one piece, and each goes on where they were.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { MODES, Pair, quiet, serve, sleep } from './scene.mjs';

let served;

before(async () => {
  served = await serve();
});

after(() => served?.stop());

/** In the page: a text field for the note, with the caret at the end. */
const field = (tab, id, path = 'blob') => tab.page.evaluate(([id, path]) => {
  document.querySelector('textarea')?.remove();
  globalThis.unbind?.();
  const area = document.body.appendChild(document.createElement('textarea'));
  globalThis.unbind = bindText(area, { entity: client.entity(id), path });
  area.focus();
  area.setSelectionRange(area.value.length, area.value.length);
}, [id, path]);

/** What is there, what each types, and how much later the second begins. */
const CASES = [
  ['a line at the end of a list', '- tea', '\n- milk', '\n- bread', 0],
  ['a line at the end of a list, one a little later', '- tea', '\n- milk', '\n- bread', 40],
  ['what begins alike in an empty field', '', 'hello from ada', 'hello from bob', 0],
  ['what has one letter alike', '', 'hats are', 'hip 1234', 0],
  ['the same words', 'We need ', 'tea and cake. ', 'tea and cake. ', 0],
  ['runs of one letter', 'Well', 'oooooooo', 'oooooooo', 0],
];

for (const [where, options] of Object.entries(MODES)) describe(`two who type into fields, ${where}`, () => {
  let pair;

  before(async () => {
    pair = await Pair.meet(served.server, options);
  });

  after(() => pair?.part());

  for (const [who, tabs] of Object.entries({ 'two people': () => pair.both, 'two tabs of one': () => pair.ada.tabs })) {
    for (const [what, text, first, second, later] of CASES) {
      for (const delay of [0, 60]) {
        test(`${who} type ${what}${delay ? ', as people do' : ', all at once'}: each one's is in one piece`, async () => {
          const both = tabs();
          const id = await pair.shared({ blob: text }, both);
          for (const tab of both) await field(tab, id);
          await Promise.all([first, second].map(async (words, n) => {
            await sleep(n * later);
            await both[n].page.keyboard.type(words, { delay });
          }));
          // Each may have all of theirs on the server before the other's last letter comes.
          const { value: whole } = await quiet(id, both);
          const wanted = [text + first + second, text + second + first];
          assert.ok(wanted.includes(whole.blob), `${JSON.stringify(whole.blob)} is neither of ${JSON.stringify(wanted)}`);
          for (const tab of both) assert.equal(await tab.page.evaluate(() => document.querySelector('textarea').value), whole.blob);
        });
      }
    }
  }

  test('who types into a row goes on in it when another puts rows above it', async () => {
    const [ada, bob] = pair.both;
    const row = (id, t) => ({ id, t });
    const id = await pair.shared({ rows: [row('a', 'buy some milk'), row('b', 'write a letter')] }, pair.both);
    await field(bob, id, ['rows', 1, 't']);
    const typing = bob.page.keyboard.type(' to my old aunt', { delay: 30 });
    for (const n of [1, 2, 3]) {
      await sleep(80);
      await ada.on(id, (entity, n) => entity.update(list => void list.rows.unshift({ id: `n${n}`, t: 'another' })), n);
    }
    await typing;
    for (const tab of pair.both) await tab.settles(id);
    const rows = [row('n3', 'another'), row('n2', 'another'), row('n1', 'another'), row('a', 'buy some milk'), row('b', 'write a letter to my old aunt')];
    for (const tab of pair.both) await tab.sees(id, { rows });
  });

  test('who takes back what they wrote around another\'s words leaves that one\'s caret where it was', async () => {
    const [ada, bob] = pair.both;
    const id = await pair.shared({ blob: 'base text' }, pair.both);
    for (const tab of pair.both) await field(tab, id);
    await ada.page.keyboard.type(' by ada', { delay: 20 });
    await bob.sees(id, { blob: 'base text by ada' });
    await bob.page.evaluate(() => document.querySelector('textarea').setSelectionRange(10, 10));
    await bob.page.keyboard.type('written a', { delay: 20 });
    await ada.sees(id, { blob: 'base text written aby ada' });
    await ada.page.keyboard.press('Control+z');
    await bob.sees(id, { blob: 'base textwritten a' });
    await bob.page.keyboard.type('nd');
    await ada.sees(id, { blob: 'base textwritten and' });
  });
});
