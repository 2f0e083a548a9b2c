// The notes app as people use it: two of them, with browsers that are closed, reloaded and offline.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Person, profiles, serve } from './notes.mjs';
import { picture } from './setup.mjs';

const { folder, remove } = profiles();
let server, ada, bob;

before(async () => {
  server = await serve();
  ada = await Person.signIn(server, folder, 'ada');
  bob = await Person.signIn(server, folder, 'bob', { colorScheme: 'dark' });
});

after(async () => {
  await ada?.context.close();
  await bob?.context.close();
  await server?.stop();
  remove();
  assert.deepEqual([...(ada?.errors ?? []), ...(bob?.errors ?? [])], []);
});

test('one writes a note and shares it, the other finds it in the list and reads along', async () => {
  await ada.page.getByRole('button', { name: 'New note' }).click();
  await ada.title.fill('Tea');
  await ada.title.press('Enter');
  await ada.page.keyboard.type('one two three');
  await ada.saved();
  await ada.sharesWith(bob);
  await bob.page.goto(server.url);
  await bob.opens('Tea');
  await bob.sees('one two three');
  await picture(ada.page, 'notes-light');
  await picture(bob.page, 'notes-dark');
});

test('two people type into one text: both keep their place and see both', async () => {
  await bob.caret(7);
  await ada.caret(0);
  await ada.page.keyboard.type('zero ');
  await bob.sees('zero one two three');
  assert.equal(await bob.text.evaluate(field => field.selectionStart), 12, 'the caret moved with the word it was in');
  await ada.caret('zero one two three'.length);
  const [as, bs] = ['a'.repeat(20), 'b'.repeat(20)];
  await Promise.all([ada.page.keyboard.type(` ${as}`, { delay: 15 }), bob.page.keyboard.type(` ${bs}`, { delay: 15 })]);
  const both = `zero one two ${bs} three ${as}`;
  await ada.sees(both);
  await bob.sees(both);
});

test('who else is here is shown', async () => {
  await bob.page.getByRole('group', { name: 'People here' }).getByText('Also here: ada').waitFor();
  await ada.page.getByRole('group', { name: 'People here' }).getByText('Also here: bob').waitFor();
});

test('the history shows an older version against the current one and brings it back', async () => {
  await bob.page.getByRole('link', { name: 'History' }).click();
  const slider = bob.page.getByRole('slider', { name: 'Version' });
  await slider.waitFor();
  await slider.focus();
  await bob.page.keyboard.press('Home');
  await bob.page.getByText(/Version 1 of/).first().waitFor();
  await bob.page.keyboard.press('End');
  await bob.page.keyboard.press('ArrowLeft');
  await bob.page.waitForTimeout(500);
  await picture(bob.page, 'notes-history');
  await bob.page.getByRole('button', { name: 'Restore this version' }).click();
  await bob.text.waitFor();
  const restored = await bob.text.inputValue();
  await ada.sees(restored);
  await bob.page.getByRole('button', { name: 'Undo', exact: true }).first().click();
  await ada.sees(`zero one two ${'b'.repeat(20)} three ${'a'.repeat(20)}`);
});

test('offline: three edits, the tab closed, the browser started again without a server, and all of it reaches the other once', async () => {
  // What the service worker keeps is there after the first visit.
  await ada.page.evaluate(() => navigator.serviceWorker.ready);
  await server.kill();
  await ada.page.getByText('You’re offline').or(ada.page.getByText("You're offline")).first().waitFor();
  const before = await ada.text.inputValue();
  for (const [edit, key] of ['1', '2', '3'].entries()) {
    await ada.caret(before.length + edit);
    await ada.page.keyboard.type(key);
    await ada.page.waitForTimeout(100);
  }
  await ada.saved('Kept on this device');
  await picture(ada.page, 'notes-offline');
  const address = ada.page.url();
  await ada.page.close();
  await ada.context.close();

  await ada.open();
  await ada.page.goto(address);
  await ada.sees(`${before}123`);
  await ada.page.getByRole('navigation', { name: 'Notes' }).getByRole('link', { name: /^Tea/ }).waitFor();
  await server.run();
  await bob.sees(`${before}123`, bob.text, 40_000);
  await ada.saved();
  await ada.sees(`${before}123`);
});

test('a conflict is shown side by side, and the choice sticks', async () => {
  const length = (await ada.text.inputValue()).length;
  await server.kill();
  await ada.caret(0, length);
  await ada.page.keyboard.type('What Ada wrote');
  await bob.caret(0, length);
  await bob.page.keyboard.type('What Bob wrote');
  await ada.saved('Kept on this device');
  await bob.saved('Kept on this device');
  await server.run();
  const keep = person => person.page.getByRole('button', { name: 'Keep mine' });
  const who = await Promise.race([ada, bob].map(person => keep(person).waitFor({ timeout: 40_000 }).then(() => person)));
  const other = who === ada ? bob : ada;
  await picture(who.page, 'notes-conflict');
  assert.equal(await keep(other).count(), 0, 'one side is asked');
  await keep(who).click();
  await who.saved();
  const wanted = who === ada ? 'What Ada wrote' : 'What Bob wrote';
  await who.sees(wanted);
  await other.sees(wanted);
});

test('a note is deleted and comes back', async () => {
  await ada.page.getByRole('button', { name: 'Delete note' }).click();
  await bob.page.getByText('This note was deleted').waitFor();
  await ada.page.getByRole('list', { name: 'Messages' }).getByRole('button', { name: 'Undo' }).click();
  await bob.text.waitFor();
});

test('a note that is made without the app is on the list with its title, and one that is deleted so is not', async () => {
  // As another program would, with the session that the page has.
  const ask = (method, path, body) => bob.page.evaluate(async ([method, path, body]) => {
    const response = await fetch(`/api/v1/entities${path}`, { method, headers: { 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) });
    return { status: response.status, body: await response.json() };
  }, [method, path, body]);
  const listed = async () => {
    const all = [];
    let cursor = '';
    do {
      const { status, body } = await ask('GET', `?type=page&limit=1${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      assert.equal(status, 200);
      assert.ok(body.entities.length <= 1);
      all.push(...body.entities);
      ({ cursor } = body);
    } while (cursor);
    return all;
  };
  const made = await ask('POST', '/page', { id: 'from-elsewhere', value: { title: 'From elsewhere', blob: '' } });
  assert.equal(made.status, 201);
  const { validFrom, personId } = made.body.meta;
  const entityId = 'page:from-elsewhere';
  const all = await listed();
  assert.deepEqual(all.filter(one => one.entityId === entityId), [{ entityId, validFrom, personId }]);
  assert.equal(new Set(all.map(one => one.entityId)).size, all.length, 'each once');
  const link = person => person.page.getByRole('navigation', { name: 'Notes' }).getByRole('link', { name: /^From elsewhere/ });
  // The list is asked for when the page comes to the front, and what is on it is kept up to date.
  const comesToTheFront = person => person.page.evaluate(() => dispatchEvent(new Event('focus')));
  await comesToTheFront(bob);
  await link(bob).waitFor();
  await comesToTheFront(ada);
  await ada.page.waitForTimeout(500);
  assert.equal(await link(ada).count(), 0, 'it is Bob\'s alone');
  assert.equal((await ask('DELETE', `/${entityId}`)).status, 200);
  const left = all.map(one => one.entityId).filter(id => id !== entityId);
  assert.deepEqual((await listed()).map(one => one.entityId), left, 'the others in their order');
  await link(bob).waitFor({ state: 'detached' });
});

test('at phone width list and note are two pages', async () => {
  await ada.page.setViewportSize({ width: 390, height: 780 });
  await ada.page.getByRole('link', { name: 'All notes' }).click();
  await picture(ada.page, 'notes-phone-list');
  await ada.opens('Tea');
  await picture(ada.page, 'notes-phone');
  const width = await ada.page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= 390, `the page is ${width} pixels wide`);
  await ada.page.setViewportSize({ width: 1100, height: 800 });
});

test('signing out leaves nothing to see', async () => {
  await ada.page.getByRole('button', { name: /^Settings of/ }).click();
  await ada.page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await ada.page.getByLabel('Email address').waitFor();
  assert.equal(await ada.page.getByText('Tea').count(), 0);
  assert.equal(await ada.page.evaluate(() => localStorage.length), 0);
});
