/**
 * The WebSocket: opening it, and noticing that it is dead although nobody closed it.
 *
 * A browser can't send pings. But every request is answered, and the replicas ask for what was quiet for 25 seconds: so where an answer is
 * owed for 10 seconds and nothing at all came, the socket counts as dead. Not at once where this thread was too busy to look at that time: then
 * what came may still be in a queue, as where thirty tabs write.
 */

import { answer, post } from './post.js';
import type { Send } from './wasm.js';

/** What carries frames: a socket or, where none can be had, `Polling`. */
export interface Transport {
  readonly kind: 'online' | 'polling';
  send(send: Send): void;
  /** Something suggests a look at whether it still works: the network came back, somebody looks at the page. */
  probe(): void;
  /** Lets go of it. None of its events follow. */
  close(): void;
}

export interface TransportEvents {
  frame(bytes: Uint8Array): void;
  /** Ask for everything that one would want to hear about. */
  poll(): void;
  /** The server takes nothing from pages of our origin. */
  foreign(): void;
  /** It does not work any more. `over`: because the session is over. */
  lost(over: boolean): void;
}

const OPENING = 10_000;
const OWED = 10_000;
/** A look that is so much later was kept by other work, by sleep, or by a browser that lets hidden pages wait: then there is another soon, so often in a row. */
const LATE = 500;
const SOON = 2_000;
const EXCUSED = 2;
/** What the server takes in one frame, unless it is set otherwise. Longer ones go by HTTP, which takes as much as a value may have. */
const LONGEST = 1 << 20;
/** The server's close code for a session that has ended. */
const SESSION_OVER = 4001;

export const openSocket = (url: string): Promise<WebSocket> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/connect`, 'timeweft.cbor');
    socket.binaryType = 'arraybuffer';
    const fail = (): void => {
      clearTimeout(timer);
      socket.onclose = null;
      socket.close();
      reject(new Error('no socket'));
    };
    const timer = setTimeout(fail, OPENING);
    socket.onclose = fail;
    socket.onopen = () => {
      clearTimeout(timer);
      resolve(socket);
    };
  });

export class Socket implements Transport {
  readonly kind = 'online';
  readonly #url: string;
  readonly #socket: WebSocket;
  readonly #events: TransportEvents;
  #heard = Date.now();
  /** Since when an answer is owed. */
  #owed: number | undefined;
  /** When it is to be looked whether it came, and how often that was too late in a row. */
  #due = 0;
  #late = 0;
  /** Bytes sent, and how many of them had left when the answer became due. */
  #sent = 0;
  #gone = 0;
  readonly #closing = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `socket` is open. */
  constructor(url: string, socket: WebSocket, events: TransportEvents) {
    this.#url = url;
    this.#socket = socket;
    this.#events = events;
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      this.#heard = Date.now();
      this.#owed = undefined;
      this.#late = 0;
      if (data instanceof ArrayBuffer) events.frame(new Uint8Array(data));
    };
    socket.onclose = ({ code }) => this.#lose(code === SESSION_OVER);
    // It may have closed before we listened.
    if (socket.readyState > WebSocket.OPEN) setTimeout(() => socket.onclose && this.#lose(false));
  }

  send({ frame }: Send): void {
    if (frame.length > LONGEST) return void this.#post(frame);
    // What is sent into a closing socket is lost without a word; the replica repeats it on the next one.
    if (this.#owed === undefined) {
      this.#owed = Date.now();
      this.#gone = this.#sent - this.#socket.bufferedAmount;
    }
    this.#socket.send(frame as Uint8Array<ArrayBuffer>);
    this.#sent += frame.length;
    if (!this.#timer) this.#wait(OWED);
  }

  probe(): void {
    const now = Date.now();
    if (this.#owed === undefined) return now - this.#heard > 2_000 ? this.#events.poll() : undefined;
    // The timer of a hidden page may be a minute late.
    if (now - this.#owed >= OWED) this.#look();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#closing.abort();
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
  }

  async #post(frame: Uint8Array): Promise<void> {
    const { signal } = this.#closing;
    // Where none comes, the replica tries again after a pause: it would wait for an answer as long as a slow line may take.
    const answered = await post(this.#url, frame, signal).catch(() => ({ frame: answer(frame, 503) }));
    if (!signal.aborted) this.#events.frame(answered.frame);
  }

  #lose(over: boolean): void {
    this.close();
    this.#events.lost(over);
  }

  /** Answers come by thousands, so they move no timer: it looks for itself whether one is owed, and since when. */
  readonly #look = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#owed === undefined) return;
    const now = Date.now();
    if (now - this.#owed >= OWED) {
      const backlog = this.#socket.bufferedAmount;
      const gone = this.#sent - backlog;
      if (now - this.#due > LATE && this.#late++ < EXCUSED) return this.#wait(SOON);
      // A slow line that still takes what we send is not a dead one.
      if (backlog === 0 || gone === this.#gone) return this.#lose(false);
      this.#gone = gone;
      this.#owed = now;
    }
    this.#wait(this.#owed + OWED - now);
  };

  #wait(pause: number): void {
    this.#due = Date.now() + pause;
    this.#timer = setTimeout(this.#look, pause);
  }
}
