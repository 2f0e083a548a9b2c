// The cases of the Autobahn test suite, as `kosoku` runs them, against `timeweft gateway` in front of a server that sends
// back what it gets. `node conformance.mjs '*'` runs them all, in four minutes; other arguments choose some. With none, it is
// those of the protocol itself, and of compression, whose 216 cases send 1,000 messages each, one in four.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const { TIMEWEFT_BINARY: binary, TIMEWEFT_PYTHON: python } = process.env;
const SOME = [...'1 2 3 4 5 6 7 9 10'.split(' ').map(group => `${group}.*`), '12.1.*', '12.*.3', '13.*.4', '13.*.9', '13.*.16'];
const chosen = process.argv.length > 2 ? process.argv.slice(2) : SOME;
// The largest message of the cases is one of 16 MiB.
const MESSAGE_BYTES = 16 << 20;
const FINE = new Set(['OK', 'NON-STRICT', 'INFORMATIONAL']);

/** What a server behind the gateway answers: every message comes back, an opening is agreed to. */
function echo(body) {
  const answer = [];
  for (let at = 0; at < body.length;) {
    const end = body.indexOf('\r\n', at);
    const [kind, length] = body.toString('latin1', at, end).split(' ');
    at = end + 2;
    const content = length === undefined ? undefined : body.subarray(at, at + parseInt(length, 16));
    if (content) at += content.length + 2;
    if (kind === 'OPEN') answer.push(Buffer.from('OPEN\r\n'));
    if (kind === 'TEXT' || kind === 'BINARY') {
      answer.push(Buffer.from(`${kind} ${(content.length + 2).toString(16)}\r\nm:`), content, Buffer.from('\r\n'));
    }
  }
  return Buffer.concat(answer);
}

const upstream = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  response.writeHead(200, {
    'Content-Type': 'application/websocket-events',
    'Sec-WebSocket-Extensions': 'grip; message-prefix="m:"',
  });
  response.end(echo(Buffer.concat(chunks)));
});
upstream.listen(0, '127.0.0.1');
await once(upstream, 'listening');

const gateway = spawn(binary, [
  'gateway', '--listen', '127.0.0.1:0', '--upstream', `http://127.0.0.1:${upstream.address().port}`,
  '--limit-message-bytes', String(MESSAGE_BYTES),
  // Which no case expects.
  '--ping-seconds', '600',
], { stdio: ['ignore', 'pipe', 'inherit'] });
const reports = mkdtempSync(join(tmpdir(), 'timeweft-websocket-'));
try {
  let address;
  for await (const line of createInterface({ input: gateway.stdout })) {
    [, address] = /^listening on http:\/\/(\S+)/.exec(line) ?? [];
    if (address) break;
  }
  if (!address) throw new Error('the gateway ended before it listened');
  gateway.stdout.resume();

  const only = chosen.flatMap(name => ['--include', name]);
  const cases = spawn(python, ['cases.py', '--outdir', reports, '--parallelism', '2', ...only, `ws://${address}/connect`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await once(cases, 'exit');

  const [results] = Object.values(JSON.parse(readFileSync(join(reports, 'index.json'), 'utf8')));
  const all = Object.entries(results);
  const counts = {};
  for (const [name, { behavior, behaviorClose }] of all) {
    counts[behavior] = (counts[behavior] ?? 0) + 1;
    if (!FINE.has(behavior) || !FINE.has(behaviorClose)) {
      console.log(`case ${name}: ${behavior}, closing ${behaviorClose}`);
      process.exitCode = 1;
    }
  }
  console.log(`${all.length} cases: ${Object.entries(counts).map(([name, count]) => `${count} ${name}`).join(', ')}`);
  if (chosen === SOME && all.length < 300) throw new Error('there should be more of them');
} finally {
  gateway.kill('SIGTERM');
  upstream.close();
  upstream.closeAllConnections();
  rmSync(reports, { recursive: true, force: true });
}
