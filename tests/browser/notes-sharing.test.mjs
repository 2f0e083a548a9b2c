// Sharing a note as people do it: a colleague is asked in by mail, another comes by a link; who may only look sees a page to look at, and who
// is let go is told so and keeps their words.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isForEverybody, Person, profiles, serve, Writer } from './notes.mjs';
import { Proxy } from './proxy.mjs';
import { launch } from './setup.mjs';

const { folder, remove } = profiles();
let server, proxy, ada, bob;

before(async () => {
  server = await serve();
  proxy = await Proxy.before(server);
  ada = await Person.signIn(server, folder, 'ada');
  bob = await Person.signIn(proxy, folder, 'bob', { colorScheme: 'dark' });
});

after(async () => {
  await ada?.context.close();
  await bob?.context.close();
  await proxy?.down();
  await server?.stop();
  remove();
  assert.deepEqual([...(ada?.errors ?? []), ...(bob?.errors ?? [])], []);
});

const at = (person, name) => person.page.getByRole('list', { name: 'People' }).getByRole('listitem').filter({ hasText: name });
const mayView = person => person.page.getByText('You can view this');

test('who signs in chooses what others see of them', async () => {
  await isForEverybody(ada.page, 'empty');
  await ada.page.getByRole('button', { name: 'Settings of ada' }).click();
  const settings = ada.page.getByRole('dialog', { name: 'Settings' });
  await isForEverybody(ada.page, 'settings');
  await settings.getByLabel('Your name, as others see it').fill('Ada Lovelace');
  await settings.getByRole('radio', { name: 'Violet' }).check();
  await settings.getByRole('button', { name: 'Save' }).click();
  await ada.page.getByRole('button', { name: 'Settings of Ada Lovelace' }).waitFor();
});

test('a note is one\'s own until a colleague is asked in by mail, and then both write it', async () => {
  await ada.write('Travel', 'To Turin');
  await isForEverybody(ada.page, 'note');
  assert.equal(await bob.page.getByText('Travel').count(), 0);
  await ada.opensSharing();
  await isForEverybody(ada.page, 'dialog-alone');
  const link = await ada.invites('bob@example.org');
  await ada.sharing.getByText('bob@example.org is invited.').waitFor();
  await ada.sharing.getByText('Waiting to be accepted').waitFor();
  await isForEverybody(ada.page, 'dialog');
  await ada.closes();
  await bob.page.goto(link.replace(server.url, proxy.url));
  await bob.sees('To Turin');
  assert.equal(new URL(bob.page.url()).search, '', 'the invitation goes from the address');
  await bob.page.getByRole('group', { name: 'People here' }).getByText('Also here: Ada Lovelace').waitFor();
  await bob.caret('To Turin'.length);
  await bob.page.keyboard.type(', by train');
  await ada.sees('To Turin, by train');
  await bob.page.getByRole('navigation', { name: 'Notes' }).getByRole('link', { name: /^Travel/ }).waitFor();
  await isForEverybody(bob.page, 'list-dark');
});

test('who may edit sees who has it, and changes nothing of that', async () => {
  await bob.page.getByRole('button', { name: 'People', exact: true }).click();
  await at(bob, 'Ada Lovelace').getByText('Can share').waitFor();
  await at(bob, 'bob (you)').getByText('Can edit').waitFor();
  const dialog = bob.page.getByRole('dialog', { name: 'Who has this note' });
  assert.equal(await dialog.getByRole('combobox').count(), 0);
  await isForEverybody(bob.page, 'people-dark');
  await bob.closes(dialog);
});

test('made a viewer they have a page to read, at once, and made an editor again one to write', async () => {
  await bob.page.getByRole('group', { name: 'Note actions' }).getByRole('button', { name: 'Undo' }).waitFor();
  await ada.opensSharing();
  await ada.page.getByLabel('Role of bob').selectOption('Can view');
  await mayView(bob).waitFor();
  assert.equal(await bob.text.count(), 0);
  assert.equal(await bob.page.getByRole('button', { name: /Undo|Delete/ }).count(), 0);
  await bob.page.getByRole('article').getByText('To Turin, by train').waitFor();
  await isForEverybody(bob.page, 'viewer-dark');
  await bob.page.getByRole('link', { name: 'History' }).click();
  await bob.page.getByRole('slider', { name: 'Version' }).waitFor();
  await bob.page.getByRole('article', { name: 'The note at that version' }).waitFor();
  assert.equal(await bob.page.getByRole('button', { name: 'Restore this version' }).count(), 0);
  await isForEverybody(bob.page, 'history-dark');
  await bob.page.getByRole('link', { name: 'Close history' }).click();
  await mayView(bob).waitFor();
  await ada.page.getByLabel('Role of bob').selectOption('Can edit');
  await bob.sees('To Turin, by train');
  await bob.caret(0);
  await bob.page.keyboard.type('Again: ');
  await ada.sees('Again: To Turin, by train');
});

test('made a viewer while they wrote offline, they have their words beside the page to read', async () => {
  await proxy.down();
  await bob.page.getByText(/You.re offline/).first().waitFor();
  await bob.caret(0);
  await bob.page.keyboard.type('Not any more. ');
  await bob.saved('Kept on this device');
  await ada.page.getByLabel('Role of bob').selectOption('Can view');
  await proxy.up();
  await mayView(bob).waitFor({ timeout: 40_000 });
  const words = bob.page.getByLabel('Your words', { exact: true });
  await words.waitFor();
  assert.match(await words.inputValue(), /Not any more\. Again: To Turin, by train/);
  await isForEverybody(bob.page, 'viewer-unsent-dark');
  await bob.page.getByRole('button', { name: 'I don\'t need it' }).click();
  await words.waitFor({ state: 'detached' });
  await bob.page.getByRole('article').getByText('Again: To Turin, by train').waitFor();
  await ada.page.getByLabel('Role of bob').selectOption('Can edit');
  await bob.sees('Again: To Turin, by train');
});

test('withdrawn while they wrote offline, their page says so and hands them their words', async () => {
  await proxy.down();
  await bob.page.getByText(/You.re offline/).first().waitFor();
  await bob.caret(0);
  await bob.page.keyboard.type('With Bob. ');
  await bob.saved('Kept on this device');
  await ada.page.getByRole('button', { name: 'Remove bob' }).click();
  await at(ada, 'bob').waitFor({ state: 'detached' });
  await proxy.up();
  await bob.page.getByText('This note is not shared with you any more').waitFor({ timeout: 40_000 });
  const words = bob.page.getByLabel('Your words', { exact: true });
  assert.equal((await words.inputValue()).trim(), 'With Bob.');
  await bob.page.reload();
  await words.waitFor();
  assert.equal((await words.inputValue()).trim(), 'With Bob.', 'a reload loses nothing');
  await isForEverybody(bob.page, 'withdrawn-dark');
  await bob.page.getByRole('button', { name: 'I don\'t need it' }).click();
  await words.waitFor({ state: 'detached' });
  assert.equal(await bob.page.getByRole('navigation', { name: 'Notes' }).getByRole('link', { name: /^Travel/ }).count(), 0);
  await ada.closes();
});

test('who sees another of their sessions in the settings ends it, and that is signed out', async () => {
  const elsewhere = await Writer.signIn(server.url, 'ada');
  await ada.page.getByRole('button', { name: /^Settings of/ }).click();
  const sessions = ada.page.getByRole('region', { name: 'Where you are signed in' });
  await sessions.getByText('this one').waitFor();
  await isForEverybody(ada.page, 'sessions');
  const ends = sessions.getByRole('button', { name: /^Sign out / });
  assert.equal(await ends.count(), 1);
  await ends.click();
  await ends.waitFor({ state: 'detached' });
  await assert.rejects(elsewhere.ask('GET', 'page:nothing'), /answered 401/);
  await ada.page.keyboard.press('Escape');
});

test('who gets a link signs in and comes in by it, until it is withdrawn', async () => {
  await ada.opensSharing();
  await ada.sharing.getByLabel('Role of who is invited').selectOption('Can view');
  await ada.sharing.getByRole('button', { name: 'Make a link' }).click();
  const link = await ada.sharing.getByLabel('The link', { exact: true }).inputValue();
  const browser = await launch();
  try {
    const context = await browser.newContext({ viewport: { width: 1100, height: 800 } });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    const carol = { page };
    await page.goto(link);
    await page.getByText('You are invited').waitFor();
    await isForEverybody(page, 'sign-in');
    await page.getByLabel('Email address').fill('carol@example.org');
    await page.getByRole('button', { name: 'Send code' }).click();
    await page.getByLabel('Code').waitFor();
    await isForEverybody(page, 'code');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await mayView(carol).waitFor();
    await isForEverybody(page, 'viewer');
    assert.equal(new URL(page.url()).search, '');
    await ada.sharing.getByRole('button', { name: /^Withdraw the invitation for Anybody/ }).click();
    await ada.sharing.getByText('Anybody with the link').waitFor({ state: 'detached' });
    await ada.closes();
    await ada.opensSharing();
    await ada.page.getByRole('button', { name: 'Remove carol' }).click();
    await page.getByText('This note is not shared with you any more').waitFor();
    assert.equal(await page.getByLabel('Your words', { exact: true }).count(), 0);
    await isForEverybody(page, 'withdrawn');
    await page.goto(link);
    await page.getByText('This invitation is not valid any more').waitFor();
    assert.equal(new URL(page.url()).search, '');
  } finally {
    await browser.close();
  }
});

test('everybody can view it once it says so, by its address, and who leaves is out', async () => {
  await ada.page.getByLabel('What everybody else can do').selectOption('Can view');
  await ada.sharing.getByText('It is on everybody\'s list').waitFor();
  await ada.closes();
  await bob.page.goto(`${proxy.url}/`);
  await bob.page.getByRole('navigation', { name: 'Notes' }).getByRole('link', { name: /^Travel/ }).waitFor();
  await isForEverybody(bob.page, 'list');
  const { hash } = new URL(ada.page.url());
  await bob.page.goto(`${proxy.url}/${hash}`);
  await mayView(bob).waitFor();
  await ada.opensSharing();
  await ada.page.getByLabel('What everybody else can do').selectOption('Nothing');
  await bob.page.getByText('This note is not shared with you any more').waitFor();
  const link = await ada.invites('bob@example.org', 'Can view');
  await ada.closes();
  await bob.page.goto(link.replace(server.url, proxy.url));
  await mayView(bob).waitFor();
  await bob.page.getByRole('button', { name: 'People', exact: true }).click();
  await bob.page.getByRole('button', { name: 'Leave' }).click();
  await bob.page.getByText('You have left “Travel”.').waitFor();
});
