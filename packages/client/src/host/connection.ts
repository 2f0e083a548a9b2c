/**
 * The connection to the server, kept up for as long as it is wanted.
 *
 * An attempt asks who is signed in and opens a socket at the same time; nothing is sent before the answer says that it is the person whose
 * edits these are. After a failure the next attempt comes after a random part of a doubling pause, or when `hurry` says that things may
 * have changed; the pause counts from where the failed one began, which may have hung for its time-outs, so that `LONGEST_PAUSE` after the server can be
 * reached again there is one that began since. Where the server answers and a socket twice can't be had, requests go by HTTP, and a socket is tried again every minute.
 */

import type { ClientStatus, Me } from '../messages.js';
import { Polling } from './polling.js';
import { openSocket, Socket, type Transport, type TransportEvents } from './socket.js';
import type { Send } from './wasm.js';

export interface ConnectionEvents {
  status(status: ClientStatus): void;
  /** Who is signed in; `null` nobody. Rejects where the server can't be asked. */
  ask(): Promise<Me | null>;
  /** Makes everything ready for that person, unless the attempt is not `valid` any more when its turn comes. */
  person(me: Me, valid: () => boolean): Promise<void>;
  up(): void;
  down(): void;
  frame(bytes: Uint8Array): void;
  poll(): void;
  /** The server takes nothing from pages of our origin. */
  foreign(): void;
  watched(): boolean;
}

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 15_000;
const SOCKET_AGAIN = 60_000;
/** So many refused sockets while the server answers, and it is the network that has something against them. */
const REFUSALS = 2;

export class Connection {
  readonly #url: string;
  readonly #events: ConnectionEvents;
  #transport: Transport | undefined;
  /** Counts what makes an attempt under way pointless. */
  #turn = 0;
  #wanted = false;
  #attempting = false;
  #attempted = 0;
  #failures = 0;
  #refusals = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, events: ConnectionEvents) {
    this.#url = url;
    this.#events = events;
  }

  get wanted(): boolean {
    return this.#wanted;
  }

  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#failures = 0;
    this.#events.status('connecting');
    void this.#attempt();
  }

  stop(): void {
    this.#wanted = false;
    this.#drop();
  }

  /** Something may have changed. Not more often than every `least` milliseconds. */
  hurry(least = 0): void {
    if (!this.#wanted) return;
    if (this.#transport) this.#transport.probe();
    else if (!this.#attempting && Date.now() - this.#attempted >= least) void this.#attempt();
  }

  /** Connects anew, and asks again who is signed in. */
  again(): void {
    if (!this.#wanted) return;
    this.#drop();
    this.#events.status('connecting');
    void this.#attempt();
  }

  /** There is another network: what was asked by the one before is hardly answered. */
  renew(): void {
    if (this.#wanted && this.#attempting && Date.now() > this.#attempted) void this.#attempt();
    else this.hurry();
  }

  send(send: Send): void {
    this.#transport?.send(send);
  }

  /** The session is over. What is stored stays; connecting begins again when somebody hurries it. */
  signedOut(): void {
    this.#wanted = true;
    this.#drop();
    this.#events.status('signed-out');
  }

  async #attempt(): Promise<void> {
    clearTimeout(this.#timer);
    const turn = ++this.#turn;
    this.#attempting = true;
    this.#attempted = Date.now();
    const opening = openSocket(this.#url).catch(() => undefined);
    const abandon = (): void => void opening.then(socket => socket?.close());
    try {
      const me = await this.#events.ask();
      if (turn !== this.#turn) return abandon();
      if (!me) {
        abandon();
        return this.signedOut();
      }
      const [socket] = await Promise.all([opening, this.#events.person(me, () => turn === this.#turn)]);
      if (turn !== this.#turn) return abandon();
      if (socket) this.#establish(this.#socket(socket));
      else if (++this.#refusals >= REFUSALS) this.#establish(this.#polling());
      else this.#retry(this.#attempted);
    } catch {
      abandon();
      if (turn !== this.#turn) return;
      this.#events.status('offline');
      this.#retry(this.#attempted);
    } finally {
      if (turn === this.#turn) this.#attempting = false;
    }
  }

  #retry(since = Date.now()): void {
    const pause = Math.random() * Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#failures++);
    this.#timer = setTimeout(() => void this.#attempt(), Math.max(0, since + pause - Date.now()));
  }

  #establish(transport: Transport): void {
    clearTimeout(this.#timer);
    this.#transport = transport;
    this.#attempting = false;
    if (transport.kind === 'polling') this.#timer = setTimeout(() => void this.#upgrade(), SOCKET_AGAIN);
    this.#events.status(transport.kind);
    this.#events.up();
  }

  async #upgrade(): Promise<void> {
    const turn = this.#turn;
    const socket = await openSocket(this.#url).catch(() => undefined);
    if (turn !== this.#turn) return socket?.close();
    if (!socket) {
      this.#timer = setTimeout(() => void this.#upgrade(), SOCKET_AGAIN);
      return;
    }
    this.#transport?.close();
    this.#events.down();
    this.#establish(this.#socket(socket));
  }

  #socket(socket: WebSocket): Transport {
    this.#refusals = 0;
    return new Socket(this.#url, socket, this.#handlers());
  }

  #polling(): Transport {
    return new Polling(this.#url, this.#handlers(), this.#events.watched);
  }

  #handlers(): TransportEvents {
    const { poll, foreign } = this.#events;
    const frame = (bytes: Uint8Array): void => {
      // Only now: a server that takes connections and drops them at once is to be tried less and less often.
      this.#failures = 0;
      this.#events.frame(bytes);
    };
    const lost = (over: boolean): void => {
      if (over) return this.signedOut();
      this.#drop();
      this.#events.status('connecting');
      this.#retry();
    };
    return { frame, poll, foreign, lost };
  }

  #drop(): void {
    this.#turn++;
    this.#attempting = false;
    clearTimeout(this.#timer);
    const transport = this.#transport;
    if (!transport) return;
    this.#transport = undefined;
    transport.close();
    this.#events.down();
  }
}
