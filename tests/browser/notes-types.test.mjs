// A rule that notes have to keep: whoever breaks it sees which one and where, mends it, and loses nothing of what they wrote.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Person, Writer, profiles, serve } from './notes.mjs';
import { picture } from './setup.mjs';

const SCHEMA = {
  type: 'object',
  required: ['title', 'blob'],
  properties: { title: { type: 'string', maxLength: 20 }, blob: { type: 'string', pattern: '^[^!]*$' } },
};

const { folder, remove } = profiles();
let server, program, ada, bob;

before(async () => {
  // As an app would declare it: a restart takes over the same again.
  const types = join(folder, 'timeweft.types.json');
  writeFileSync(types, JSON.stringify({ page: { policy: 'org', schema: SCHEMA } }));
  server = await serve(types);
  ada = await Person.signIn(server, folder, 'ada');
  bob = await Person.signIn(server, folder, 'bob', { colorScheme: 'dark' });
  await ada.page.getByRole('button', { name: 'New note' }).click();
  await ada.title.fill('Tea');
  await ada.text.fill('one two three');
  await ada.saved();
  await ada.sharesWith(bob);
  await bob.sees('one two three');
  program = await Writer.signIn(server.url, 'ada');
});

after(async () => {
  await ada?.context.close();
  await bob?.context.close();
  await server?.stop();
  remove();
  assert.deepEqual([...(ada?.errors ?? []), ...(bob?.errors ?? [])], []);
});

/** What was not taken, with the reason. */
const refused = person => {
  const form = person.page.getByRole('form', { name: 'Your last change was not taken' });
  const field = name => form.getByRole('textbox', { name, exact: true });
  const press = name => form.getByRole('button', { name, exact: true }).click();
  /** What is said of a field. */
  const said = async name => {
    const id = await field(name).getAttribute('aria-describedby');
    return id && form.locator(`[id="${id}"]`).textContent();
  };
  return { form, field, press, said };
};

const stored = async () => {
  const path = new URL(ada.page.url()).hash.replace('#/n/', 'page:');
  return (await program.ask('GET', path)).value;
};

test('who breaks a rule sees which and where, and what they wrote is kept there', async () => {
  const { form, field, said } = refused(ada);
  await ada.title.fill('Tea, and how it is made in Assam');
  await form.waitFor();
  assert.equal(await field('Title').inputValue(), 'Tea, and how it is made in Assam');
  assert.match(await said('Title'), /20/, 'the rule is named');
  assert.equal(await field('Title').getAttribute('aria-invalid'), 'true');
  assert.equal(await field('Text').count(), 0, 'what is as it was is not asked about');
  await ada.saved('Not taken');
  const title = ada.page.getByPlaceholder('Title');
  assert.equal(await title.inputValue(), 'Tea', 'the note is what everybody has');
  assert.ok(await title.evaluate(input => input.readOnly), 'one goes on beside the reason');
  await picture(ada.page, 'notes-refused');
});

test('it is still there after a reload, and nobody else is bothered', async () => {
  await ada.page.reload();
  const { form, field, said } = refused(ada);
  await form.waitFor();
  assert.equal(await field('Title').inputValue(), 'Tea, and how it is made in Assam');
  assert.match(await said('Title'), /20/);
  assert.equal(await refused(bob).form.count(), 0);
  assert.equal(await bob.title.inputValue(), 'Tea');
});

test('mended with something else that breaks the rule it is refused again, and taken once it fits, with what others wrote since', async () => {
  await bob.caret('one two three'.length);
  await bob.page.keyboard.type(' four');
  await ada.sees('one two three four');
  const { form, field, press, said } = refused(ada);
  await field('Title').fill('Tea, as it is made there');
  await press('Save this');
  await ada.page.waitForFunction(() => document.querySelector('form textarea')?.value === 'Tea, as it is made there');
  await form.waitFor();
  assert.match(await said('Title'), /20/);
  await field('Title').fill('Tea from Assam');
  await press('Save this');
  await form.waitFor({ state: 'detached' });
  await ada.saved();
  await bob.sees('Tea from Assam', bob.title);
  assert.deepEqual(await stored(), { title: 'Tea from Assam', blob: 'one two three four' });
  await ada.page.getByRole('navigation', { name: 'Notes' }).getByRole('link', { name: /^Tea from Assam/ }).waitFor();
});

test('written offline, the rule is met when the line is back: both parts are kept, and each has its reason', async () => {
  await server.kill();
  await ada.page.getByText(/You.re offline/).first().waitFor();
  await ada.title.fill('Tea from Assam, twice');
  await ada.text.fill('one two three four!');
  await ada.saved('Kept on this device');
  await server.run();
  const { form, field, press, said } = refused(ada);
  await form.waitFor({ timeout: 40_000 });
  assert.deepEqual([await field('Title').inputValue(), await field('Text').inputValue()], ['Tea from Assam, twice', 'one two three four!']);
  assert.match(await said('Title'), /20/);
  assert.match(await said('Text'), /\[\^!\]/);
  await picture(ada.page, 'notes-refused-both');
  await ada.page.setViewportSize({ width: 390, height: 780 });
  await picture(ada.page, 'notes-refused-phone');
  assert.ok((await ada.page.evaluate(() => document.documentElement.scrollWidth)) <= 390);
  await ada.page.setViewportSize({ width: 1100, height: 800 });
  await press('Give it up');
  await form.waitFor({ state: 'detached' });
  await ada.saved();
  await ada.sees('one two three four');
  assert.deepEqual(await stored(), { title: 'Tea from Assam', blob: 'one two three four' });
});

test('a new note that the rule would not have is offered to be mended, and made then', async () => {
  const properties = { ...SCHEMA.properties, title: { type: 'string', minLength: 1 } };
  // In development mode everybody is an admin.
  const { meta } = await program.ask('GET', 'type:page');
  const change = { value: { policy: 'org', schema: { ...SCHEMA, properties } } };
  await program.ask('PUT', 'type:page', change, { 'If-Unmodified-Since': meta.validFrom });
  await bob.page.getByRole('button', { name: 'New note' }).click();
  const { form, field, press, said } = refused(bob);
  await form.waitFor();
  assert.match(await said('Title'), /1/);
  await picture(bob.page, 'notes-refused-new-dark');
  await field('Title').fill('Coffee');
  await press('Save this');
  await form.waitFor({ state: 'detached' });
  await bob.sees('Coffee', bob.title);
  await bob.saved();
  await bob.sharesWith(ada);
  await ada.sees('Coffee', ada.title);
});
