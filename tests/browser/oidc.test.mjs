// Sign-in by a real OpenID Connect provider on another site, as a browser does it: links, forms, redirects, cookies.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Issuer } from '../sign-in/provider.mjs';
import { Server, launch } from './setup.mjs';

let issuer, server, browser;

before(async () => {
  // The server is 127.0.0.1, so this is another site, whose redirect brings `SameSite=Lax` cookies along and no others.
  issuer = await Issuer.start({ host: 'localhost' });
  server = await Server.start({
    options: ['--oidc-issuer', issuer.url, '--oidc-client-id', 'weft', '--oidc-client-secret', issuer.secret],
  });
  issuer.open(server.url);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await issuer?.stop();
});

test('somebody follows a link, signs in at the provider, and is back with a session that opens sockets', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(server.url);
  await page.evaluate(() => {
    const link = Object.assign(document.createElement('a'), { href: '/login/oidc?return=%2F%3Fsigned%3Din', textContent: 'Sign in with Weft' });
    document.body.prepend(link);
  });
  await page.click('text=Sign in with Weft');
  await page.waitForURL(`${issuer.url}/**`);
  await page.fill('[name=login]', 'ada');
  await page.fill('[name=password]', 'any');
  await page.click('[type=submit]');
  await page.waitForURL(`${issuer.url}/interaction/**`);
  await page.click('[type=submit]');
  await page.waitForURL(`${server.url}/?signed=in`);

  const me = await page.evaluate(async () => (await fetch('/me')).json());
  assert.equal(me.email, 'ada@example.org');
  const opened = await page.evaluate(() => new Promise(resolve => {
    const socket = new WebSocket('/connect', 'timeweft.json');
    socket.onopen = () => resolve('open');
    socket.onerror = () => resolve('refused');
  }));
  assert.equal(opened, 'open');
  const sessions = await page.evaluate(async () => (await fetch('/sessions')).json());
  assert.equal(sessions.sessions[0].current, true);
  assert.match(sessions.sessions[0].device, /^Chrome on /);
  // No script sees either cookie, and the one for the way is gone.
  assert.equal(await page.evaluate(() => document.cookie), '');
  assert.deepEqual((await context.cookies(`${server.url}/login/oidc`)).map(({ name }) => name), ['session']);
  await context.close();
});
