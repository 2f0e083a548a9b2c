// Holds the server to its OpenAPI document with schemathesis: whatever is sent, no answer is a 5xx, and every answer is one
// that the document describes. `cargo xtask test --only openapi` runs this; TIMEWEFT_SEED repeats a run.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Person, Server, issuedToken } from './setup.mjs';

const SCHEMATHESIS = process.env.TIMEWEFT_SCHEMATHESIS ?? 'schemathesis';
const SEED = process.env.TIMEWEFT_SEED ?? '1';
const EXAMPLES = process.env.TIMEWEFT_EXAMPLES ?? '30';

const server = await Server.start();
// An issuer's token: trying `POST /logout` doesn't end it.
const token = issuedToken('ada');
const ada = new Person(server, { Authorization: `Bearer ${token}` });
// What the examples in the document speak of, down to the version.
const hello = { id: 'hello', value: { title: 'Weft', blob: '' }, validFrom: '2026-11-21T09:30:00.123456Z' };
const made = await ada.ask('POST', '/api/v1/entities/note', { body: hello });
if (made.status !== 201) throw new Error(`the example was not made: ${made.status} ${made.text}`);

const schemathesis = spawn(SCHEMATHESIS, [
  '--config-file', 'schemathesis.toml', 'run', `${server.url}/api/v1/openapi.json`,
  '--seed', SEED, '--max-examples', EXAMPLES, ...process.argv.slice(2),
], {
  cwd: fileURLToPath(new URL('.', import.meta.url)),
  env: { ...process.env, SCHEMATHESIS_HOOKS: 'hooks', TIMEWEFT_TOKEN: token, PYTHONDONTWRITEBYTECODE: '1' },
  stdio: 'inherit',
});
const [status] = await once(schemathesis, 'exit');
await server.stop();
process.exitCode = status ?? 1;
