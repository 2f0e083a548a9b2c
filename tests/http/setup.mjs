// The server under test, and people who ask it over HTTP.

import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BINARY = process.env.TIMEWEFT_BINARY ?? fileURLToPath(new URL('../../target/release/timeweft', import.meta.url));
const ISSUER = { name: 'https://issuer.example', key: 'the key of an issuer that only these tests know' };

/** `timeweft serve --development` on a data folder of its own. */
export class Server {
  static async start(options = []) {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is not there; \`cargo xtask build\` makes it`);
    const server = new Server();
    server.data = mkdtempSync(join(tmpdir(), 'timeweft-http-'));
    const all = ['serve', '--listen', '127.0.0.1:0', '--development', '--data', server.data,
      '--jwt-issuer', ISSUER.name, '--jwt-key', ISSUER.key, ...options];
    server.process = spawn(BINARY, all, { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface({ input: server.process.stdout })) {
      const [, url] = /^listening on (\S+)/.exec(line) ?? [];
      if (!url) continue;
      server.url = url;
      server.process.stdout.resume();
      return server;
    }
    throw new Error('the server ended before it listened');
  }

  async stop() {
    const ended = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    await ended;
    rmSync(this.data, { recursive: true, force: true });
  }

  /** Somebody signed in by email and code, with the cookie. */
  async signIn(email) {
    const post = (path, body) => fetch(this.url + path, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
    });
    const { code } = await (await post('/login', { email })).json();
    const verified = await post('/login/verify', { email, code });
    const [cookie] = verified.headers.getSetCookie()[0].split(';');
    return new Person(this, { Cookie: cookie });
  }
}

/** A token of the issuer that the server trusts. Signing out does not end it: it is the issuer's. */
export function issuedToken(subject) {
  const part = json => Buffer.from(JSON.stringify(json)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ iss: ISSUER.name, sub: subject, exp: Date.now() / 1000 + 3600 })}`;
  return `${signed}.${createHmac('sha256', ISSUER.key).update(signed).digest('base64url')}`;
}

export class Person {
  constructor(server, headers) {
    this.server = server;
    this.headers = headers;
  }

  /** Asks; `body` is sent as JSON, of this media type. The answer has `status`, `headers` and, if it is JSON, `body`. */
  async ask(method, path, { body, type = 'application/json', headers = {} } = {}) {
    const response = await fetch(this.server.url + path, {
      method,
      headers: { ...this.headers, ...(body === undefined ? {} : { 'Content-Type': type }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    const json = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
    return { status: response.status, headers: response.headers, text, body: json ? JSON.parse(text) : undefined };
  }

  /** Makes a note; its path and first version. */
  async note(value) {
    const { status, body, text, headers } = await this.ask('POST', '/api/v1/entities/note', { body: { value } });
    if (status !== 201) throw new Error(`making a note was answered ${status} ${text}`);
    return { path: headers.get('location'), version: body.meta.validFrom };
  }

  async value(path) {
    return (await this.ask('GET', path)).body.value;
  }
}
