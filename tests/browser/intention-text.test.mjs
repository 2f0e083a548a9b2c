// Two type into one text at the same time, each where the own caret is: every letter is there, and what each types stays in one piece.
//
// TIMEWEFT_INTENTION=full types as slowly as people do.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { MODES, once, Pair, quiet, serve } from './scene.mjs';

const LETTERS = 400;
const PAUSE = process.env.TIMEWEFT_INTENTION === 'full' ? 60 : 8;
/** How much later the second begins, in milliseconds. */
const LATER = 150;
/** Each one's letters are of an own alphabet, and the text of a third. */
const ALPHABETS = ['αβγδεζηθικλμνξοπρστυφχψω', 'абвгдежзийклмнопрстуфхцчшщъыьэюя'];
const TEXT = 'They are weaving and knitting.';

let served;

before(async () => {
  served = await serve();
});

after(() => served?.stop());

const run = (who, backwards) => {
  const letters = Array.from({ length: LETTERS }, (_, n) => ALPHABETS[who][n % ALPHABETS[who].length]);
  return { letters, whole: (backwards ? letters.toReversed() : letters).join('') };
};

/** In the page: the letters one by one at the caret, which is behind the own letters, or before them. The first comes after `mark`. */
const typing = async (entity, { letters, mark, backwards, delay, pause }) => {
  const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
  const own = new Set(letters);
  await sleep(delay);
  for (const letter of letters) {
    entity.update(note => {
      const places = [...note.blob].flatMap((there, place) => (own.has(there) ? [place] : []));
      const at = places.length === 0 ? note.blob.indexOf(mark) + mark.length : backwards ? places[0] : places.at(-1) + 1;
      note.blob = note.blob.slice(0, at) + letter + note.blob.slice(at);
    });
    if (pause) await sleep(pause);
  }
};

function checkTyped({ value: { blob }, conflicts }, backwards, rest = TEXT) {
  for (const [who, name] of ['Ada', 'Bob'].entries()) {
    const { whole } = run(who, backwards);
    const theirs = [...blob].filter(letter => ALPHABETS[who].includes(letter)).join('');
    const pieces = blob.match(new RegExp(ALPHABETS.map(letters => `[${letters}]+`).join('|'), 'g')) ?? [];
    const told = pieces.map(piece => `${ALPHABETS[who].includes(piece[0]) ? 'own' : 'other'} ${piece.length}`).join(', ');
    assert.equal(theirs.length, LETTERS, `${theirs.length} of the ${LETTERS} letters of ${name} are there, ${conflicts.flat().length} conflicts`);
    assert.ok(theirs === whole, `those of ${name} are not in order: ${told}: ${blob}`);
    assert.ok(blob.includes(whole), `those of ${name} are in pieces: ${told}: ${blob}`);
  }
  assert.deepEqual(conflicts.flat(), []);
  assert.equal([...blob].filter(letter => !ALPHABETS.join('').includes(letter)).join(''), rest, 'and so is what was there');
}

/** Where the two type: after which words. */
const PLACES = {
  'each at the end of one text': [TEXT, TEXT],
  'each in the middle of one word': ['They are weav', 'They are weav'],
  'each in the middle of a word of the other': ['and knit', 'They are weav'],
};

for (const [where, options] of Object.entries(MODES)) describe(`two who type, ${where}`, () => {
  let pair;

  before(async () => {
    pair = await Pair.meet(served.server, options);
  });

  after(() => pair?.part());

  /** Ada writes the start of the text, Bob its end. */
  const begin = async tabs => {
    const [first, second] = tabs;
    const id = await pair.shared({ blob: 'They are weaving' }, tabs);
    await second.on(id, entity => entity.update(note => void (note.blob += ' and knitting.')));
    await first.sees(id, { blob: TEXT });
    await second.settles(id);
    return id;
  };

  const TYPISTS = { 'two people': () => pair.both, 'two tabs of one browser': () => pair.ada.tabs };
  const cases = Object.entries(TYPISTS).flatMap(([who, tabs]) =>
    Object.entries(PLACES).flatMap(([place, marks]) =>
      [false, true].flatMap(backwards =>
        [0, 1].map(late => ({
          name: `${who} type ${LETTERS} letters ${place}${backwards ? ', backwards' : ''}, ${late === 0 ? 'the second' : 'the first'} begins: all ${2 * LETTERS} are there, each one's in one piece`,
          tabs, marks, backwards, late,
        })))));

  describe('online', () => {
    // All at once, each in an entity of its own: they take turns in the pages as they would in time.
    const typed = once(async () => {
      const ids = [];
      for (const { tabs } of cases) ids.push(await begin(tabs()));
      await Promise.all(cases.flatMap(({ tabs, marks, backwards, late }, n) => tabs().map((tab, who) =>
        tab.on(ids[n], typing, { letters: run(who, backwards).letters, mark: marks[who], backwards, delay: who === late ? LATER : 0, pause: PAUSE }))));
      return ids;
    });
    for (const [n, { name, tabs, backwards }] of cases.entries()) {
      test(name, async () => checkTyped(await quiet((await typed())[n], tabs()), backwards));
    }
  });

  describe('offline', () => {
    for (const [place, marks] of Object.entries(PLACES)) {
      for (const backwards of [false, true]) {
        for (const bobFirst of [false, true]) {
          test(`two people type ${place}${backwards ? ', backwards' : ''}, both offline, ${bobFirst ? 'the second' : 'the first'} is back first: each one's is in one piece`, async () => {
            const id = await begin(pair.both);
            const [hers, his] = marks.map((mark, who) => [typing, { letters: run(who, backwards).letters, mark, backwards, delay: 0, pause: 0 }]);
            checkTyped(await pair.apart(id, hers, his, { bobFirst }), backwards);
          });
        }
      }
    }

    test('two people type offline, then go on where they were: each one\'s is in one piece', async () => {
      const id = await begin(pair.both);
      const half = LETTERS / 2;
      const [hers, his] = [0, 1].map(who => [typing, { letters: run(who).letters.slice(0, half), mark: TEXT, delay: 0, pause: 0 }]);
      await pair.apart(id, hers, his);
      await Promise.all(pair.both.map((tab, who) => tab.on(id, typing, { letters: run(who).letters.slice(half), mark: TEXT, delay: 0, pause: PAUSE })));
      checkTyped(await quiet(id, pair.both));
    });

    test('who types in the middle of what another deletes loses no letter', async () => {
      const id = await begin(pair.both);
      const remove = entity => entity.update(note => void (note.blob = note.blob.replace('weaving and ', '')));
      const { letters, whole } = run(0);
      const { value: { blob }, conflicts } = await pair.apart(id, [typing, { letters, mark: 'They are weav', delay: 0, pause: 0 }], remove);
      assert.equal(blob, `They are ${whole}knitting.`);
      assert.deepEqual(conflicts.flat(), []);
    });
  });
});
