/**
 * What is asked of the server over HTTP, straight from the tab: signing in, history, who is there. Everything else goes through the host.
 */

import { errorOf, NetworkError, TimeweftError } from './errors.js';
import { decodeValue } from './tree/decode.js';
import type { Me, Meta } from './types.js';

export class Requests {
  constructor(readonly url: string) {}

  login(email: string): Promise<{ code?: string }> {
    return this.#post('/login', { email }) as Promise<{ code?: string }>;
  }

  async verify(email: string, code: string): Promise<Me> {
    const { personId } = (await this.#post('/login/verify', { email, code })) as { personId: string };
    return { personId, email };
  }

  async logoutEverywhere(): Promise<void> {
    await this.#post('/logout/all', {});
  }

  history(id: string, options: { before?: string; limit?: number }): Promise<{ versions: Meta[]; more: boolean }> {
    const query = new URLSearchParams();
    if (options.before !== undefined) query.set('before', options.before);
    if (options.limit !== undefined) query.set('limit', String(options.limit));
    return this.#get(`/api/v1/entities/${id}/history?${query}`) as Promise<{ versions: Meta[]; more: boolean }>;
  }

  at(id: string, time: string | Date): Promise<{ value: unknown; meta: Meta }> {
    const query = new URLSearchParams({ asOf: typeof time === 'string' ? time : time.toISOString() });
    return this.#get(`/api/v1/entities/${id}?${query}`) as Promise<{ value: unknown; meta: Meta }>;
  }

  async subscribers(id: string): Promise<string[]> {
    return ((await this.#get(`/api/v1/entities/${id}/subscribers`)) as { subscribers: string[] }).subscribers;
  }

  #get(path: string): Promise<unknown> {
    return this.#send(path, { headers: { accept: 'application/cbor' } });
  }

  #post(path: string, body: unknown): Promise<unknown> {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    return this.#send(path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  async #send(path: string, init: RequestInit): Promise<unknown> {
    const response = await fetch(this.url + path, { ...init, credentials: 'include', cache: 'no-store' }).catch((cause: unknown) => {
      throw new NetworkError('network', `${this.url} can't be reached: check the connection and try again`, { cause });
    });
    const body = await read(response);
    if (response.ok) return body;
    const error = (body as { error?: { code?: string; message?: string } } | null)?.error;
    if (error?.code) throw errorOf(error.code, error.message ?? error.code);
    throw errorOf(response.status === 401 ? 'unauthorized' : 'http', `${path} answered ${response.status}`);
  }
}

const read = async (response: Response): Promise<unknown> => {
  const type = response.headers.get('content-type') ?? '';
  try {
    if (type.startsWith('application/cbor')) return decodeValue(new Uint8Array(await response.arrayBuffer()));
    if (type.startsWith('application/json')) return await response.json();
  } catch (cause) {
    throw new TimeweftError('bad-answer', `what ${response.url} answered can't be read: is that a Timeweft server?`, { cause });
  }
  return null;
};
