/**
 * The SharedWorker's entry. `onconnect` is set before anything is awaited or imported dynamically: a connection that comes while there is no handler
 * is lost, and with it the first tab.
 */

import { lead } from './lead.js';
import type { Start, Started } from './messages.js';

// TypeScript's DOM library has no SharedWorkerGlobalScope.
const scope = globalThis as unknown as { onconnect: (event: MessageEvent) => void };

const hosts = new Map<string, Promise<void>>();

const start = (url: string): Promise<void> => {
  const running = hosts.get(url);
  if (running) return running;
  const leading = lead(url);
  hosts.set(url, leading.started);
  // The tab does it then. The next one tries again here: the network may be back, the deployment finished.
  leading.started.catch(() => {
    leading.stop();
    hosts.delete(url);
  });
  return leading.started;
};

scope.onconnect = event => {
  const port = event.ports[0];
  if (!port) return;
  port.onmessage = ({ data }: MessageEvent<Start>) => {
    if (data?.type !== 'start') return;
    const { url } = data;
    start(url).then(
      () => port.postMessage({ type: 'started', url } satisfies Started),
      (error: unknown) => port.postMessage({ type: 'failed', url, message: String(error) } satisfies Started),
    );
  };
};
