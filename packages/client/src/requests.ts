/**
 * What is asked of the server over HTTP, straight from the tab: signing in, history, who is there and what they are. Everything else goes through the
 * host. Loaded when something is first asked.
 */

import { errorOf, mistake, NetworkError, NotFoundError, SignedOutError, TimeweftError } from './errors.js';
import type { Refusal } from './messages.js';
import { foreignOrigin, isForeign, wrongServer } from './reach.js';
import type { apply } from './tree/apply.js';
import type { decodeAnswer } from './tree/decode.js';
import type { Patch } from './tree/patch.js';
import type { Accepted, Invitation, Listed, Me, Membership, Meta, Organisation, People, Session, Share, Unshare } from './types.js';

interface Version {
  value: unknown;
  meta: Meta;
}

/** `exact` says the same as `diff` and is there where that form has no words for it. */
type Answer = Version & { diff?: Patch; exact?: Patch };

/** How much of a list comes at once. */
const PAGE = 200;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{3}){1,2}Z$/;

/** What the tab has loaded already. */
interface Tree {
  apply: typeof apply;
  decodeAnswer: typeof decodeAnswer;
}

export class Requests {
  constructor(
    readonly url: string,
    readonly tree: Tree,
  ) {}

  async login(email: string): Promise<{ code?: string }> {
    return ((await this.#post('/login', { email })) as { code?: string } | undefined) ?? {};
  }

  async verify(email: string, code: string): Promise<Me> {
    const { personId } = (await this.#post('/login/verify', { email, code })) as { personId: string };
    return { personId, email };
  }

  async guest(): Promise<Me> {
    try {
      return (await this.#get('/me')) as Me;
    } catch (error) {
      if (!(error instanceof SignedOutError)) throw error;
    }
    await this.#post('/login/guest', {});
    return (await this.#get('/me')) as Me;
  }

  async impersonate(personId: string): Promise<Me> {
    await this.#post('/impersonate', { personId });
    return (await this.#get('/me')) as Me;
  }

  /** Makes a session of a token of the app's own sign-in. */
  async exchange(token: string): Promise<Me> {
    await this.#send('/login/token', { method: 'POST', headers: { accept: 'application/json', authorization: `Bearer ${token}` } });
    return (await this.#get('/me')) as Me;
  }

  async sessions(): Promise<Session[]> {
    return ((await this.#get('/sessions')) as { sessions: Session[] }).sessions;
  }

  async endSession(id: string): Promise<void> {
    if (!id || typeof id !== 'string') throw mistake(`${id} is no session: that is the id of one of sessions()`);
    await this.#send(`/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  async logoutEverywhere(): Promise<void> {
    await this.#post('/logout/all', {});
  }

  history(id: string, options: { before?: string; limit?: number } = {}): Promise<{ versions: Meta[]; more: boolean }> {
    allowed('history', options, ['before', 'limit']);
    const query = new URLSearchParams();
    if (options.before !== undefined) query.set('before', options.before);
    if (options.limit !== undefined) query.set('limit', String(options.limit));
    return this.#get(`/api/v1/entities/${id}/history?${query}`) as Promise<{ versions: Meta[]; more: boolean }>;
  }

  async at(id: string, time: string | Date, options: { from?: Version } = {}): Promise<Version> {
    allowed('at', options, ['from']);
    const { from } = options;
    if (from && typeof from.meta?.validFrom !== 'string') throw mistake('from is what at() has resolved to: { value, meta }');
    const asOf = typeof time === 'object' && Number.isFinite(+time) ? time.toISOString() : String(time);
    // The server's error would name what the app has never written.
    if (!TIME.test(asOf)) throw mistake(`${asOf} is no time: that is a Date or in UTC, as 2026-11-21T09:30:00.123456Z`);
    const query = new URLSearchParams({ asOf });
    if (from) query.set('diffFrom', from.meta.validFrom);
    const answer = (await this.#get(`/api/v1/entities/${id}?${query}`)) as Answer | null;
    // 304, which has no body: that version is the one that is held.
    if (!answer && from) return from;
    const { value, diff, exact = diff, meta } = answer as Answer;
    return { value: from && exact ? this.tree.apply(from.value, exact) : value, meta };
  }

  async *list(type: string, options: { limit?: number } = {}): AsyncGenerator<Listed, void, undefined> {
    allowed('list', options, ['limit']);
    if (!type || typeof type !== 'string') throw mistake(`${type} is no type: list takes one, as note`);
    const { limit = PAGE } = options;
    let cursor: string | undefined;
    do {
      const query = new URLSearchParams({ type, limit: String(limit), ...(cursor !== undefined && { cursor }) });
      const page = (await this.#get(`/api/v1/entities?${query}`)) as { entities: Listed[]; cursor?: string };
      yield* page.entities;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  async *orgs(personId: string): AsyncGenerator<Membership, void, undefined> {
    for await (const { entityId } of this.list('org')) {
      const found = await this.#get(`/api/v1/entities/${entityId}`).catch((error: unknown) => {
        // Deleted, or left, meanwhile.
        if (error instanceof NotFoundError) return { value: {} };
        throw error;
      });
      const { name, nodes = {}, grants = {} } = (found as { value: Organisation }).value;
      const roles = Object.entries(grants[personId] ?? {}).flatMap(([node, role]) => (Object.hasOwn(nodes, node) ? [role] : []));
      const role = (['admin', 'editor', 'viewer'] as const).find(role => roles.includes(role));
      // What was shared one by one is in organisations of such nodes alone.
      if (role && Object.values(nodes).some(node => !('entity' in node))) yield { entityId, role, ...(typeof name === 'string' && { name }) };
    }
  }

  async subscribers(id: string): Promise<string[]> {
    return ((await this.#get(`/api/v1/entities/${id}/subscribers`)) as { subscribers: string[] }).subscribers;
  }

  people(id: string): Promise<People> {
    return this.#get(`/api/v1/entities/${id}/people`) as Promise<People>;
  }

  async share(id: string, share: Share): Promise<Invitation | undefined> {
    only(share, ['personId', 'everybody', 'link', 'email'], ['role', 'expiresIn', 'node']);
    const { role, node } = share;
    if ('email' in share || 'link' in share) {
      const invitation = { role, node, email: 'email' in share ? share.email : undefined, expiresIn: share.expiresIn };
      return { role, ...((await this.#post(`/api/v1/entities/${id}/invitations`, invitation)) as object) } as Invitation;
    }
    await this.#post(`/api/v1/entities/${id}/people/${nameOf(share)}`, { role, node }, 'PUT');
    return undefined;
  }

  async unshare(id: string, whom: Unshare): Promise<void> {
    only(whom, ['personId', 'everybody', 'invitation'], ['node']);
    const at = 'node' in whom && whom.node !== undefined ? `?${new URLSearchParams({ node: whom.node })}` : '';
    const what = 'invitation' in whom ? `invitations/${encodeURIComponent(whom.invitation)}` : `people/${nameOf(whom)}${at}`;
    await this.#send(`/api/v1/entities/${id}/${what}`, { method: 'DELETE' });
  }

  accept(token: string): Promise<Accepted> {
    return this.#post('/api/v1/invitations/accept', { token }) as Promise<Accepted>;
  }

  #get(path: string): Promise<unknown> {
    return this.#send(path, { headers: { accept: 'application/cbor' } });
  }

  #post(path: string, body: unknown, method = 'POST'): Promise<unknown> {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    return this.#send(path, { method, headers, body: JSON.stringify(body) });
  }

  async #send(path: string, init: RequestInit): Promise<unknown> {
    const response = await fetch(this.url + path, { ...init, credentials: 'include', cache: 'no-store' }).catch(async (cause: unknown) => {
      if (await isForeign(this.url)) throw new TimeweftError('foreign-origin', foreignOrigin(this.url), { cause });
      throw new NetworkError('network', `${this.url} can't be reached: try again`, { cause });
    });
    const isPage = response.headers.get('content-type')?.startsWith('text/html');
    // A proxy's page is a proxy's word for a server that is down.
    if (isPage && response.status < 500) throw new TimeweftError('wrong-server', wrongServer(this.url, path, response.status));
    const body = await this.#read(response);
    if (response.ok || response.status === 304) return body;
    const error = (body as { error?: Partial<Refusal> } | null)?.error;
    // Nobody is refused to sign in but for where the page is from.
    if (response.status === 403 && path.startsWith('/log')) throw new TimeweftError('foreign-origin', foreignOrigin(this.url));
    if (error?.code) throw errorOf(error.code, error.message ?? error.code, error.violations);
    throw errorOf(response.status === 401 ? 'unauthorized' : 'http', `${path} answered ${response.status}`);
  }

  async #read(response: Response): Promise<unknown> {
    const type = response.headers.get('content-type') ?? '';
    try {
      if (type.startsWith('application/cbor')) return this.tree.decodeAnswer(new Uint8Array(await response.arrayBuffer()));
      if (type.startsWith('application/json')) return await response.json();
    } catch (cause) {
      throw new TimeweftError('bad-answer', `what ${response.url} answered can't be read: is that a Timeweft server?`, { cause });
    }
    return null;
  }
}

/** What is misspelt would be as if it were not said. */
const allowed = (call: string, options: object, names: string[]): void => {
  const unknown = Object.keys(Object(options)).find(name => !names.includes(name));
  if (unknown !== undefined) throw mistake(`${call} has no option ${unknown}: ${names.join(' and ')}`);
};

/** One of `names` says whom it is about: what is misspelt must not make something public, or somebody more than was meant. */
const only = (whom: object, names: string[], others: string[]): void => {
  const said = Object(whom) as Record<string, unknown>;
  const unknown = Object.keys(said).find(one => ![...names, ...others].includes(one));
  if (unknown !== undefined) throw mistake(`there is no ${unknown} to be said: ${[...names, ...others].join(', ')}`);
  const [name, ...more] = names.filter(one => one in said);
  const value = said[name ?? ''];
  const isSaid = name === 'everybody' || name === 'link' ? value === true : typeof value === 'string' && value !== '';
  if (more.length === 0 && isSaid) return;
  throw mistake(`whom it is about is one of ${names.join(', ')}: a text, or true of everybody and a link`);
};

const nameOf = (whom: { personId: string } | { everybody: true }): string => ('everybody' in whom ? '*' : encodeURIComponent(whom.personId));
