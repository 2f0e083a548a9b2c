// The browser under test, and a person in front of the page.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { target } from './server.mjs';

export { Server } from './server.mjs';

const CHROMIUM = process.env.TIMEWEFT_CHROMIUM ?? '/usr/bin/chromium';
const SCREENSHOTS = process.env.TIMEWEFT_SCREENSHOTS ?? join(target, 'screenshots');

const CHROMIUM_OPTIONS = {
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
};

export function launch() {
  return chromium.launch(CHROMIUM_OPTIONS);
}

/** A browser that keeps what it has in `profile`. */
export function launchPersistent(profile, options = {}) {
  return chromium.launchPersistentContext(profile, { ...CHROMIUM_OPTIONS, viewport: { width: 1100, height: 800 }, ...options });
}

/** A picture for people to look at. */
export async function picture(page, name) {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}

/** Somebody in a browser of their own, signed in, with the entity open. */
export class Person {
  static async signIn(browser, server, email, { entity, ...options } = {}) {
    const person = new Person();
    person.context = await browser.newContext({ viewport: { width: 1100, height: 800 }, ...options });
    person.page = await person.context.newPage();
    person.page.setDefaultTimeout(10_000);
    // What the page itself does wrong; a refused connection while the server is down is not among it.
    person.errors = [];
    person.page.on('pageerror', error => person.errors.push(error));
    person.frames = [];
    person.page.on('websocket', socket => socket.on('framereceived', ({ payload }) => person.frames.push(payload)));
    await person.page.goto(server.url);
    await person.page.getByLabel('Email').fill(email);
    await person.page.getByRole('button', { name: 'Send me a code' }).click();
    await person.page.getByText('Development mode: the code is').waitFor();
    await person.page.getByRole('button', { name: 'Sign in' }).click();
    await person.status('connected');
    if (entity) await person.open(entity);
    return person;
  }

  async open(entity) {
    await this.page.getByLabel('Entity').fill(entity);
    await this.page.getByRole('button', { name: 'Open' }).click();
  }

  get editor() {
    return this.page.getByLabel('Value, as JSON');
  }

  async type(value) {
    const text = JSON.stringify(value, null, 2);
    if (text.length < 2000) return this.editor.fill(text);
    // Typing that much takes Chromium seconds.
    await this.editor.evaluate((editor, text) => {
      editor.value = text;
      editor.dispatchEvent(new Event('input', { bubbles: true }));
    }, text);
  }

  async press(name) {
    await this.page.getByRole('button', { name, exact: true }).click();
  }

  async save(value) {
    await this.type(value);
    await this.press('Save');
  }

  async create(value) {
    await this.page.getByRole('button', { name: 'Create', exact: true }).waitFor();
    await this.type(value);
    await this.press('Create');
  }

  /** Waits until the editor shows `value`. */
  async sees(value) {
    const wanted = JSON.stringify(value);
    await this.page.waitForFunction(wanted => {
      const normal = value => Array.isArray(value) ? value.map(normal) : value && typeof value === 'object'
        ? Object.fromEntries(Object.keys(value).sort().map(key => [key, normal(value[key])])) : value;
      const shown = document.getElementById('value').value;
      try { return JSON.stringify(normal(JSON.parse(shown))) === JSON.stringify(normal(JSON.parse(wanted))); } catch { return false; }
    }, wanted, { polling: 20 }).catch(async () => {
      throw new Error(`expected ${wanted}, the editor shows ${await this.editor.inputValue()}; ${await this.page.locator('main').innerText()}`);
    });
  }

  async status(text) {
    await this.page.getByText(text, { exact: true }).waitFor();
  }

  async shows(text) {
    await this.page.getByText(text).first().waitFor();
  }

  async screenshot(name) {
    await picture(this.page, name);
  }
}
