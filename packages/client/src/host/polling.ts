/**
 * Without a socket: every request is a `POST /message`, and the entities are asked for again and again.
 *
 * The requests of one entity go one after the other, so that neither they nor their answers overtake each other. One that fails is not
 * repeated here: the replica does that when no answer comes.
 */

import { ForeignOrigin, post } from './post.js';
import type { Transport, TransportEvents } from './socket.js';
import type { Send } from './wasm.js';

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
  readonly #closing = new AbortController();
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
    this.#closing.abort();
    clearTimeout(this.#timer);
  }

  async #exchange(frame: Uint8Array): Promise<void> {
    if (this.#active >= AT_ONCE) await new Promise<void>(resolve => this.#queue.push(resolve));
    this.#active++;
    const answered = this.#closed ? undefined : await post(this.#url, frame, this.#closing.signal).catch((error: unknown) => void (error instanceof ForeignOrigin && this.#events.foreign()));
    this.#active--;
    this.#queue.shift()?.();
    if (this.#closed) return;
    if (answered) {
      this.#failures = 0;
      if (answered.status !== 304) this.#pause = PAUSE;
      this.#events.frame(answered.frame);
    } else if (++this.#failures >= FAILURES) {
      this.close();
      this.#events.lost(false);
    }
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
