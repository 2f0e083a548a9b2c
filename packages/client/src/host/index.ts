/**
 * The host: runs the replicas (wasm), the connection to the server and IndexedDB for all tabs of a browser. Loaded when needed, by the
 * SharedWorker or by a tab that leads (`lead.ts`).
 *
 * `host` (whose data, which epoch) → `run` (an epoch: messages in, effects out) → `tabs`, `storage`, `connection` (→ `socket`, `polling`);
 * `session` asks and remembers who is signed in, `wasm` has the replicas' types.
 */

import { Host } from './host.js';
import { instantiate as component, type Instantiate } from './wasm.js';

export { prepare } from './wasm.js';

export interface StartOptions {
  /** The server's origin. */
  readonly url: string;
  /** Makes the replicas; tests have their own. */
  readonly instantiate?: Instantiate;
}

export interface RunningHost {
  /** Resolves when tabs are served. */
  readonly started: Promise<void>;
  /** Resolves when everything is written that was to be. */
  stop(): Promise<void>;
}

/** Begins at once. There may be one per browser and server at a time: see `lead.ts`. */
export const startHost = ({ url, instantiate = component }: StartOptions): RunningHost => {
  const host = new Host({ url, instantiate });
  return { started: host.start(), stop: () => host.stop() };
};
