// The server and the browser under test, and a person in front of the page.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const target = fileURLToPath(new URL('../../target', import.meta.url));
const BINARY = process.env.TIMEWEFT_BINARY ?? join(target, 'release/timeweft');
const CHROMIUM = process.env.TIMEWEFT_CHROMIUM ?? '/usr/bin/chromium';
const SCREENSHOTS = process.env.TIMEWEFT_SCREENSHOTS ?? join(target, 'screenshots');

/** `timeweft serve` on a data folder of its own. It can be killed and started again on the same port. */
export class Server {
  static async start({ assets } = {}) {
    const server = new Server();
    server.assets = assets;
    server.data = mkdtempSync(join(tmpdir(), 'timeweft-browser-'));
    server.port = await freePort();
    await server.run();
    return server;
  }

  async run() {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is not there; \`cargo xtask build\` makes it`);
    const key = 'a session key that only these tests share with each other';
    const options = ['--listen', `127.0.0.1:${this.port}`, '--development', '--key', key, '--data', this.data, ...(this.assets ? ['--assets', this.assets] : [])];
    this.process = spawn(BINARY, ['serve', ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface({ input: this.process.stdout })) {
      const [, url] = /^listening on (\S+)/.exec(line) ?? [];
      if (!url) continue;
      this.url = url;
      this.process.stdout.resume();
      return;
    }
    throw new Error('the server ended before it listened');
  }

  async kill() {
    const ended = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await ended;
  }

  async stop() {
    await this.kill();
    rmSync(this.data, { recursive: true, force: true });
  }
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

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
