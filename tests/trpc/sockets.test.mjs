// One note on several sockets, some of which die without a word: the others hear of everything, the dead are let go.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { createTRPCClient, httpBatchLink } from '@trpc/client';
import WebSocket from 'ws';
import { Server } from '../browser/server.mjs';
import { Person } from './person.mjs';

const PING_SECONDS = 1;

let server;
let person;
let notes;

before(async () => {
  server = await Server.start({ options: ['--ping-seconds', String(PING_SECONDS)] });
  person = await Person.signIn(server.url);
  notes = createTRPCClient({ links: [httpBatchLink({ url: `${server.url}/api/v1`, headers: { cookie: person.cookie } })] });
});
after(() => server.stop());

/** A socket that keeps what it hears. */
const follow = async id => {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/ws/note/${id}`, { headers: { cookie: person.cookie } });
  const heard = [];
  socket.on('message', text => heard.push(JSON.parse(text)));
  await once(socket, 'open');
  const hears = async count => {
    while (heard.length < count) await once(socket, 'message', { signal: AbortSignal.timeout(10_000) });
    return heard;
  };
  return { socket, heard, hears };
};

/** A connection that opens the socket by hand and from then on answers nothing. */
const raw = async id => {
  const { hostname, port, host } = new URL(server.url);
  const tcp = connect({ host: hostname, port: Number(port) });
  await once(tcp, 'connect');
  const key = randomBytes(16).toString('base64');
  tcp.write(`GET /ws/note/${id} HTTP/1.1\r\nHost: ${host}\r\nCookie: ${person.cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`);
  const [answer] = await once(tcp, 'data');
  assert.match(String(answer), /^HTTP\/1\.1 101 /);
  return tcp;
};

/** Whether the server ended a connection that reads again. */
const ended = async tcp => {
  const closed = Promise.race(['end', 'close', 'error'].map(event => once(tcp, event, { signal: AbortSignal.timeout(15_000) }).catch(() => {})));
  tcp.resume();
  await closed;
  return tcp.readableEnded || tcp.destroyed;
};

const versions = heard => heard.map(({ data }) => data.version);

test('three follow a note, and every change is told to each of them', async () => {
  const { id } = await notes.createNote.mutate({ title: 'one', blob: '' });
  const all = await Promise.all([follow(id), follow(id), follow(id)]);
  await notes.updateNote.mutate({ id, title: 'two' });
  await notes.revertNote.mutate({ id, version: 1 });
  await notes.deleteNote.mutate({ id });
  for (const { socket, hears } of all) {
    const heard = await hears(4);
    assert.deepEqual(heard.map(({ type, data }) => [type, data.version, data.title, data.deleted]), [
      ['initial', 1, 'one', false], ['update', 2, 'two', false], ['revert', 3, 'one', false], ['update', 4, 'one', true],
    ]);
    socket.close(1000);
    const [code] = await once(socket, 'close');
    assert.equal(code, 1000);
  }
});

test('one that stops reading and never closes holds up nobody, and is let go', async () => {
  const { id } = await notes.createNote.mutate({ title: '', blob: '' });
  const [one, other, dead] = [await follow(id), await follow(id), await raw(id)];
  dead.on('error', () => {});
  dead.pause();
  // More than its buffers and the server's hold.
  for (let n = 1; n <= 30; n += 1) await notes.updateNote.mutate({ id, title: `${n}`, blob: `${n} `.repeat(100_000) });
  const expected = Array.from({ length: 31 }, (_, index) => index + 1);
  for (const { hears } of [one, other]) assert.deepEqual(versions(await hears(31)), expected);
  assert.ok(await ended(dead), 'the server has closed it');
  await notes.updateNote.mutate({ id, title: 'after', blob: '' });
  for (const { hears } of [one, other]) assert.equal((await hears(32))[31].data.title, 'after');
  for (const { socket } of [one, other]) socket.terminate();
});

test('one that answers no ping is let go even if nothing is said', async () => {
  const { id } = await notes.createNote.mutate({ title: '', blob: '' });
  const [one, silent] = [await follow(id), await raw(id)];
  silent.on('error', () => {});
  const began = Date.now();
  silent.resume();
  assert.ok(await ended(silent));
  assert.ok(Date.now() - began < 10_000 * PING_SECONDS);
  await new Promise(resolve => setTimeout(resolve, 3_000 * PING_SECONDS));
  assert.equal(one.socket.readyState, WebSocket.OPEN, 'who answers pings stays');
  one.socket.terminate();
});

test('one that is reset leaves the others as they were', async () => {
  const { id } = await notes.createNote.mutate({ title: '', blob: '' });
  const [one, other, reset] = [await follow(id), await follow(id), await raw(id)];
  reset.on('error', () => {});
  await notes.updateNote.mutate({ id, title: '1' });
  reset.resetAndDestroy();
  for (let n = 2; n <= 20; n += 1) await notes.updateNote.mutate({ id, title: `${n}` });
  for (const { socket, hears } of [one, other]) {
    assert.deepEqual(versions(await hears(21)), Array.from({ length: 21 }, (_, index) => index + 1));
    socket.terminate();
  }
});

test('a restart of the server is a close, and a new socket shows the note as it is', async () => {
  const { id } = await notes.createNote.mutate({ title: 'kept', blob: '' });
  const { socket } = await follow(id);
  const closed = once(socket, 'close');
  await server.kill();
  await closed;
  await server.run();
  const again = await follow(id);
  assert.equal((await again.hears(1))[0].data.title, 'kept');
  again.socket.terminate();
});
