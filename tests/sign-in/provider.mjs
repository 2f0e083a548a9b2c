// A real OpenID Connect provider (npm oidc-provider), and a browser that has nothing but cookies and redirects.

import { createHmac, createPublicKey, createSign, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

/** Who may sign in there, by login. */
const PEOPLE = {
  ada: { email: 'ada@example.org', email_verified: true },
  bob: { email: 'ada@example.org', email_verified: false },
};

/** A provider on a port of its own. Its keys can be replaced, as when a provider rotates them. */
export class Issuer {
  /** `claimsInToken`: whether the email is in ID tokens, and not only told by userinfo. `secret`: a public client has none. */
  static async start({ host = '127.0.0.1', claimsInToken = true, secret = 'a secret: of weft', alg = 'RS256' } = {}) {
    const issuer = Object.assign(new Issuer(), { claimsInToken, secret, alg });
    issuer.asked = [];
    issuer.http = createServer((request, response) => {
      issuer.asked.push(request.url.split('?')[0]);
      issuer.callback(request, response);
    }).listen(0, '127.0.0.1');
    await once(issuer.http, 'listening');
    issuer.url = `http://${host}:${issuer.http.address().port}`;
    issuer.rotate();
    return issuer;
  }

  /** Has new keys from now on, and none of before. */
  rotate() {
    this.keys = ['RS256', 'ES256', 'Ed25519'].map(alg => {
      const { privateKey } = generate(alg);
      return { alg, kid: `${alg}-${randomUUID()}`, privateKey };
    });
    this.open(this.server);
  }

  /** Has this server as a client from now on, whose address is known only after it has started with ours. */
  open(server = 'http://127.0.0.1') {
    this.server = server;
    const jwks = { keys: this.keys.map(({ alg, kid, privateKey }) => ({ ...privateKey.export({ format: 'jwk' }), alg, kid, use: 'sig' })) };
    const redirect_uris = [`${server}/login/oidc/callback`];
    const client = this.secret ? { client_secret: this.secret } : { token_endpoint_auth_method: 'none' };
    const provider = new Provider(this.url, {
      jwks,
      clients: [
        { client_id: 'weft', ...client, redirect_uris, id_token_signed_response_alg: this.alg },
        { client_id: 'app', client_secret: 'app', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
      ],
      claims: { openid: ['sub'], email: ['email', 'email_verified'] },
      conformIdTokenClaims: !this.claimsInToken,
      findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...PEOPLE[id] }) }),
      enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'Ed25519'] },
      features: {
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => undefined,
          getResourceServerInfo: (_, resource) => ({
            scope: '', audience: resource.slice('urn:'.length), accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } },
          }),
        },
      },
      cookies: { keys: ['a key of these tests'] },
      pkce: { required: () => true },
    });
    this.callback = provider.callback();
  }

  /** An access token for this audience, as the provider gives it to a program. */
  async accessToken(audience) {
    const response = await fetch(`${this.url}/token`, {
      method: 'POST',
      headers: { Authorization: `Basic ${btoa('app:app')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: `urn:${audience}` }),
    });
    return (await response.json()).access_token;
  }

  /** A token that it could have given, but for what is said here. `by`: the algorithm of its key. */
  token(claims = {}, { by = 'RS256', head = {}, signed = signature } = {}) {
    const key = this.keys.find(({ alg }) => alg === by);
    const now = Math.floor(Date.now() / 1000);
    const part = json => Buffer.from(JSON.stringify(json)).toString('base64url');
    const both = { iss: this.url, sub: 'ada', aud: 'weft', iat: now, exp: now + 600, ...claims };
    const text = `${part({ alg: by, kid: key.kid, typ: 'JWT', ...head })}.${part(both)}`;
    return `${text}.${signed(text, key)}`;
  }

  async stop() {
    this.http.closeAllConnections();
    this.http.close();
  }
}

function generate(alg) {
  if (alg === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (alg === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return generateKeyPairSync('ed25519');
}

function signature(text, { alg, privateKey }) {
  if (alg === 'Ed25519') return sign(null, Buffer.from(text), privateKey).toString('base64url');
  return createSign('sha256').update(text).sign({ key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}

/** Nobody's signature. */
export const unsigned = () => '';

/** HS256 with the public key, as everybody can read it. */
export function byPublicKey(text, { privateKey }) {
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' });
  return createHmac('sha256', publicKey).update(text).digest('base64url');
}

/** Follows redirects by hand and keeps cookies by path. */
export class Browser {
  #cookies = new Map();

  cookie(url) {
    const { host, pathname } = new URL(url);
    const ours = [...this.#cookies.values()].filter(cookie => cookie.host === host && pathname.startsWith(cookie.path));
    return ours.map(({ name, value }) => `${name}=${value}`).join('; ');
  }

  async ask(url, options = {}) {
    const headers = { Accept: 'text/html,application/json;q=0.5', Cookie: this.cookie(url), ...options.headers };
    const response = await fetch(url, { ...options, redirect: 'manual', headers });
    const { host } = new URL(url);
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(/;\s*/);
      const [, name, value] = /^([^=]*)=(.*)$/.exec(pair);
      const attribute = wanted => attributes.find(one => one.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
      const path = attribute('path') ?? '/';
      const over = attribute('max-age') === '0' || new Date(attribute('expires') ?? '9999') < new Date();
      const key = `${host} ${path} ${name}`;
      if (over) this.#cookies.delete(key);
      else this.#cookies.set(key, { host, path, name, value });
    }
    return response;
  }

  /** Goes to an address, and wherever that leads, until a page is shown. */
  async go(url, options) {
    for (let step = 0; step < 20; step++) {
      const response = await this.ask(url, options);
      const location = response.headers.get('location');
      if (!location) return { url, status: response.status, text: await response.text() };
      [url, options] = [new URL(location, url).href, {}];
      this.last = url;
      if (this.stopAt?.(url)) return { url, status: response.status, text: '' };
    }
    throw new Error(`it goes on and on, last to ${url}`);
  }

  /** Signs in at the provider, from our own `/login/oidc` on; where the browser is in the end. */
  async signIn(server, login, back = '/') {
    let page = await this.go(`${server}/login/oidc?return=${encodeURIComponent(back)}`);
    for (let step = 0; step < 4; step++) {
      const [, action] = /<form[^>]* action="([^"]+)"/.exec(page.text) ?? [];
      const [, prompt] = /name="prompt" value="([^"]+)"/.exec(page.text) ?? [];
      if (!action || !prompt) break;
      const body = new URLSearchParams({ prompt, login, password: 'any' });
      page = await this.go(new URL(action, page.url).href, { method: 'POST', body });
    }
    return page;
  }
}
