// What HTTP adds to the protocol: conditions, HEAD, OPTIONS, lists, problem details, pages of other origins.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Person, Server, issuedToken } from './setup.mjs';

const APP = 'https://app.example.org';

let server, ada;
before(async () => {
  server = await Server.start(['--origin', APP]);
  ada = await server.signIn('ada@example.org');
});
after(() => server.stop());

test('a tag answers 304, HEAD has the headers of GET and no body', async () => {
  const note = await ada.note({ a: 1 });
  const tag = `"${note.version}"`;
  const get = await ada.ask('GET', note.path);
  assert.deepEqual([get.status, get.headers.get('etag')], [200, tag]);
  const known = await ada.ask('GET', note.path, { headers: { 'If-None-Match': `W/${tag}` } });
  assert.deepEqual([known.status, known.text, known.headers.get('etag')], [304, '', tag]);
  const head = await ada.ask('HEAD', note.path);
  assert.deepEqual([head.status, head.text, head.headers.get('etag')], [200, '', tag]);
  assert.equal(head.headers.get('content-type'), get.headers.get('content-type'));
  assert.ok([null, get.headers.get('content-length')].includes(head.headers.get('content-length')));
});

test('a key is a key in whatever letters, and a version in none of ours is no version', async () => {
  const note = await ada.note({ n: 1 });
  for (const key of ['Zo\u00eb-1', 'cl\u00c3\u00a9-1']) {
    const ask = () => ada.ask('PATCH', note.path, { headers: { 'If-Unmodified-Since': note.version, 'Idempotency-Key': key }, body: { diff: { n: { $increment: 1 } } } });
    const answers = [await ask(), await ask()];
    assert.deepEqual(answers.map(({ status }) => status), [200, 200]);
    assert.deepEqual(answers[1].body.meta, answers[0].body.meta);
  }
  assert.deepEqual((await ada.ask('GET', note.path)).body.value, { n: 3 });
  for (const headers of [{ 'If-Match': '"\u00e9"' }, { 'If-Unmodified-Since': '\u00ff' }]) {
    assert.equal((await ada.ask('DELETE', note.path, { headers })).status, 400);
  }
});

test('OPTIONS and 405 say what an address takes', async () => {
  const options = await ada.ask('OPTIONS', '/api/v1/entities/note:x');
  assert.deepEqual([options.status, options.headers.get('allow')], [204, 'GET, HEAD, PATCH, PUT, DELETE, OPTIONS']);
  assert.match(options.headers.get('accept-patch'), /application\/json-patch\+json/);
  const refused = await ada.ask('POST', '/health');
  assert.deepEqual([refused.status, refused.headers.get('allow')], [405, 'GET, HEAD, OPTIONS']);
});

test('the address of a socket says what to upgrade to', async () => {
  for (const path of ['/connect', '/ws/note/hello']) {
    const { status, headers } = await ada.ask('GET', path);
    assert.deepEqual([status, headers.get('upgrade')], [426, 'websocket'], path);
  }
});

test('what is public is read without a session, and a value against its schema is refused with the places', async () => {
  const value = { policy: 'public', schema: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } };
  const defined = await ada.ask('POST', '/api/v1/entities/type', { body: { id: 'place', value } });
  assert.equal(defined.status, 201, defined.text);
  const refused = await ada.ask('POST', '/api/v1/entities/place', { body: { value: { name: 1 } } });
  assert.deepEqual([refused.status, refused.body.error.code], [422, 'invalid-value']);
  assert.deepEqual(refused.body.error.violations.map(violation => violation.path), ['/name']);
  const reserved = await ada.ask('POST', '/api/v1/entities/type', { body: { id: 'tw-own', value: {} } });
  assert.deepEqual([reserved.status, reserved.body.error.code], [403, 'forbidden']);

  const { body: { meta } } = await ada.ask('POST', '/api/v1/entities/place', { body: { value: { name: 'Ghent' } } });
  const path = `/api/v1/entities/${meta.entityId}`;
  const nobody = new Person(server, {});
  assert.deepEqual((await nobody.ask('GET', path)).body.value, { name: 'Ghent' });
  assert.equal((await nobody.ask('GET', `${path}/history`)).body.versions.length, 1);
  assert.deepEqual((await nobody.ask('GET', '/api/v1/entities?type=place')).body.entities.map(listed => listed.entityId), [meta.entityId]);
  assert.equal((await nobody.ask('GET', '/api/v1/entities/note:hello')).status, 401);
  const change = { body: { name: 'Gent' }, type: 'application/merge-patch+json', headers: { 'If-Unmodified-Since': meta.validFrom } };
  assert.equal((await nobody.ask('PATCH', path, change)).status, 401);
  const changed = await ada.ask('PATCH', path, change);
  assert.equal(changed.status, 200, changed.text);
  const difference = await nobody.ask('GET', `${path}?diffFrom=${meta.validFrom}`);
  assert.deepEqual(difference.body.diff, { name: 'Gent' });
  const same = await nobody.ask('GET', `${path}?diffFrom=${changed.body.meta.validFrom}`);
  assert.equal(same.status, 304);
});

test('errors are problem details for who asks', async () => {
  const answer = await ada.ask('GET', '/api/v1/entities/note:nowhere', { headers: { Accept: 'application/problem+json' } });
  assert.deepEqual([answer.status, answer.headers.get('content-type')], [404, 'application/problem+json']);
  const { title, status, detail, code, error } = answer.body;
  assert.deepEqual({ title, status, code }, { title: 'Not found', status: 404, code: 'not-found' });
  assert.deepEqual(error, { code, message: detail });
});

test('lists go on by cursor until all is seen once', async () => {
  const grace = new Person(server, { Authorization: `Bearer ${issuedToken('grace')}` });
  const made = new Set();
  for (let n = 0; n < 25; n++) {
    const { body } = await grace.ask('POST', '/api/v1/entities/recipe', { body: { value: n } });
    made.add(body.meta.entityId);
  }
  const seen = [];
  let cursor = '';
  do {
    const { status, body } = await grace.ask('GET', `/api/v1/entities?type=recipe&limit=10${cursor}`);
    assert.equal(status, 200);
    seen.push(...body.entities.map(entity => entity.entityId));
    cursor = body.cursor && `&cursor=${encodeURIComponent(body.cursor)}`;
  } while (cursor);
  assert.equal(seen.length, 25);
  assert.deepEqual(new Set(seen), made);
  assert.deepEqual((await ada.ask('GET', '/api/v1/entities?type=recipe')).body, { entities: [] });
});

test('a page of a listed origin may ask what it needs, and sees what it needs', async () => {
  const preflight = origin => fetch(`${server.url}/api/v1/entities/note:x`, {
    method: 'OPTIONS',
    headers: { Origin: origin, 'Access-Control-Request-Method': 'PATCH', 'Access-Control-Request-Headers': 'content-type,if-match' },
  });
  const names = (response, header) => response.headers.get(header).split(/, */);
  const leave = await preflight(APP);
  assert.equal(leave.status, 204);
  assert.equal(leave.headers.get('access-control-allow-origin'), APP);
  assert.equal(leave.headers.get('access-control-allow-credentials'), 'true');
  assert.ok(names(leave, 'access-control-allow-methods').includes('PATCH'));
  for (const name of ['content-type', 'if-match']) assert.ok(names(leave, 'access-control-allow-headers').includes(name));
  const foreign = await preflight('https://evil.example');
  assert.equal(foreign.headers.get('access-control-allow-origin'), null);

  const note = await ada.note(1);
  const seen = await ada.ask('GET', note.path, { headers: { Origin: APP } });
  assert.deepEqual([seen.status, seen.headers.get('access-control-allow-origin')], [200, APP]);
  for (const name of ['etag', 'location', 'retry-after']) assert.ok(names(seen, 'access-control-expose-headers').includes(name));
  for (const headers of [{ Origin: APP }, {}]) {
    assert.ok(names(await ada.ask('GET', note.path, { headers }), 'vary').includes('origin'), 'caches tell origins apart');
  }
  const changed = headers => ada.ask('DELETE', note.path, { headers });
  assert.equal((await changed({ Origin: 'https://evil.example' })).status, 403);
  assert.equal((await changed({ Origin: APP })).status, 200);
});
