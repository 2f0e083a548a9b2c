// The quick start of packages/client as it stands, in the browsers of two people.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Proxy } from './proxy.mjs';
import { launch, Server } from './setup.mjs';
import { buildSite, examples } from './site.mjs';

const site = mkdtempSync(join(tmpdir(), 'timeweft-quick-start-'));
const errors = [];
let server, line, browser, ada, bob;

before(async () => {
  await buildSite(site, join(examples, 'quick-start.js'), join(examples, 'quick-start.html'));
  server = await Server.start({ assets: site });
  line = await Proxy.before(server);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await line?.down();
  await server?.stop();
  rmSync(site, { recursive: true, force: true });
  assert.deepEqual(errors, []);
});

/** Somebody's browser, signed in. */
async function signIn(url, email) {
  const context = await browser.newContext();
  context.on('weberror', error => errors.push(error.error()));
  const page = await open(context, url);
  await page.getByLabel('Email').fill(email);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('online, saved').waitFor();
  return page;
}

/** The page in another tab. */
async function open(context, url) {
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  // What it has to ask or to tell is not part of these tests.
  page.on('dialog', dialog => {
    errors.push(dialog.message());
    void dialog.dismiss();
  });
  await page.goto(url);
  return page;
}

const shows = (page, label, text) =>
  page.waitForFunction(([id, text]) => document.getElementById(id).value === text, [label.toLowerCase(), text]).catch(async () => {
    throw new Error(`${label} should be ${text} and is ${await page.getByLabel(label).inputValue()}; ${await page.locator('#status').innerText()}`);
  });

test('somebody signs in and has a note, and somebody else sees it', async () => {
  ada = await signIn(line.url, 'ada@example.org');
  await shows(ada, 'Title', 'Untitled');
  await ada.getByLabel('Title').fill('Tea');
  await ada.getByText('online, saved').waitFor();
  bob = await signIn(server.url, 'bob@example.org');
  await shows(bob, 'Title', 'Tea');
});

test('each sees what the other writes', async () => {
  await bob.getByLabel('Text').fill('Green.');
  await shows(ada, 'Text', 'Green.');
  await ada.getByLabel('Text').fill('Green, in the morning.');
  await shows(bob, 'Text', 'Green, in the morning.');
});

test('undo takes back what was done here and leaves the rest', async () => {
  await bob.getByLabel('Title').fill('Coffee');
  await shows(ada, 'Title', 'Coffee');
  await ada.getByRole('button', { name: 'Undo' }).click();
  await shows(bob, 'Text', 'Green.');
  await shows(bob, 'Title', 'Coffee');
});

test('what was written offline is sent later, and a conflict is for its writer to resolve', async () => {
  await line.down();
  await ada.getByText(/^(offline|connecting), offline$/).waitFor();
  await ada.getByLabel('Title').fill('Mine');
  await ada.getByLabel('Text').fill('Written offline.');
  await ada.close();
  await bob.getByLabel('Title').fill('Theirs');
  await bob.getByText('online, saved').waitFor();
  await line.up();
  ada = await open(ada.context(), line.url);
  await ada.getByText('online, conflict').waitFor();
  await shows(ada, 'Title', 'Theirs');
  await shows(bob, 'Text', 'Written offline.');
  for (const choice of ['Take both: TheirsMine', 'Leave theirs: Theirs']) await ada.getByRole('button', { name: choice }).waitFor();
  await ada.getByRole('button', { name: 'Take mine: Mine' }).click();
  await ada.getByText('online, saved').waitFor();
  await shows(bob, 'Title', 'Mine');
});

test('the history goes back to any version', async () => {
  await bob.getByRole('button', { name: 'History' }).click();
  const versions = bob.getByRole('button', { name: /^Back to / });
  await versions.last().waitFor();
  await versions.last().click();
  await shows(ada, 'Title', 'Untitled');
  await shows(ada, 'Text', '');
});

test('two who write backwards at one place, each letter before the last, write each in one piece', async () => {
  await ada.getByLabel('Text').fill('<>');
  await shows(bob, 'Text', '<>');
  const write = async (page, letters) => {
    await page.getByLabel('Text').evaluate(field => {
      field.focus();
      field.setSelectionRange(1, 1);
    });
    for (const letter of letters) {
      await page.keyboard.type(letter);
      await page.keyboard.press('ArrowLeft');
    }
  };
  await Promise.all([write(ada, 'abcdefghij'), write(bob, '9876543210')]);
  const pages = [ada, bob];
  await Promise.all(pages.map(page => page.waitForFunction(() => document.getElementById('text').value.length === 22)));
  for (const page of pages) assert.match(await page.getByLabel('Text').inputValue(), /^<(jihgfedcba0123456789|0123456789jihgfedcba)>$/);
});

test('signing out leaves nothing to see', async () => {
  await ada.getByRole('button', { name: 'Sign out' }).click();
  await ada.getByRole('button', { name: 'Sign in' }).waitFor();
  await ada.getByLabel('Title').waitFor({ state: 'hidden' });
  await shows(ada, 'Title', '');
});

test("the project's README is right too", async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [example] = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code).filter(code => code.includes("from 'timeweft'"));
  const folder = mkdtempSync(join(tmpdir(), 'timeweft-readme-'));
  writeFileSync(join(folder, 'main.js'), example);
  await buildSite(join(folder, 'site'), join(folder, 'main.js'));
  const own = await Server.start({ assets: join(folder, 'site') });
  const page = await (await browser.newContext()).newPage();
  const shown = [];
  page.on('console', message => shown.push(message.text()));
  // Signed in before the script runs, as the user of an app is.
  await page.goto(`${own.url}/health`);
  await page.evaluate(async () => {
    const post = (path, body) => fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
    const { code } = await (await post('/login', { email: 'carl@example.org' })).json();
    await post('/login/verify', { email: 'carl@example.org', code });
  });
  await page.goto(own.url);
  const read = () => page.evaluate(() => fetch('/api/v1/entities/note:hello').then(answer => answer.json()));
  for (const end = Date.now() + 15_000; (await read()).value?.title !== 'Hello!' && Date.now() < end; ) await page.waitForTimeout(50);
  assert.deepEqual((await read()).value, { title: 'Hello!', blob: '' }, shown.join('\n'));
  assert.ok(shown.length > 0, 'subscribers were called');
  await own.stop();
  rmSync(folder, { recursive: true, force: true });
});
