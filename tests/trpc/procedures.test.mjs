// The unmodified npm @trpc/client calls each procedure, by every link that is supported.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTRPCClient, httpBatchLink, httpBatchStreamLink, httpLink, TRPCClientError } from '@trpc/client';
import { Server } from '../browser/server.mjs';
import { Person } from './person.mjs';

let server;
let person;

before(async () => {
  server = await Server.start();
  person = await Person.signIn(server.url);
});
after(() => server.stop());

/** Requests that a link made: method, path with its query, status. */
let requests = [];

const options = (more = {}) => ({
  url: `${server.url}/api/v1`,
  headers: () => ({ cookie: person.cookie }),
  fetch: async (url, init) => {
    const response = await fetch(url, init);
    requests.push({ method: init.method, path: String(url).slice(server.url.length), status: response.status });
    return response;
  },
  ...more,
});

const client = (link, more) => createTRPCClient({ links: [link(options(more))] });

/** What a call is refused with. */
const refused = async call => {
  const error = await call.then(data => assert.fail(`it was done: ${JSON.stringify(data)}`), error => error);
  assert.ok(error instanceof TRPCClientError, String(error));
  return error;
};

const code = async call => (await refused(call)).data?.code;

const LINKS = {
  httpLink: [httpLink],
  httpBatchLink: [httpBatchLink],
  'httpLink, all by POST': [httpLink, { methodOverride: 'POST' }],
  'httpBatchLink, all by POST': [httpBatchLink, { methodOverride: 'POST' }],
};

for (const [name, [link, more]] of Object.entries(LINKS)) {
  describe(name, () => {
    let notes;
    let id;
    before(async () => {
      notes = client(link, more);
      ({ id } = await notes.createNote.mutate({ title: 'Weft', blob: 'and warp' }));
    });

    test('a note is made and read', async () => {
      const note = await notes.getNote.query({ id });
      assert.match(id, /^[A-Za-z0-9_-]{1,64}$/);
      assert.match(note.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      const { createdAt } = note;
      assert.deepEqual(note, { id, version: 1, title: 'Weft', blob: 'and warp', createdAt, updatedAt: createdAt, deleted: false });
    });

    test('with every character there is', async () => {
      const text = 'ä€😀 %2C+&=?#"\\\n\u0000';
      const made = await notes.createNote.mutate({ title: text, blob: text });
      assert.deepEqual(await notes.getNote.query({ id: made.id }), made);
      assert.equal(made.title, text);
      assert.equal(await code(notes.getNote.query({ id: text })), 'BAD_REQUEST');
    });

    test('it is changed, reverted, deleted, and every version stays', async () => {
      const { id, createdAt } = await notes.createNote.mutate({ title: 'one', blob: '' });
      const two = await notes.updateNote.mutate({ id, title: 'two' });
      assert.deepEqual([two.version, two.title, two.createdAt], [2, 'two', createdAt]);
      assert.ok(two.updatedAt > createdAt);
      const three = await notes.revertNote.mutate({ id, version: 1 });
      assert.deepEqual([three.version, three.title], [3, 'one']);
      assert.equal((await notes.getNote.query({ id, version: 2 })).title, 'two');
      const history = await notes.noteHistory.query({ id });
      assert.deepEqual(history.map(({ version, title }) => [version, title]), [[3, 'one'], [2, 'two'], [1, 'one']]);
      assert.deepEqual(Object.keys(history[0]).sort(), ['personId', 'title', 'updatedAt', 'version']);
      assert.ok(history.every(({ personId }) => personId === person.id));
      const gone = await notes.deleteNote.mutate({ id });
      assert.deepEqual([gone.version, gone.deleted], [4, true]);
      assert.equal(await code(notes.getNote.query({ id })), 'NOT_FOUND');
    });

    test('an update from an older version merges, or conflicts', async () => {
      const { id } = await notes.createNote.mutate({ title: 'title', blob: 'blob' });
      await notes.updateNote.mutate({ id, version: 1, blob: 'another' });
      const merged = await notes.updateNote.mutate({ id, version: 1, title: 'other' });
      assert.deepEqual([merged.version, merged.title, merged.blob], [3, 'other', 'another']);
      const error = await refused(notes.updateNote.mutate({ id, version: 1, title: 'third' }));
      assert.deepEqual(error.shape, { message: error.message, code: -32009, data: { code: 'CONFLICT', httpStatus: 409, path: 'updateNote' } });
      assert.equal((await notes.getNote.query({ id })).title, 'other');
    });

    test('the list has it, page by page, with and without an input', async () => {
      assert.ok((await notes.listNotes.query()).notes.length > 0);
      const found = [];
      let cursor;
      do {
        const page = await notes.listNotes.query({ limit: 3, cursor });
        assert.ok(page.notes.length <= 3);
        found.push(...page.notes.map(note => note.id));
        ({ cursor } = page);
      } while (cursor);
      assert.ok(found.includes(id));
      assert.equal(new Set(found).size, found.length);
    });

    test('each refusal has its code', async () => {
      assert.equal(await code(notes.getNote.query({ id: 'there-is-none' })), 'NOT_FOUND');
      assert.equal(await code(notes.noteHistory.query({ id: 'there-is-none' })), 'NOT_FOUND');
      assert.equal(await code(notes.deleteNote.mutate({ id: 'there-is-none' })), 'NOT_FOUND');
      assert.equal(await code(notes.revertNote.mutate({ id, version: 9 })), 'NOT_FOUND');
      assert.equal(await code(notes.getNote.query({ id, version: 9 })), 'NOT_FOUND');
      assert.equal(await code(notes.updateNote.mutate({ id, version: 9, title: '' })), 'CONFLICT');
      assert.equal(await code(notes.createNote.mutate({ id, title: '', blob: '' })), 'CONFLICT');
      assert.equal(await code(notes.createNote.mutate({ title: '' })), 'BAD_REQUEST');
      assert.equal(await code(notes.createNote.mutate('text')), 'BAD_REQUEST');
      assert.equal(await code(notes.getNote.query()), 'BAD_REQUEST');
      assert.equal(await code(notes.listNotes.query({ limit: 'all' })), 'BAD_REQUEST');
      assert.equal(await code(notes.makeNote.mutate({})), 'NOT_FOUND');
      if (more === undefined) assert.equal(await code(notes.createNote.query({ title: '', blob: '' })), 'METHOD_NOT_SUPPORTED');
      const nobody = client(link, { ...more, headers: {} });
      const error = await refused(nobody.getNote.query({ id }));
      assert.deepEqual([error.data.code, error.data.httpStatus, error.shape.code], ['UNAUTHORIZED', 401, -32001]);
      const foreign = client(link, { ...more, headers: { cookie: person.cookie, origin: 'https://evil.example' } });
      assert.equal(await code(foreign.deleteNote.mutate({ id })), 'FORBIDDEN');
    });

    test('a bearer token is as good as the cookie', async () => {
      const notes = client(link, { ...more, headers: { authorization: person.bearer } });
      assert.equal((await notes.getNote.query({ id })).id, id);
    });
  });
}

test('calls of one moment are one request, each with its own answer', async () => {
  const notes = client(httpBatchLink);
  requests = [];
  const made = await Promise.all(['a', 'b', 'c'].map(title => notes.createNote.mutate({ title, blob: '' })));
  assert.deepEqual(made.map(note => note.title), ['a', 'b', 'c']);
  assert.deepEqual(requests, [{ method: 'POST', path: '/api/v1/createNote,createNote,createNote?batch=1', status: 200 }]);
  requests = [];
  const [first, missing, bad, list] = await Promise.allSettled([
    notes.getNote.query({ id: made[0].id }),
    notes.getNote.query({ id: 'there-is-none' }),
    notes.getNote.query({ id: 'a:b' }),
    notes.listNotes.query(),
  ]);
  assert.deepEqual(first.value, made[0]);
  assert.deepEqual([missing.reason.data.code, bad.reason.data.code], ['NOT_FOUND', 'BAD_REQUEST']);
  assert.ok(list.value.notes.length >= 3);
  assert.deepEqual(requests.map(({ method, status }) => [method, status]), [['GET', 207]]);
  // Many, and with long addresses.
  const many = await Promise.all(Array.from({ length: 100 }, () => notes.getNote.query({ id: made[1].id })));
  assert.ok(many.every(note => note.title === 'b'));
});

test('a large note goes through', async () => {
  const notes = client(httpBatchLink);
  const blob = 'warp and weft '.repeat(200_000);
  const { id } = await notes.createNote.mutate({ title: 'long', blob });
  assert.equal((await notes.getNote.query({ id })).blob, blob);
  // A body past the limit is not read, and so not known to be a call.
  const { meta } = await refused(notes.createNote.mutate({ title: '', blob: 'x'.repeat(17 << 20) }));
  assert.equal(meta.response.status, 413);
});

test('what is not supported says so', async () => {
  const message = /httpBatchLink/;
  await assert.rejects(client(httpBatchStreamLink).listNotes.query(), error => message.test(error.message) || message.test(error.cause?.message ?? ''));
});
