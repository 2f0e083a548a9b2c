/**
 * The tab's side of the channels, and who runs the host: a SharedWorker or, where there is none or it fails, whichever tab gets to lead.
 *
 * Where there are no pages (rendering on a server) nothing is opened, so that a client may be made anywhere.
 */

import type { Body } from './home.js';
import {
  ackChannel, allChannel, entityChannel, leaderLock, randomId, tabChannel, tabLock, upstreamChannel,
  type Ack, type HostState, type NamedPolicy, type Started, type ToAll, type ToEntity, type ToTab, type Upstream,
} from './messages.js';

/** What a link needs from where it runs; tests have their own. */
export interface Surroundings {
  channel(name: string): BroadcastChannel;
  /** Starts the host, or waits for the turn to. */
  host(url: string, worker: 'shared' | 'leader' | 'auto', failed: (message: string) => void): () => void;
  /** Holds a lock for as long as the tab lives; resolves when it is held. */
  hold(name: string): Promise<() => void>;
}

/** Says `hello` again after so long without an answer: the host may have begun to listen after the first. */
const AGAIN = 1_000;
/** How often a worker that can't be watched is asked whether it is there, which starts it where it is not. */
const UNWATCHED = 10_000;

export interface LinkEvents {
  /** The host is there: a new one if the epoch is new. */
  host(state: HostState): void;
  all(message: Exclude<ToAll, { type: 'here' }>): void;
  tab(message: Exclude<ToTab, { type: 'welcome' }>): void;
  /** There is nobody to do the work. */
  failed(message: string): void;
}

export class Link {
  readonly tab = randomId();
  readonly #url: string;
  readonly #policy: NamedPolicy;
  readonly #events: LinkEvents;
  readonly #surroundings: Surroundings | undefined;
  readonly #closing: (() => void)[] = [];
  #upstream: BroadcastChannel | undefined;
  #ack: BroadcastChannel | undefined;
  #hello: ReturnType<typeof setInterval> | undefined;
  #greeted = false;
  #isClosed = false;

  constructor(url: string, policy: NamedPolicy, events: LinkEvents, surroundings: Surroundings | undefined) {
    this.#url = url;
    this.#policy = policy;
    this.#events = events;
    this.#surroundings = surroundings;
  }

  start(worker: 'shared' | 'leader' | 'auto'): void {
    const here = this.#surroundings;
    if (!here) return;
    this.#upstream = this.#open(upstreamChannel(this.#url));
    this.#ack = this.#open(ackChannel(this.#url));
    // The host takes a tab whose lock it can get for gone.
    here.hold(tabLock(this.#url, this.tab)).then(
      release => {
        if (this.#isClosed) return release();
        this.#closing.push(release);
        this.#greet();
      },
      (error: unknown) => this.#events.failed(String(error)),
    );
    this.#closing.push(here.host(this.#url, worker, message => this.#events.failed(message)));
    this.#watchSleep();
  }

  /** Sends; without effect where there is no host to hear it. */
  post(message: Body): void {
    this.#upstream?.postMessage({ ...message, tab: this.tab } as Upstream);
  }

  ack(entity: string, epoch: string, seq: number): void {
    this.#ack?.postMessage({ type: 'ack', tab: this.tab, entity, epoch, seq } satisfies Ack);
  }

  /** Hears what the host says of an entity, until the function returned is called. */
  entity(personId: string, entity: string, hear: (message: ToEntity) => void): () => void {
    const channel = this.#open(entityChannel(this.#url, personId, entity), hear);
    return () => channel?.close();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#hello);
    this.post({ type: 'bye' });
    for (const close of this.#closing) close();
    this.#upstream = this.#ack = undefined;
  }

  #open<M>(name: string, hear?: (message: M) => void): BroadcastChannel | undefined {
    const channel = this.#surroundings?.channel(name);
    if (channel && hear) channel.onmessage = (event: MessageEvent<M>) => hear(event.data);
    else if (channel) this.#closing.push(() => channel.close());
    return channel;
  }

  #greet(): void {
    const all = this.#open<ToAll>(allChannel(this.#url), message => {
      if (message.type !== 'here') return this.#events.all(message);
      // A host that has just begun knows no tabs.
      this.#sayHello();
      this.#events.host(message);
    });
    const own = this.#open<ToTab>(tabChannel(this.#url, this.tab), message => {
      if (message.type !== 'welcome') return this.#events.tab(message);
      clearInterval(this.#hello);
      this.#events.host(message);
    });
    this.#closing.push(() => all?.close(), () => own?.close());
    this.#greeted = true;
    this.#sayHello();
    this.#hello = setInterval(() => this.#sayHello(), AGAIN);
  }

  #sayHello(): void {
    this.post({ type: 'hello', url: this.#url, policy: this.#policy });
  }

  /** A page that was frozen or hidden may have missed anything, a new host included: the answer to `hello` tells. */
  #watchSleep(): void {
    if (typeof document === 'undefined') return;
    const awake = () => this.#greeted && this.#sayHello();
    const tell = () => {
      const visible = document.visibilityState === 'visible';
      this.post({ type: 'visible', visible });
      if (visible) awake();
    };
    document.addEventListener('visibilitychange', tell);
    addEventListener('pageshow', awake);
    this.#closing.push(() => {
      document.removeEventListener('visibilitychange', tell);
      removeEventListener('pageshow', awake);
    });
  }
}

/** A browser's; `undefined` where there is none. */
export const browser = (): Surroundings | undefined => {
  const isBrowser = typeof BroadcastChannel === 'function' && (typeof document === 'object' || 'WorkerGlobalScope' in globalThis);
  return isBrowser ? { channel: name => new BroadcastChannel(name), host, hold } : undefined;
};

const host: Surroundings['host'] = (url, worker, failed) => {
  const stopping = new AbortController();
  let stop = () => {};
  const unserved = (why: string) => failed(`nothing is loaded or saved, since ${why}; it is tried again`);
  const later = (attempt: () => unknown) => setTimeout(() => stopping.signal.aborted || attempt(), UNWATCHED);
  const leadHere = async () => {
    const failing = (error: unknown) => unserved(`the host does not start: ${String(error)}`);
    try {
      // Where a SharedWorker does the work, no tab pays for this.
      const { lead } = await import('./lead.js');
      if (stopping.signal.aborted) return;
      const leading = lead(url, undefined, failing);
      leading.started.catch(() => {});
      stop = () => leading.stop();
    } catch (error) {
      failing(error);
      later(leadHere);
    }
  };
  // What can't be loaded, or be started there, one of the tabs does.
  const otherwise = (message: string) => {
    if (worker !== 'shared') return void leadHere();
    unserved(message);
    later(share);
  };
  const share = () => {
    let shared: SharedWorker;
    try {
      shared = startShared();
    } catch (error) {
      // Not allowed here: by a policy of trusted types, say, or for a page without an origin.
      return otherwise(`the SharedWorker could not be started: ${String(error)}`);
    }
    stop = () => shared.port.close();
    shared.onerror = () => {
      shared.onerror = null;
      otherwise('the SharedWorker could not be loaded');
    };
    shared.port.onmessage = ({ data }: MessageEvent<Started>) => {
      if (data.type === 'failed') otherwise(data.message);
      else watch().catch(() => undefined);
    };
    shared.port.postMessage({ type: 'start', url });
  };
  // A SharedWorker dies with the process of the tab that it was made by, and nobody is told; but its lock is free then.
  const watch = async () => {
    const { signal } = stopping;
    const { locks } = globalThis.navigator;
    if (!locks) return;
    // Where it is free although the worker has just begun, that has other locks: so it is when the site's data was cleared meanwhile.
    const isHeld = await locks.request(leaderLock(url), { ifAvailable: true }, lock => lock === null);
    if (isHeld) await locks.request(leaderLock(url), { signal }, () => {});
    else await new Promise(resolve => setTimeout(resolve, UNWATCHED));
    if (!signal.aborted) share();
  };
  if (worker === 'leader') void leadHere();
  else if (typeof SharedWorker !== 'undefined') share();
  else if (worker === 'auto') void leadHere();
  else failed('nothing is loaded or saved, as there is no SharedWorker here');
  return () => {
    stopping.abort();
    stop();
  };
};

// Bundlers look for exactly these words. `extendedLifetime` keeps the worker while its only tab is loaded anew.
const startShared = (): SharedWorker =>
  new SharedWorker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'timeweft', extendedLifetime: true } as WorkerOptions);

const hold = async (name: string): Promise<() => void> => {
  const locks = globalThis.navigator?.locks;
  // Missing where the page is served without TLS: then a tab that is gone is told by its silence.
  if (!locks) return () => {};
  return new Promise<() => void>((resolve, reject) => {
    locks.request(name, () => new Promise<void>(release => resolve(release))).catch(reject);
  });
};
