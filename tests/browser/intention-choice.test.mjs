// A conflict is decided while others go on: the choice is about its place, and what is added around it stays.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { MODES, Pair, quiet, serve } from './scene.mjs';

let served;

before(async () => {
  served = await serve();
});

after(() => served?.stop());

for (const [where, options] of Object.entries(MODES)) describe(`a choice among what others do, ${where}`, () => {
  let pair;

  before(async () => {
    pair = await Pair.meet(served.server, options);
  });

  after(() => pair?.part());

  /** Both have set the title, Bob is asked. */
  const contested = async () => {
    const id = await pair.shared({ title: 'Fruit', todos: [{ id: 0, text: 'plum' }] });
    const name = (entity, title) => entity.update(value => void (value.title = title));
    const { conflicts: [, his] } = await pair.apart(id, [name, 'Ada'], [name, 'Bob']);
    assert.deepEqual(his.map(({ path, mine, theirs }) => ({ path, mine, theirs })), [{ path: ['title'], mine: 'Bob', theirs: 'Ada' }]);
    return id;
  };
  const push = (entity, item) => entity.update(({ todos }) => void todos.push(item));
  const chooseAndPush = async (entity, { item, first }) => {
    const choose = () => entity.conflicts[0].resolve('mine');
    const push = () => entity.update(({ todos }) => void todos.push(item));
    for (const act of first === 'choose' ? [choose, push] : [push, choose]) await act();
  };
  const isAllThere = ({ value, conflicts }) => {
    assert.deepEqual([value.title, value.todos.map(({ text }) => text).toSorted(), conflicts.flat()], ['Bob', ['fig', 'plum', 'quince'], []]);
  };

  for (const first of ['choose', 'push']) for (const bobFirst of [false, true]) {
    const name = `${first === 'choose' ? 'who chooses mine, then pushes' : 'who pushes, then chooses mine'}, ${bobFirst ? 'is back before' : 'is back after'} another who pushes`;
    test(`offline, ${name}: both items stay, and mine is there`, async () => {
      const id = await contested();
      isAllThere(await pair.apart(id, [push, { id: 1, text: 'fig' }], [chooseAndPush, { item: { id: 2, text: 'quince' }, first }], { bobFirst }));
    });
  }

  test('online, two push while one of them chooses mine: both items stay, and mine is there', async () => {
    const id = await contested();
    const [adas, bobs] = pair.both;
    await Promise.all([adas.on(id, push, { id: 1, text: 'fig' }), bobs.on(id, chooseAndPush, { item: { id: 2, text: 'quince' }, first: 'choose' })]);
    isAllThere(await quiet(id, pair.both));
  });
});
