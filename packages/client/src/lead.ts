/**
 * Runs the host when it is this context's turn: one at a time per browser and server, whichever of SharedWorkers (an old and a new
 * deployment's may live side by side) and tabs there are. The rest wait for the lock, and are served over the channels meanwhile.
 *
 * The host's code is loaded when it is needed, so that a tab which never leads does not pay for it.
 */

import { leaderLock } from './messages.js';

export interface Lead {
  /** Resolves when this host, or one elsewhere, serves the tabs; rejects where this one can't. */
  readonly started: Promise<void>;
  stop(): void;
}

export const lead = (url: string, load = () => import('./host/index.js')): Lead => {
  let round = serve(url, load);
  if (typeof document === 'undefined') return round;

  // A page in the back-forward cache hears nothing, so it may not lead. It gets another turn when it is shown again.
  const hide = (): void => round.stop();
  const show = (event: PageTransitionEvent): void => {
    if (!event.persisted) return;
    round = serve(url, load);
    round.started.catch(() => undefined);
  };
  addEventListener('pagehide', hide);
  addEventListener('pageshow', show);
  return {
    started: round.started,
    stop() {
      removeEventListener('pagehide', hide);
      removeEventListener('pageshow', show);
      round.stop();
    },
  };
};

type Load = () => Promise<typeof import('./host/index.js')>;

const serve = (url: string, load: Load): Lead => {
  const stopping = new AbortController();
  const { signal } = stopping;
  const stopped = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()));

  const run = async (ready: () => void): Promise<void> => {
    const { startHost } = await load();
    if (signal.aborted) return;
    const host = startHost({ url });
    try {
      await host.started;
      ready();
      await stopped;
    } finally {
      await host.stop();
    }
  };

  const started = new Promise<void>((ready, fail) => {
    // Missing where the page is served without TLS; then there may be two, which costs traffic but loses nothing.
    const locks = globalThis.navigator?.locks;
    if (!locks) return void run(ready).catch(fail);
    const name = leaderLock(url);
    locks
      .request(name, { ifAvailable: true }, async lock => {
        if (lock) await run(ready);
        return lock !== null;
      })
      .then(async mine => {
        if (mine) return;
        ready();
        await locks.request(name, { signal }, () => run(ready));
      })
      .catch(fail);
  });
  return { started, stop: () => stopping.abort() };
};
