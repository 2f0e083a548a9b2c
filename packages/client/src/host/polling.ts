/**
 * Without a socket: every request is a `POST /message`, and the entities are asked for again and again.
 *
 * The requests of one entity go one after the other, so that neither they nor their answers overtake each other. One that fails is not
 * repeated here: the replica does that when no answer comes.
 */

import type { Transport, TransportEvents } from './socket.js';
import type { Send } from './wasm.js';

const PATIENCE = 20_000;
/** Browsers open no more connections than this to one server over HTTP/1.1. */
const AT_ONCE = 6;
/** A round begins this long after the last one ended: longer when nothing changes, much longer when nobody looks. */
const PAUSE = 2_000;
const IDLE_PAUSE = 6_000;
const HIDDEN_PAUSE = 30_000;
/** So many failures in a row, and the server counts as gone. */
const FAILURES = 3;

export class Polling implements Transport {
  readonly kind = 'polling';
  readonly #url: string;
  readonly #events: TransportEvents;
  readonly #watched: () => boolean;
  /** Per entity the last request that is not answered. */
  readonly #last = new Map<string, Promise<void>>();
  readonly #queue: (() => void)[] = [];
  #active = 0;
  #failures = 0;
  #pause = PAUSE;
  #rounds = false;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `watched`: whether somebody looks at a page that shows what is polled for. */
  constructor(url: string, events: TransportEvents, watched: () => boolean) {
    this.#url = url;
    this.#events = events;
    this.#watched = watched;
    this.#wait();
  }

  send({ entity, frame }: Send): void {
    if (!this.#rounds) this.#pause = PAUSE;
    const request = (this.#last.get(entity) ?? Promise.resolve()).then(() => this.#exchange(frame)).then(() => {
      if (this.#last.get(entity) === request) this.#last.delete(entity);
      if (!this.#last.size) this.#wait();
    });
    this.#last.set(entity, request);
  }

  probe(): void {
    this.#pause = PAUSE;
    if (!this.#last.size) this.#wait();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #exchange(frame: Uint8Array): Promise<void> {
    if (this.#active >= AT_ONCE) await new Promise<void>(resolve => this.#queue.push(resolve));
    this.#active++;
    const body = this.#closed ? undefined : await this.#post(frame).catch(() => undefined);
    this.#active--;
    this.#queue.shift()?.();
    if (this.#closed) return;
    if (body) {
      this.#failures = 0;
      this.#events.frame(body);
    } else if (++this.#failures >= FAILURES) {
      this.close();
      this.#events.lost(false);
    }
  }

  async #post(frame: Uint8Array): Promise<Uint8Array> {
    const response = await fetch(`${this.#url}/message`, {
      method: 'POST',
      body: frame as Uint8Array<ArrayBuffer>,
      credentials: 'include',
      headers: { 'content-type': 'application/cbor', accept: 'application/cbor' },
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (response.status === 304) return unchanged(frame);
    // A proxy's own page, say. The protocol's errors are frames like any other.
    if (!response.headers.get('content-type')?.startsWith('application/cbor')) throw new Error(`/message answered ${response.status}`);
    this.#pause = PAUSE;
    return new Uint8Array(await response.arrayBuffer());
  }

  #wait(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    const pause = (this.#watched() ? this.#pause : HIDDEN_PAUSE) * 2 ** this.#failures;
    this.#timer = setTimeout(() => {
      this.#pause = Math.min(IDLE_PAUSE, this.#pause * 1.5);
      this.#rounds = true;
      this.#events.poll();
      this.#rounds = false;
      if (!this.#last.size) this.#wait();
    }, pause);
  }
}

/** HTTP has no body with status 304, so the response `{id, status: 304}` is made here; its id is that of the request, which begins with it. */
const unchanged = (request: Uint8Array): Uint8Array => {
  const ID_AT = 4;
  const argument = (request[ID_AT] ?? 0) & 0x1f;
  const id = request.subarray(ID_AT, ID_AT + 1 + (argument < 24 ? 0 : 2 ** (argument - 24)));
  return Uint8Array.of(0xa2, 0x62, 0x69, 0x64, ...id, 0x66, 0x73, 0x74, 0x61, 0x74, 0x75, 0x73, 0x19, 0x01, 0x30);
};
