/**
 * A browser and a server for the host's tests: channels, locks, sockets, HTTP and replicas that do what the test says, when it says so.
 * IndexedDB is `fake-indexeddb`; timers are vitest's, except `setImmediate`, by which that database and `settle` proceed.
 */

import { Encoder } from 'cbor-x';
import { IDBFactory } from 'fake-indexeddb';
import 'fake-indexeddb/auto';
import { vi } from 'vitest';
import type { Edited, Effect, ReplicaEvent, Replicas } from '../../src/host/wasm.js';

export const URL_ = 'https://weft.example';

/** Lets everything happen that waits for nothing but its turn. */
export const settle = async (turns = 60): Promise<void> => {
  for (let turn = 0; turn < turns; turn++) await new Promise(resolve => realImmediate(resolve));
};

/** Lets time pass, and what it causes happen. */
export const pass = async (milliseconds: number): Promise<void> => {
  await vi.advanceTimersByTimeAsync(milliseconds);
  await settle();
};

const realImmediate = (globalThis as unknown as { setImmediate: (run: (value: unknown) => void) => void }).setImmediate;

export class FakeChannel {
  static all = new Set<FakeChannel>();
  onmessage: ((event: { data: unknown }) => void) | null = null;

  constructor(readonly name: string) {
    FakeChannel.all.add(this);
  }

  postMessage(message: unknown): void {
    if (!FakeChannel.all.has(this)) throw new Error(`posted on ${this.name}, which is closed`);
    const data = structuredClone(message);
    for (const other of FakeChannel.all) {
      if (other === this || other.name !== this.name) continue;
      queueMicrotask(() => FakeChannel.all.has(other) && other.onmessage?.({ data }));
    }
  }

  close(): void {
    FakeChannel.all.delete(this);
  }
}

interface Waiting {
  run(): void;
}

export class FakeLocks {
  readonly #held = new Map<string, Waiting[]>();

  request(name: string, options: { ifAvailable?: boolean; signal?: AbortSignal }, use: (lock: object | null) => unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const run = async (): Promise<void> => {
        try {
          resolve(await use({ name }));
        } catch (error) {
          reject(error);
        } finally {
          const next = this.#held.get(name)?.shift();
          if (next) next.run();
          else this.#held.delete(name);
        }
      };
      const queue = this.#held.get(name);
      if (!queue) {
        this.#held.set(name, []);
        void Promise.resolve().then(run);
      } else if (options.ifAvailable) {
        resolve(use(null));
      } else {
        const waiting: Waiting = { run: () => void run() };
        queue.push(waiting);
        options.signal?.addEventListener('abort', () => {
          const at = queue.indexOf(waiting);
          if (at >= 0) queue.splice(at, 1);
          reject(options.signal?.reason);
        });
      }
    });
  }

  /** Holds it until what is returned is called. */
  hold(name: string): () => void {
    let release = (): void => undefined;
    void this.request(name, {}, () => new Promise<void>(resolve => (release = resolve)));
    return () => release();
  }
}

export class FakeSocket {
  static all: FakeSocket[] = [];
  static readonly OPEN = 1;
  /** Whether new ones can be had. */
  static works = true;
  /** Whether new ones neither open nor fail. */
  static silent = false;
  readyState = 0;
  bufferedAmount = 0;
  binaryType = '';
  readonly sent: string[] = [];
  readonly frames: Uint8Array[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(
    readonly url: string,
    readonly protocol: string,
  ) {
    FakeSocket.all.push(this);
    void settle(5).then(() => {
      if (this.readyState || FakeSocket.silent) return;
      this.readyState = FakeSocket.works ? 1 : 3;
      if (FakeSocket.works) this.onopen?.();
      else this.onclose?.({ code: 1006 });
    });
  }

  static get last(): FakeSocket {
    const socket = FakeSocket.all.at(-1);
    if (!socket) throw new Error('no socket was asked for');
    return socket;
  }

  send(frame: Uint8Array): void {
    this.frames.push(frame);
    this.sent.push(text(frame));
  }

  close(): void {
    this.readyState = 3;
  }

  /** The server says something. */
  say(frame: string): void {
    this.onmessage?.({ data: bytes(frame).buffer });
  }

  /** The other side closes it. */
  drop(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}

/** Answers by HTTP. */
export class FakeServer {
  me: { personId: string; email: string } | null = ann;
  reachable = true;
  /** Whether nothing comes back: then requests end by running out of time. */
  silent = false;
  logouts = 0;
  asked = 0;
  /** What `POST /message` is answered; a rejection is a failing network. */
  message: (frame: string) => Promise<Response> = async frame => answer(`re ${frame}`);

  readonly fetch = async (input: string, init: RequestInit): Promise<Response> => {
    if (this.silent) return new Promise((_, reject) => setTimeout(() => reject(new DOMException('', 'TimeoutError')), 10_000));
    if (!this.reachable) throw new TypeError('Failed to fetch');
    const path = input.slice(URL_.length);
    if (path === '/me') {
      this.asked++;
      return this.me ? Response.json(this.me) : new Response('{}', { status: 401 });
    }
    if (path === '/logout' && init.method === 'POST') {
      this.logouts++;
      this.me = null;
      return Response.json({});
    }
    if (path === '/message') return this.message(text(init.body as Uint8Array));
    return new Response('', { status: 404 });
  };
}

export const ann = { personId: 'ann', email: 'ann@weft.example' };
export const bob = { personId: 'bob', email: 'bob@weft.example' };

/** Anything as CBOR, as the server writes it. */
export const encode = (message: object): Uint8Array<ArrayBuffer> => new Uint8Array(new Encoder({ useRecords: false, variableMapSize: true }).encode(message));
export const answerOf = (message: object, status = 200): Response => new Response(encode(message), { status, headers: { 'content-type': 'application/cbor' } });
export const answer = (body: string): Response => new Response(bytes(body), { headers: { 'content-type': 'application/cbor' } });

/** Replicas whose entities are texts: an edit appends its patch. What the server is sent and says is text too. */
export class FakeReplicas implements Replicas {
  readonly calls: string[] = [];
  readonly values = new Map<string, string>();
  readonly tabs = new Map<string, Set<string>>();
  readonly ops = new Map<string, Map<string, number>>();
  readonly waiting = new Set<string>();
  online = false;
  person = '';
  /** The call that traps, by how its record begins. */
  trap: string | undefined;
  dead = false;
  /** What further calls give, by name. */
  extra: Record<string, Effect[]> = {};

  #record(name: string, ...details: unknown[]): Effect[] {
    if (this.dead) throw new Error('called after a trap');
    const call = [name, ...details].join(' ');
    if (this.trap !== undefined && call.startsWith(this.trap)) {
      this.dead = true;
      throw new WebAssembly.RuntimeError('unreachable');
    }
    this.calls.push(call);
    return this.extra[name] ?? [];
  }

  start(_instance: string, person: string): void {
    this.#record('start', person);
    this.person = person;
    for (const map of [this.values, this.tabs, this.ops, this.waiting]) map.clear();
  }

  handle(event: ReplicaEvent): Effect[] {
    switch (event.tag) {
      case 'load':
        return this.load(event.val.entity, event.val.snapshot, event.val.journal);
      case 'join':
        return this.join(event.val.entity, event.val.tab);
      case 'leave':
        return this.leave(event.val.entity, event.val.tab);
      case 'gone':
        return this.gone(event.val);
      case 'edit':
        return event.val.edits.flatMap(edit => this.edit(event.val.entity, edit));
      case 'edit-from':
        return this.editFrom(event.val);
      case 'policy':
        return this.#record('policy', event.val.entity, event.val.policy);
      case 'connected':
        return this.connected();
      case 'disconnected':
        this.online = false;
        return this.#record('disconnected');
      case 'receive':
        return this.#record('receive', text(event.val));
      case 'again':
        return this.#record('again', event.val);
      case 'poll':
        return this.#record('poll');
      case 'tick':
        if (this.dead) throw new Error('called after a trap');
        return this.extra['tick'] ?? [];
    }
  }

  holds(entity: string): boolean {
    if (this.dead) throw new Error('called after a trap');
    return this.values.has(entity);
  }

  load(entity: string, _snapshot: Uint8Array | undefined, journal: Uint8Array | undefined): Effect[] {
    const effects = this.#record('load', entity, journal ? text(journal) : '-');
    if (!entity.includes(':')) return effects;
    this.values.set(entity, journal ? text(journal) : '');
    this.tabs.set(entity, new Set());
    this.ops.set(entity, new Map());
    if (journal && text(journal).includes('unsent')) this.waiting.add(entity);
    return effects;
  }

  join(entity: string, tab: string): Effect[] {
    const effects = this.#record('join', entity, tab);
    this.tabs.get(entity)?.add(tab);
    const ops = [...(this.ops.get(entity) ?? [])];
    return [...effects, { tag: 'reset', val: { entity, seq: 0, to: tab, value: bytes(this.values.get(entity) ?? ''), ops } }];
  }

  leave(entity: string, tab: string): Effect[] {
    const effects = this.#record('leave', entity, tab);
    this.tabs.get(entity)?.delete(tab);
    return [...effects, ...this.#forget(entity)];
  }

  gone(tab: string): Effect[] {
    const effects = this.#record('gone', tab);
    return [...effects, ...[...this.tabs].flatMap(([entity, tabs]) => (tabs.delete(tab) ? this.#forget(entity) : []))];
  }

  edit(entity: string, { tab, op, seen, action }: Edited): Effect[] {
    const effects = this.#record('edit', entity, tab, op, action.tag);
    const patch = action.tag === 'patch' ? action.val : bytes(action.tag);
    return [...effects, ...this.#take(entity, tab, op, seen, patch)];
  }

  editFrom({ entity, tab, op, patch }: { entity: string; tab: string; op: number; patch: Uint8Array }): Effect[] {
    return [...this.#record('edit-from', entity, tab, op), ...this.#take(entity, tab, op, 0, patch)];
  }

  connected(): Effect[] {
    this.online = true;
    const sends = [...this.waiting].map((entity): Effect => ({ tag: 'send', val: { entity, frame: bytes(`patch ${entity}`) } }));
    return [...this.#record('connected'), ...sends];
  }

  unsent(): string[] {
    if (this.dead) throw new Error('called after a trap');
    return [...this.waiting];
  }

  #take(entity: string, tab: string, op: number, seen: number, patch: Uint8Array): Effect[] {
    const value = (this.values.get(entity) ?? '') + text(patch);
    this.values.set(entity, value);
    this.ops.get(entity)?.set(tab, op);
    this.waiting.add(entity);
    return [
      { tag: 'show', val: { entity, seq: seen + 1, patch, origin: { tab, op, unchanged: true } } },
      { tag: 'save', val: { entity, journal: bytes(value), kept: [[tab, op]] } },
    ];
  }

  #forget(entity: string): Effect[] {
    if (this.tabs.get(entity)?.size || this.waiting.has(entity) || !this.values.delete(entity)) return [];
    return [{ tag: 'forget', val: entity }];
  }
}

export const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export interface Browser {
  server: FakeServer;
  locks: FakeLocks;
  /** Fires `online`. */
  online(): void;
}

/** A fresh one; what it puts in place of globals is taken back by `vi.unstubAllGlobals`. */
export const browser = (): Browser => {
  const server = new FakeServer();
  const locks = new FakeLocks();
  const target = new EventTarget();
  FakeChannel.all.clear();
  FakeSocket.all.length = 0;
  FakeSocket.works = true;
  FakeSocket.silent = false;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] });
  vi.stubGlobal('indexedDB', new IDBFactory());
  vi.stubGlobal('BroadcastChannel', FakeChannel);
  vi.stubGlobal('WebSocket', FakeSocket);
  vi.stubGlobal('fetch', server.fetch);
  vi.stubGlobal('navigator', { locks });
  vi.stubGlobal('addEventListener', target.addEventListener.bind(target));
  vi.stubGlobal('removeEventListener', target.removeEventListener.bind(target));
  return { server, locks, online: () => target.dispatchEvent(new Event('online')) };
};

export const tidy = (): void => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
};
