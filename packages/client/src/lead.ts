/**
 * Runs the host when it is this context's turn: one at a time per browser and server, whichever of SharedWorkers (an old and a new
 * deployment's may live side by side) and tabs there are. The rest wait for the lock, and are served over the channels meanwhile.
 *
 * The host's code is loaded by those that lead or wait for their turn, so that a tab where a SharedWorker does the work does not pay for it, and one that
 * waits can begin without a network. Where it can't be loaded it is tried again, and others have their turn meanwhile.
 */

import { leaderLock } from './messages.js';
import { retrying } from './retrying.js';

/** Pauses after a failure to begin. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

export interface Lead {
  /** Resolves when this host, or one elsewhere, serves the tabs; rejects where this one can't at once. It goes on trying until it is stopped. */
  readonly started: Promise<void>;
  stop(): void;
}

/** @param failed told each time that this host could not begin */
export const lead = (url: string, load: Load = retrying(() => import('./host/index.js')), failed: Failed = () => {}): Lead => {
  let round = serve(url, load, failed);
  if (typeof document === 'undefined') return round;

  // A page in the back-forward cache hears nothing, so it may not lead. It gets another turn when it is shown again.
  const hide = (): void => round.stop();
  const show = (event: PageTransitionEvent): void => {
    if (!event.persisted) return;
    round = serve(url, load, failed);
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

type Load = () => Promise<Pick<typeof import('./host/index.js'), 'startHost' | 'prepare'>>;

type Failed = (error: unknown) => void;

const serve = (url: string, load: Load, failed: Failed): Lead => {
  const stopping = new AbortController();
  const { signal } = stopping;
  const stopped = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()));
  const pause = (failures: number): Promise<void> =>
    Promise.race([stopped, new Promise<void>(resolve => setTimeout(resolve, Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures)))]);

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

  /** Gets what a host is made of, so that this one can begin without a network. */
  const prepare = async (): Promise<void> => {
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        return await (await load()).prepare();
      } catch {
        await pause(failures);
      }
    }
  };

  /** Leads when it is its turn. Resolves when it is stopped, rejects where the host can't begin. */
  const lead = async (ready: () => void): Promise<void> => {
    // Missing where the page is served without TLS; then there may be two, which costs traffic but loses nothing.
    const locks = globalThis.navigator?.locks;
    if (!locks) return run(ready);
    const name = leaderLock(url);
    const isMine = await locks.request(name, { ifAvailable: true }, async lock => {
      if (lock) await run(ready);
      return lock !== null;
    });
    if (isMine) return;
    ready();
    void prepare();
    await locks.request(name, { signal }, () => run(ready));
  };

  const started = new Promise<void>((ready, fail) => {
    const attempt = async (): Promise<void> => {
      for (let failures = 0; !signal.aborted; failures++) {
        try {
          return await lead(ready);
        } catch (error) {
          // The lock is free for the next tab, which may have what this one could not load.
          fail(error);
          failed(error);
          await pause(failures);
        }
      }
    };
    void attempt();
  });
  return { started, stop: () => stopping.abort() };
};
