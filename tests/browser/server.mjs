// The server under test, for the tests of this folder and of others: nothing but Node is needed for it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const target = fileURLToPath(new URL('../../target', import.meta.url));
const BINARY = process.env.TIMEWEFT_BINARY ?? join(target, 'release/timeweft');

/** `timeweft serve` on a data folder of its own. It can be killed and started again on the same port. */
export class Server {
  static async start({ assets, options = [] } = {}) {
    const server = new Server();
    server.options = [...options, ...(assets ? ['--assets', assets] : [])];
    server.data = mkdtempSync(join(tmpdir(), 'timeweft-browser-'));
    server.port = await freePort();
    await server.run();
    return server;
  }

  async run() {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is not there; \`cargo xtask build\` makes it`);
    const key = 'a session key that only these tests share with each other';
    const options = ['--listen', `127.0.0.1:${this.port}`, '--development', '--key', key, '--data', this.data, ...this.options];
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
