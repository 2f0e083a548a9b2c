// The notes app under test, and people who use it.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Server, launchPersistent, picture } from './setup.mjs';

const assets = fileURLToPath(new URL('../../apps/notes/dist', import.meta.url));
const declared = fileURLToPath(new URL('../../apps/notes/timeweft.types.json', import.meta.url));

const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

/** A server that serves the app, with the types that it declares, or those of another file. */
export function serve(types = declared) {
  if (!existsSync(join(assets, 'index.html'))) throw new Error(`${assets} is not there; \`cargo xtask build\` makes it`);
  return Server.start({ assets, options: ['--types', types] });
}

/** A folder for browsers' profiles, and what removes it. */
export function profiles() {
  const folder = mkdtempSync(join(tmpdir(), 'timeweft-notes-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export class Person {
  /** In a browser of their own, whose profile is kept in a folder of `profiles`. */
  static async signIn(server, profiles, name, options) {
    const person = new Person();
    Object.assign(person, { name, options, profile: join(profiles, name), errors: [] });
    await person.open();
    await person.page.goto(server.url);
    await person.page.getByLabel('Email address').fill(`${name}@example.org`);
    await person.page.getByRole('button', { name: 'Send code' }).click();
    await person.page.getByLabel('Code').waitFor();
    await person.page.getByRole('button', { name: 'Sign in' }).click();
    await person.page.getByRole('button', { name: 'New note' }).waitFor();
    return person;
  }

  /** The browser, with what its profile has. */
  async open() {
    this.context = await launchPersistent(this.profile, this.options);
    this.page = this.context.pages()[0] ?? await this.context.newPage();
    this.page.setDefaultTimeout(15_000);
    this.context.on('weberror', error => this.errors.push(error.error()));
  }

  get title() {
    return this.page.getByLabel('Title', { exact: true });
  }

  get text() {
    return this.page.getByRole('textbox', { name: 'Text', exact: true });
  }

  get state() {
    return this.page.getByRole('status', { name: 'Saving' });
  }

  async saved(text = 'Saved') {
    await this.state.getByText(text).waitFor();
  }

  async sees(text, field = this.text, patience = 15_000) {
    const end = Date.now() + patience;
    let shown;
    do {
      shown = await field.inputValue().catch(error => error.message);
      if (shown === text) return;
      await this.page.waitForTimeout(30);
    } while (Date.now() < end);
    assert.equal(shown, text, `what ${this.name} sees`);
  }

  /** The dialog to share the open note in. */
  get sharing() {
    return this.page.getByRole('dialog', { name: /^Share/ });
  }

  async write(title, text) {
    await this.page.getByRole('button', { name: 'New note' }).click();
    await this.title.fill(title);
    await this.text.fill(text);
    await this.saved();
  }

  async opensSharing() {
    await this.page.getByRole('button', { name: 'Share', exact: true }).click();
    await this.sharing.getByRole('list', { name: 'People' }).waitFor();
  }

  async closes(dialog = this.sharing) {
    await dialog.getByRole('button', { name: 'Close' }).click();
    await dialog.waitFor({ state: 'detached' });
  }

  /** Invites somebody to the open note by mail; gives the link in it. */
  async invites(email, role = 'Can edit') {
    await this.sharing.getByLabel('Role of who is invited').selectOption(role);
    await this.sharing.getByLabel('Invite by email').fill(email);
    await this.sharing.getByRole('button', { name: 'Invite', exact: true }).click();
    return this.sharing.getByLabel(`The link for ${email}`, { exact: true }).inputValue();
  }

  /** Lets somebody into the open note. */
  async sharesWith(other, role) {
    await this.opensSharing();
    const link = await this.invites(`${other.name}@example.org`, role);
    await this.closes();
    await other.page.goto(link);
    await other.page.waitForURL(({ search }) => search === '');
  }

  /** Puts the caret, or a selection, into the text. */
  async caret(from, to = from) {
    await this.text.evaluate((field, [from, to]) => {
      field.focus();
      field.setSelectionRange(from, to);
    }, [from, to]);
  }

  async opens(title) {
    await this.page.getByRole('navigation', { name: 'Notes' }).getByRole('link', { name: new RegExp(`^${title}`) }).click();
    await this.text.waitFor();
  }
}

/** Nothing on the page is in the way of anybody, as far as a machine can tell; and it fits a small phone. */
export async function isForEverybody(page, what) {
  await page.waitForTimeout(300);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, any }) => `${html} ${any[0]?.message ?? ''}`).join('; ')}`);
  assert.deepEqual(told, [], what);
  const size = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  const wide = await page.evaluate(() => [document.documentElement, ...document.querySelectorAll('dialog, .bar')]
    .filter(box => box.scrollWidth > box.clientWidth).map(box => `${box.className || box.localName}: ${box.scrollWidth}`));
  assert.deepEqual(wide, [], `${what} at 360 pixels`);
  await picture(page, `sharing-${what}-phone`);
  await page.setViewportSize(size);
  await picture(page, `sharing-${what}`);
}

/** Somebody who speaks HTTP. */
export class Writer {
  static async signIn(url, name) {
    const writer = new Writer();
    const post = (path, body) => fetch(url + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
    const email = `${name}@example.org`;
    const { code } = await (await post('/login', { email })).json();
    const answer = await post('/login/verify', { email, code });
    writer.url = url;
    ({ personId: writer.personId } = await answer.json());
    writer.cookie = answer.headers.getSetCookie()[0].split(';')[0];
    return writer;
  }

  async ask(method, path, body, headers = {}) {
    const response = await fetch(`${this.url}/api/v1/entities/${path}`, {
      method,
      headers: { 'Content-Type': 'application/json', Cookie: this.cookie, ...headers },
      body: body && JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
    return response.json();
  }
}
