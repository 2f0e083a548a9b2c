// Sign-in by a real provider: the whole way of a browser, bearer tokens, rotation of keys, and tokens that are none.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from '../http/setup.mjs';
import { Browser, Issuer, byPublicKey, unsigned } from './provider.mjs';

let server, issuer;
before(async () => {
  issuer = await Issuer.start();
  server = await Server.start(['--oidc-issuer', issuer.url, '--oidc-client-id', 'weft', '--oidc-client-secret', issuer.secret]);
  issuer.open(server.url);
});
after(async () => {
  await server.stop();
  await issuer.stop();
});

const me = async headers => {
  const response = await fetch(`${server.url}/me`, { headers });
  return [response.status, await response.json()];
};
const byBearer = async token => (await me({ Authorization: `Bearer ${token}` }))[0];
const inBrowser = browser => me({ Cookie: browser.cookie(`${server.url}/`) });

test('a browser goes to the provider and comes back signed in, as the person of the verified email', async () => {
  const byMail = await server.signIn('ada@example.org');
  const [, { personId }] = await me(byMail.headers);
  const browser = new Browser();
  const { url } = await browser.signIn(server.url, 'ada', '/health?from=here');
  assert.equal(url, `${server.url}/health?from=here`);
  assert.deepEqual(await inBrowser(browser), [200, { personId, email: 'ada@example.org' }]);
  const note = await fetch(`${server.url}/api/v1/entities/note`, {
    method: 'POST',
    headers: { Cookie: browser.cookie(`${server.url}/`), 'Content-Type': 'application/json' },
    body: JSON.stringify({ value: { title: 'by the provider' } }),
  });
  assert.equal(note.status, 201);
});

test('an email that the provider has not verified is nobody’s', async () => {
  const browser = new Browser();
  await browser.signIn(server.url, 'bob');
  assert.deepEqual(await inBrowser(browser), [200, { personId: 'bob', email: null }]);
});

test('the callback is good once, and only in the browser that began', async () => {
  const browser = new Browser();
  browser.stopAt = url => url.startsWith(`${server.url}/login/oidc/callback`);
  const { url } = await browser.signIn(server.url, 'ada');
  const stranger = await new Browser().ask(url);
  assert.deepEqual([stranger.status, stranger.headers.getSetCookie()], [400, []]);
  const taken = browser.cookie(url);
  assert.equal((await browser.ask(url)).status, 302);
  assert.equal((await browser.ask(url)).status, 400);
  const replayed = await fetch(url, { headers: { Cookie: taken }, redirect: 'manual' });
  assert.deepEqual([replayed.status, replayed.headers.getSetCookie()], [400, []]);
});

test('who gives up at the provider reads why on a page', async () => {
  const browser = new Browser();
  let page = await browser.go(`${server.url}/login/oidc`);
  page = await browser.go(new URL(/href="([^"]+\/abort)"/.exec(page.text)[1], page.url).href);
  assert.match(page.url, /\/login\/oidc\/callback\?/);
  assert.equal(page.status, 401);
  assert.match(page.text, /<h1>Not signed in<\/h1><p>the issuer did not sign you in: access_denied/);
});

test('a public client of a provider that tells the email apart is signed in too', async () => {
  const apart = await Issuer.start({ claimsInToken: false, secret: null, alg: 'ES256' });
  const other = await Server.start(['--oidc-issuer', apart.url, '--oidc-client-id', 'weft']);
  try {
    apart.open(other.url);
    const browser = new Browser();
    await browser.signIn(other.url, 'ada');
    const response = await fetch(`${other.url}/me`, { headers: { Cookie: browser.cookie(`${other.url}/`) } });
    assert.equal((await response.json()).email, 'ada@example.org');
  } finally {
    await other.stop();
    await apart.stop();
  }
});

test('no return leads to another origin', async () => {
  for (const away of ['//evil.example', '/\\evil.example', 'https://evil.example', '/\t/evil.example', '/a\r\nb']) {
    const response = await fetch(`${server.url}/login/oidc?return=${encodeURIComponent(away)}`, { redirect: 'manual' });
    assert.equal(response.status, 400, away);
  }
});

test('an access token of the provider is taken for its audience alone, and opens a session', async () => {
  const token = await issuer.accessToken('weft');
  assert.equal(JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).typ, 'at+jwt');
  assert.equal(await byBearer(token), 200);
  assert.equal(await byBearer(await issuer.accessToken('another')), 401);
  const begun = await fetch(`${server.url}/login/token`, { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
  assert.deepEqual([begun.status, await begun.json()], [200, { personId: 'app' }]);
  const [cookie] = begun.headers.getSetCookie();
  assert.match(cookie, /^session=[^;]+; Path=\/; Max-Age=(59\d|600); HttpOnly; SameSite=Lax$/);
  assert.equal((await me({ Cookie: cookie.split(';')[0] }))[0], 200);
  assert.equal((await fetch(`${server.url}/login/token`, { method: 'POST' })).status, 401);
});

test('a token by each of the algorithms is taken', async () => {
  for (const by of ['RS256', 'ES256', 'Ed25519']) {
    assert.equal(await byBearer(issuer.token({}, { by })), 200, by);
  }
  assert.equal(await byBearer(issuer.token({}, { by: 'Ed25519', head: { alg: 'EdDSA' } })), 200);
});

test('a token that is none is 401', async () => {
  const now = Date.now() / 1000;
  const none = {
    'for another audience': issuer.token({ aud: 'another' }),
    'of another issuer': issuer.token({ iss: 'https://id.example' }),
    expired: issuer.token({ exp: now - 61 }),
    'without an end': issuer.token({ exp: undefined }),
    'not good yet': issuer.token({ nbf: now + 90 }),
    unsigned: issuer.token({}, { head: { alg: 'none' }, signed: unsigned }),
    'not signed': issuer.token({}, { signed: unsigned }),
    'signed with the public key': issuer.token({}, { head: { alg: 'HS256' }, signed: byPublicKey }),
    'of another kind of key': issuer.token({}, { by: 'ES256', head: { alg: 'RS256' } }),
    'with crit': issuer.token({}, { head: { crit: ['exp'] } }),
    'with b64': issuer.token({}, { head: { b64: false, crit: ['b64'] } }),
    'by a key that there is not': issuer.token({}, { head: { kid: 'nothing' } }),
  };
  for (const [what, token] of Object.entries(none)) assert.equal(await byBearer(token), 401, what);
});

test('its keys and what it says of itself are asked for now and then, however many tokens come', async () => {
  const before = issuer.asked.length;
  const token = issuer.token();
  await Promise.all(Array.from({ length: 50 }, async () => assert.equal(await byBearer(token), 200)));
  for (let n = 0; n < 50; n++) await byBearer(issuer.token({}, { head: { kid: `none-${n}` } }));
  const asked = issuer.asked.slice(before);
  assert.ok(asked.length <= 2, asked.join(' '));
});

// Last, since it waits until keys may be asked for again.
test('when the provider has new keys, they are taken and the old ones are not', async () => {
  const old = issuer.token();
  assert.equal(await byBearer(old), 200);
  issuer.rotate();
  const until = Date.now() + 45_000;
  while (await byBearer(issuer.token()) !== 200) {
    assert.ok(Date.now() < until, 'the new key is not taken');
    await new Promise(resolve => setTimeout(resolve, 500));
  }
  assert.equal(await byBearer(old), 401);
  const browser = new Browser();
  await browser.signIn(server.url, 'ada');
  assert.equal((await inBrowser(browser))[0], 200);
});
