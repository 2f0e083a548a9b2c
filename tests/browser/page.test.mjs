// The page at `/`, as two people use it: each test opens an entity of its own in two browsers.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Person, Server, launch } from './setup.mjs';

let server, browser, ada, bob;

before(async () => {
  server = await Server.start();
  browser = await launch();
  ada = await Person.signIn(browser, server, 'ada@example.org');
  bob = await Person.signIn(browser, server, 'bob@example.org');
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function bothOpen(entity) {
  await ada.open(entity);
  await bob.open(entity);
}

test('one person creates and edits, the other follows', async () => {
  await bothOpen('note:followed');
  await ada.create({ title: 'Tea', blob: 'Green' });
  await bob.sees({ title: 'Tea', blob: 'Green' });
  await ada.save({ title: 'Tea', blob: 'Green, in the morning', tags: ['hot'] });
  await bob.sees({ title: 'Tea', blob: 'Green, in the morning', tags: ['hot'] });
  await bob.save({ title: 'Tea', tags: ['hot', 'daily'] });
  await ada.sees({ title: 'Tea', tags: ['hot', 'daily'] });
  await ada.shows(/^Version 3, saved by (?!you)/);
  await bob.shows(/^Version 3, saved by you/);
  await ada.page.waitForFunction(() => document.querySelectorAll('#history li').length === 3);
});

test('edits of different places made at the same time are merged', async () => {
  await bothOpen('note:merged');
  await ada.create({ title: 'Plan', blob: 'First line.\nSecond line.', steps: [1, 2, 3] });
  await bob.sees({ title: 'Plan', blob: 'First line.\nSecond line.', steps: [1, 2, 3] });
  await bob.type({ title: 'Plan B', blob: 'First line.\nSecond line.', steps: [1, 2, 3] });
  await ada.save({ title: 'Plan', blob: 'First line.\nSecond line, longer.', steps: [1, 2, 3, 4] });
  await bob.shows('while you were editing');
  await bob.press('Save');
  const merged = { title: 'Plan B', blob: 'First line.\nSecond line, longer.', steps: [1, 2, 3, 4] };
  await bob.sees(merged);
  await ada.sees(merged);
});

test('edits inside a long text and a long list are followed in their short form', async () => {
  await bothOpen('note:long');
  const lines = Array.from({ length: 200 }, (_, n) => `line ${n}: 🙂 naïve`);
  const list = lines.map((line, n) => ({ n, line }));
  await ada.create({ text: lines.join('\n'), list });
  await bob.sees({ text: lines.join('\n'), list });
  const frames = bob.frames.length;
  const edited = lines.with(100, 'line 100: 🙃 changed');
  await ada.save({ text: edited.join('\n'), list: list.toSpliced(50, 1, { n: 'new' }, { n: 50, line: 'changed' }) });
  await bob.sees({ text: edited.join('\n'), list: list.toSpliced(50, 1, { n: 'new' }, { n: 50, line: 'changed' }) });
  const push = bob.frames.slice(frames).find(frame => frame.includes('prevValidFrom'));
  assert.ok(push.includes('"$text"') && push.includes('"$array"'), push);
  assert.ok(JSON.stringify(JSON.parse(push).diff).length < 300, push);
});

test('a conflict shows their value and lets the person decide', async () => {
  await bothOpen('note:contested');
  await ada.create({ title: 'Draft' });
  await bob.sees({ title: 'Draft' });
  await bob.type({ title: 'From Bob' });
  await ada.save({ title: 'From Ada' });
  await bob.shows('while you were editing');
  await bob.press('Save');
  await bob.shows('Somebody else changed the same place.');
  assert.match(await bob.page.getByLabel('Their value').innerText(), /From Ada/);
  await bob.screenshot('conflict-light');
  await bob.press('Save mine over it');
  await ada.sees({ title: 'From Bob' });

  await bob.type({ title: 'Bob again' });
  await ada.save({ title: 'Ada again' });
  await bob.shows('while you were editing');
  await bob.press('Save');
  await bob.press('Use theirs');
  await bob.sees({ title: 'Ada again' });
});

test('a reload keeps the session and shows the entity of the address', async () => {
  await bothOpen('note:reloaded');
  await ada.create({ title: 'Still here', empty: {}, list: [] });
  await ada.page.reload();
  await ada.sees({ title: 'Still here', empty: {}, list: [] });
});

test('a deleted entity says so to both and can be restored', async () => {
  await bothOpen('note:deleted');
  await ada.create({ title: 'Oops' });
  await bob.sees({ title: 'Oops' });
  await ada.press('Delete');
  await bob.shows(/^Version 2, deleted by/);
  await bob.press('Restore');
  await ada.sees({ title: 'Oops' });
});

test('values that look like the marks of the wire survive', async () => {
  await bothOpen('note:escaped');
  // The editor shows the JSON wire form, in which such a key carries one more `$`.
  const value = { a: { $$text: 'mine' }, b: { $$$x: [1] }, c: { $undefined: true }, d: { $text: 1, more: 2 } };
  await ada.create(value);
  await bob.sees(value);
  await bob.save({ ...value, a: { $$array: 'changed' } });
  await ada.sees({ ...value, a: { $$array: 'changed' } });
});

test('text that is no JSON is refused with words and nothing is sent', async () => {
  await bothOpen('note:strict');
  await ada.create({ title: 'Fine' });
  await ada.shows(/^Version 1, saved by you/);
  await ada.editor.fill('{ "title": ');
  await ada.press('Save');
  await ada.shows('This is not JSON');
  await ada.press('Discard edits');
  await ada.sees({ title: 'Fine' });
});

test('after a crash of the server both reconnect and go on', async () => {
  await bothOpen('note:survivor');
  await ada.create({ count: 1 });
  await bob.sees({ count: 1 });
  await server.kill();
  await ada.status('not connected, trying again');
  await server.run();
  await ada.status('connected');
  await bob.status('connected');
  await bob.sees({ count: 1 });
  await ada.save({ count: 2 });
  await bob.sees({ count: 2 });
});

test('it fits a phone, follows the colour scheme and names its fields', async () => {
  const entity = 'note:shown';
  await ada.open(entity);
  await ada.create({ title: 'Kyoto in autumn', blob: 'Take the early train.', days: [{ day: 1, where: 'Arashiyama' }, { day: 2, where: 'Fushimi' }] });
  await ada.page.waitForFunction(() => document.querySelectorAll('#history li').length === 1);
  await ada.screenshot('desktop-light');
  await ada.page.emulateMedia({ colorScheme: 'dark' });
  await ada.screenshot('desktop-dark');
  await ada.page.setViewportSize({ width: 375, height: 700 });
  await ada.screenshot('phone-dark');
  await ada.page.emulateMedia({ colorScheme: 'light' });
  await ada.screenshot('phone-light');
  assert.equal(await ada.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'nothing sticks out');
  const nameless = await ada.page.evaluate(() => [...document.querySelectorAll('input, textarea')].filter(field => !field.labels.length).length);
  assert.equal(nameless, 0);
});

test('the example of the README works as it stands', async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [example] = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code).filter(code => code.includes('new WebSocket'));
  // In a browser of its own: it signs in.
  const carl = await Person.signIn(browser, server, 'carl@example.org', { entity: 'note:hello' });
  const reader = await browser.newContext().then(context => context.newPage());
  await reader.goto(server.url);
  await reader.evaluate(`(async () => { ${example} })()`);
  await carl.sees({ title: 'Hello!', blob: '' });
  assert.deepEqual(carl.errors, []);
});

test('signing out ends the session', async () => {
  await bob.press('Sign out');
  await bob.page.getByLabel('Email').waitFor();
  await bob.screenshot('sign-in-light');
  assert.equal(await bob.page.evaluate(() => fetch('/me').then(answer => answer.status)), 401);
});

test('nothing went wrong in the pages', () => {
  assert.deepEqual([...ada.errors, ...bob.errors], []);
});
