// What people mean survives, whoever else does what at the same time: lists, counters, conflicts and texts, in a user's words.
//
// All of it between people in browsers of their own, and between tabs of one; with a SharedWorker, and with tabs that elect one of them.
// TIMEWEFT_INTENTION=full writes as often at the slow paces as at the fast ones, which takes half an hour.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { MODES, once, Pair, quiet, serve, sleep } from './scene.mjs';

const isFull = process.env.TIMEWEFT_INTENTION === 'full';
let served;

before(async () => {
  served = await serve();
});

after(() => served?.stop());

/** Milliseconds between the edits of one tab, and how many it makes. */
const PACES = { 0: 200, 20: 200, 100: isFull ? 200 : 40, 1000: isFull ? 200 : 5 };
const MANY_TABS = 30;

/** What is written in the tests of paces: what an edit does, and what it adds to. */
const KINDS = {
  'push to one list': 'push',
  'unshift into one list': 'unshift',
  'insert in the middle of one list': 'insert',
  'count with increment': 'increment',
};
const START = { push: { items: [] }, unshift: { items: [] }, insert: { items: ['first', 'last'] }, increment: { n: 0 } };

/** In the page: edits of `kind`, so many, each after a pause. */
const writing = async (entity, { kind, name, count, pause }) => {
  for (let n = 0; n < count; n += 1) {
    if (kind === 'increment' && n % 2) entity.increment(['n']);
    else entity.update(value => {
      if (kind === 'push') value.items.push({ name, n });
      if (kind === 'unshift') value.items.unshift({ id: `${name}-${n}`, name, n });
      if (kind === 'insert') value.items.splice(value.items.indexOf('last'), 0, `${name} ${n}`);
      if (kind === 'increment') increment(value, 'n');
    });
    // Without a pause all is done before anything of another's can arrive.
    if (pause) await new Promise(resolve => setTimeout(resolve, pause));
  }
};

/** Whether all that `names` wrote, `count` each, is there once and in each one's order. */
function checkWritten(kind, { value, conflicts }, names, count) {
  const left = `${conflicts.flat().length} conflicts`;
  if (kind === 'increment') return assert.deepEqual([value.n, left], [names.length * count, '0 conflicts']);
  const written = value.items.flatMap(item => item === 'first' || item === 'last' ? [] : typeof item === 'string' ? [item.split(' ')] : [[item.name, item.n]]);
  const numbers = name => written.filter(([by]) => by === name).map(([, n]) => Number(n));
  const there = names.map(name => new Set(numbers(name)).size);
  assert.deepEqual(there, names.map(() => count), `${there.reduce((a, b) => a + b)} of ${names.length * count} are there, ${left}`);
  assert.deepEqual([written.length, left], [names.length * count, '0 conflicts'], 'each is there once');
  for (const name of names) {
    const order = kind === 'unshift' ? numbers(name).reverse() : numbers(name);
    assert.deepEqual(order, order.toSorted((a, b) => a - b), `what ${name} wrote is in its order`);
  }
  if (kind === 'insert') assert.deepEqual([value.items[0], value.items.at(-1)], ['first', 'last'], 'what was around it still is');
}

for (const [where, options] of Object.entries(MODES)) describe(`what people mean, ${where}`, () => {
  let pair;

  before(async () => {
    pair = await Pair.meet(served.server, options);
  });

  after(() => pair?.part());

  /** All of `tabs` write all kinds at once. What became of each kind, by kind. */
  const write = async (tabs, { pause, count, offline = [] }) => {
    const ids = {};
    for (const kind of Object.values(KINDS)) ids[kind] = await pair.shared(START[kind], tabs);
    for (const { line } of offline) line.off();
    await Promise.all(tabs.flatMap((tab, n) => Object.values(KINDS).map(kind => tab.on(ids[kind], writing, { kind, name: `tab${n}`, count, pause }))));
    await pair.online(...offline);
    const outcomes = {};
    for (const kind of Object.values(KINDS)) outcomes[kind] = await quiet(ids[kind], tabs).then(outcome => () => outcome, error => () => { throw error; });
    return { outcomes, names: tabs.map((_, n) => `tab${n}`) };
  };

  const PAIRS = { 'two tabs of one browser': [() => pair.ada.tabs, () => [pair.ada]], 'two people': [() => pair.both, () => [pair.ada, pair.bob]] };
  for (const [who, [tabs, people]] of Object.entries(PAIRS)) {
    // The slow ones leave each other time enough.
    const paced = once(() => Promise.all(Object.entries(PACES).map(([pause, count]) => Number(pause) && write(tabs(), { pause, count }))));
    for (const [n, [pause, count]] of [...Object.entries(PACES), ['offline', 200]].entries()) {
      const run = once(async () => {
        if (pause === 'offline') return write(tabs(), { pause: 0, count, offline: people() });
        return Number(pause) ? (await paced())[n] : write(tabs(), { pause: 0, count });
      });
      for (const [what, kind] of Object.entries(KINDS)) {
        test(`${who} ${what}, ${pause === 'offline' ? 'offline' : `${pause} ms apart`}: all ${2 * count} are there`, async () => {
          const { outcomes, names } = await run();
          checkWritten(kind, outcomes[kind](), names, count);
        });
      }
    }
  }

  describe(`${MANY_TABS} tabs of one browser`, () => {
    const count = isFull ? 200 : 4;
    const run = once(async () => {
      const more = [];
      while (more.length < MANY_TABS - pair.ada.tabs.length) more.push(await pair.ada.tab());
      const done = await write([...pair.ada.tabs, ...more], { pause: 20, count });
      await Promise.all(more.map(({ page }) => page.close()));
      return done;
    });
    for (const [what, kind] of Object.entries(KINDS)) {
      test(`${MANY_TABS} tabs ${what}: all ${MANY_TABS * count} are there`, async () => {
        const { outcomes, names } = await run();
        checkWritten(kind, outcomes[kind](), names, count);
      });
    }
  });

  describe('lists', () => {
    const FRUIT = ['plum', 'fig', 'apple', 'quince', 'cherry', 'damson'];
    const withIds = { title: 'Fruit', todos: FRUIT.map((text, id) => ({ id, text, done: false })) };
    const withoutIds = { title: 'Fruit', todos: FRUIT.map(text => ({ text, done: false })) };
    const tick = value => { for (const todo of value.todos) if (todo.text === 'plum' || todo.text === 'cherry') todo.done = true; };
    const ticking = [(entity, tick) => entity.update((0, eval)(`(${tick})`)), String(tick)];
    const isSortedAndTicked = ({ value, conflicts }) => {
      assert.deepEqual(value.todos.map(({ text, done }) => `${text} ${done}`), ['apple false', 'cherry true', 'damson false', 'fig false', 'plum true', 'quince false']);
      assert.deepEqual(conflicts.flat(), []);
    };

    for (const [which, value] of Object.entries({ 'with ids': withIds, 'without ids': withoutIds })) {
      for (const bobFirst of [false, true]) {
        const order = bobFirst ? 'who ticks comes first' : 'who sorts comes first';
        test(`a list ${which} is sorted here while two are ticked there: the ticked ones are ticked (${order})`, async () => {
          const id = await pair.shared(value);
          const sort = entity => entity.update(({ todos }) => void todos.sort((a, b) => (a.text < b.text ? -1 : 1)));
          isSortedAndTicked(await pair.apart(id, sort, ticking, { bobFirst }));
        });

        test(`an element of a list ${which} is moved to the end here, and to the middle there: it is there once, where the later put it (${bobFirst ? 'the first' : 'the second'})`, async () => {
          const id = await pair.shared(value);
          const toEnd = entity => entity.update(({ todos }) => void todos.push(todos.shift()));
          const toMiddle = entity => entity.update(({ todos }) => void todos.splice(3, 0, todos.shift()));
          const { value: { todos }, conflicts } = await pair.apart(id, toEnd, toMiddle, { bobFirst });
          assert.deepEqual(todos.map(({ text }) => text).toSorted(), FRUIT.toSorted());
          assert.equal(todos[bobFirst ? 5 : 3].text, 'plum', 'where the later one put it');
          assert.deepEqual(conflicts.flat(), []);
        });
      }

      test(`an element of a list ${which} is deleted while another edits it: one conflict about it, whole, and "mine" brings it back`, async () => {
        const id = await pair.shared(value);
        const edit = entity => entity.update(({ todos }) => void (todos[1].text = 'green fig'));
        const remove = entity => entity.update(({ todos }) => void todos.splice(1, 1));
        const { value: { todos }, conflicts: [hers, his] } = await pair.apart(id, edit, remove, { bobFirst: true });
        assert.deepEqual(todos.map(({ text }) => text), FRUIT.filter(text => text !== 'fig'));
        assert.deepEqual(his, []);
        assert.deepEqual(hers.map(({ path, absent, base, mine, theirs }) => ({ path, absent, base, mine, theirs })), [
          { path: ['todos', 1], absent: true, base: value.todos[1], mine: { ...value.todos[1], text: 'green fig' }, theirs: undefined },
        ]);
        await pair.ada.tabs[0].on(id, entity => entity.conflicts[0].resolve('mine'));
        const after = await quiet(id, pair.both);
        assert.deepEqual(after.value.todos.map(({ text }) => text), FRUIT.with(1, 'green fig'));
        assert.deepEqual(after.conflicts.flat(), []);
      });

      test(`an element of a list ${which} is edited while another deletes it: who deletes is asked, about it alone`, async () => {
        const id = await pair.shared(value);
        const edit = entity => entity.update(({ todos }) => void (todos[1].text = 'green fig'));
        const remove = entity => entity.update(({ todos }) => void todos.splice(1, 1));
        const { value: { todos }, conflicts: [hers, his] } = await pair.apart(id, edit, remove);
        assert.deepEqual(todos.map(({ text }) => text), FRUIT.with(1, 'green fig'), 'it stays until that is decided');
        assert.deepEqual(hers, []);
        assert.deepEqual(his.map(({ path, mine, theirs }) => ({ path, mine, theirs })), [
          { path: ['todos', 1], mine: undefined, theirs: { ...value.todos[1], text: 'green fig' } },
        ]);
        await pair.bob.tabs[0].on(id, entity => entity.conflicts[0].resolve('mine'));
        const after = await quiet(id, pair.both);
        assert.deepEqual(after.value.todos.map(({ text }) => text), FRUIT.filter(text => text !== 'fig'));
        assert.deepEqual(after.conflicts.flat(), []);
      });
    }

    test('a list is set anew in another order, as form libraries do, while two are ticked there: the ticked ones are ticked', async () => {
      const id = await pair.shared(withIds);
      const sort = entity => {
        const { todos, ...rest } = structuredClone(entity.get());
        entity.set({ ...rest, todos: todos.sort((a, b) => (a.text < b.text ? -1 : 1)) });
      };
      isSortedAndTicked(await pair.apart(id, sort, ticking));
    });

    test('a list without ids is set anew with one more in front and one ticked, while that one is renamed there: both are in that one', async () => {
      const id = await pair.shared(withoutIds);
      const set = entity => {
        const { todos, ...rest } = entity.get();
        const ticked = todos.map(todo => (todo.text === 'plum' ? { ...todo, done: true } : { ...todo }));
        entity.set({ ...rest, todos: [{ text: 'pear', done: false }, ...ticked] });
      };
      const rename = entity => entity.update(({ todos }) => void (todos[0].text = 'red plum'));
      const { value: { todos }, conflicts } = await pair.apart(id, set, rename);
      assert.deepEqual(todos.slice(0, 3).map(({ text, done }) => `${text} ${done}`), ['pear false', 'red plum true', 'fig false']);
      assert.deepEqual(conflicts.flat(), []);
    });

    test('a list without ids is set anew in another order, each item a copy, while two are ticked there: the ticked ones are ticked', async () => {
      const id = await pair.shared(withoutIds);
      const sort = entity => {
        const { todos, ...rest } = structuredClone(entity.get());
        entity.set({ ...rest, todos: todos.sort((a, b) => (a.text < b.text ? -1 : 1)) });
      };
      isSortedAndTicked(await pair.apart(id, sort, ticking));
    });

    test('both tick one item of a list without ids and send it to the bottom: it is there once', async () => {
      const id = await pair.shared(withoutIds);
      const done = entity => {
        const { todos, ...rest } = entity.get();
        entity.set({ ...rest, todos: [...todos.filter(({ text }) => text !== 'fig'), { ...todos.find(({ text }) => text === 'fig'), done: true }] });
      };
      const { value: { todos }, conflicts } = await pair.apart(id, done, done);
      assert.deepEqual(todos.map(({ text, done }) => `${text} ${done}`), [...FRUIT.filter(text => text !== 'fig').map(text => `${text} false`), 'fig true']);
      assert.deepEqual(conflicts.flat(), []);
    });

    test('two tabs: one sorts after it was blocked, the other ticks two meanwhile: the ticked ones are ticked', async () => {
      const id = await pair.shared(withoutIds, pair.ada.tabs);
      const [first, second] = pair.ada.tabs;
      const blocked = first.on(id, entity => {
        const end = performance.now() + 600;
        while (performance.now() < end);
        entity.update(({ todos }) => void todos.sort((a, b) => (a.text < b.text ? -1 : 1)));
      });
      await sleep(200);
      await second.on(id, ...ticking);
      await blocked;
      isSortedAndTicked(await quiet(id, pair.ada.tabs));
    });

    // What is in them tells which is which: it is there once.
    const WORDS = ['pear', 'elder', 'quince', 'plum', 'medlar', 'hazel', 'damson', 'cherry', 'bilberry', 'apple', 'sloe', 'fig'];
    const CHANGES = {
      'is sorted': ({ words }) => void words.sort(),
      'is reversed': ({ words }) => void words.reverse(),
      'has one moved down': ({ words }) => void words.splice(8, 0, ...words.splice(2, 1)),
      'has one moved up': ({ words }) => void words.unshift(...words.splice(2, 1)),
      'has two inserted': ({ words }) => void words.splice(5, 0, 'grape', 'lime'),
      'has two taken out': ({ words }) => void words.splice(3, 2),
    };
    for (const [here, hers] of Object.entries(CHANGES)) {
      test(`a list of words ${here} here, while there it is sorted, reversed, has some moved, inserted or taken out: each word is there once`, async () => {
        const change = (entity, code) => entity.update((0, eval)(code));
        const changes = [];
        for (const his of Object.values(CHANGES)) changes.push({ id: await pair.shared({ words: WORDS }), hers: [change, String(hers)], his: [change, String(his)] });
        const outcomes = await pair.allApart(changes);
        const wrong = Object.keys(CHANGES).flatMap((there, n) => {
          const { value: { words }, conflicts } = outcomes[n];
          const without = [here, there].includes('has two taken out') ? WORDS.slice(3, 5) : [];
          const more = [here, there].filter(what => what === 'has two inserted').flatMap(() => ['grape', 'lime']);
          const wanted = [...WORDS.filter(word => !without.includes(word)), ...more].toSorted();
          const isRight = JSON.stringify(words.toSorted()) === JSON.stringify(wanted) && conflicts.flat().length === 0;
          return isRight ? [] : [`${there} there: ${words.join(' ')}, ${conflicts.flat().length} conflicts`];
        });
        assert.deepEqual(wrong, []);
      });
    }

    test('two push and both set the title: choosing mine for the title leaves both items', async () => {
      const id = await pair.shared({ title: 'Fruit', todos: [] });
      const edit = (entity, name) => entity.update(value => {
        value.todos.push(name);
        value.title = name;
      });
      const { conflicts: [, his] } = await pair.apart(id, [edit, 'Ada'], [edit, 'Bob']);
      assert.deepEqual(his.map(({ path, mine, theirs }) => ({ path, mine, theirs })), [{ path: ['title'], mine: 'Bob', theirs: 'Ada' }]);
      await pair.bob.tabs[0].on(id, entity => entity.conflicts[0].resolve('mine'));
      const { value, conflicts } = await quiet(id, pair.both);
      assert.equal(value.title, 'Bob');
      assert.deepEqual(value.todos.toSorted(), ['Ada', 'Bob']);
      assert.deepEqual(conflicts.flat(), []);
    });
  });

  describe('conflicts', () => {
    /** Ada writes 10, 20, 30 where Bob writes 1, 2, 3, each unseen by the other. */
    const threeTimes = async () => {
      const id = await pair.shared({ n: 0 });
      for (const round of [1, 2, 3]) {
        pair.ada.line.off();
        await pair.ada.tabs[0].on(id, (entity, n) => entity.update(value => void (value.n = n)), 10 * round);
        await pair.bob.tabs[0].on(id, (entity, n) => entity.update(value => void (value.n = n)), round);
        await quiet(id, [pair.bob.tabs[0]]);
        await pair.online(pair.ada);
        await quiet(id, pair.both);
      }
      return id;
    };
    const mine = () => pair.ada.tabs[0];
    const standing = id => mine().on(id, entity => entity.conflicts.map(conflict => [conflict.mine, conflict.theirs]));

    test('three conflicts in a row at one place: three can be seen and chosen, also after a reload', async () => {
      const id = await threeTimes();
      assert.deepEqual(await standing(id), [[10, 1], [20, 2], [30, 3]]);
      await mine().load();
      await mine().open(id);
      await mine().sees(id, { n: 3 });
      await quiet(id, pair.both);
      assert.deepEqual(await standing(id), [[10, 1], [20, 2], [30, 3]]);
      await mine().on(id, entity => entity.conflicts[1].resolve('mine'));
      // While others stand, the status does not tell that it is on its way.
      await pair.both[1].sees(id, { n: 20 });
      await quiet(id, pair.both);
      assert.deepEqual((await standing(id)).map(([mine]) => mine), [10, 30]);
      await mine().on(id, entity => entity.conflicts[0].resolve('theirs'));
      await sleep(300);
      assert.equal((await quiet(id, pair.both)).value.n, 20);
      await mine().on(id, entity => entity.conflicts[0].resolve({ value: 7 }));
      await pair.both[1].sees(id, { n: 7 });
      const { value, conflicts } = await quiet(id, pair.both);
      assert.equal(value.n, 7);
      assert.deepEqual(conflicts.flat(), []);
    });

    test('one word is replaced by two people: both words can be had', async () => {
      const id = await pair.shared({ blob: 'The cat sleeps.' });
      const { value, conflicts: [, his] } = await pair.apart(id, entity => entity.update(note => void (note.blob = 'The mouse sleeps.')), entity => entity.update(note => void (note.blob = 'The dog sleeps.')));
      assert.equal(value.blob, 'The mouse sleeps.');
      assert.deepEqual(his.map(({ path, range, mine, theirs }) => ({ path, range, mine, theirs })), [{ path: ['blob'], range: [4, 5], mine: 'dog', theirs: 'mouse' }]);
      await pair.bob.tabs[0].on(id, entity => entity.conflicts[0].resolve('both'));
      assert.equal((await quiet(id, pair.both)).value.blob, 'The mousedog sleeps.');
    });
  });
});
