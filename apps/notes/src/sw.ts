// Keeps the app itself on the device, so that it opens without a network. It knows nothing about notes: those are the
// client's, in IndexedDB. A new version is taken into a cache of its own, answers from the next load on, and leaves the
// cache before it in place, since pages that are still open may ask for its files.

export {};

interface WorkerScope extends EventTarget {
  readonly location: Location;
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
}
interface Waiting extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Event {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}

const scope = globalThis as unknown as WorkerScope;
const PREFIX = 'timeweft-notes-';
// Both are filled in after the build; see vite-precache.ts.
const CACHE = PREFIX + '__VERSION__';
const FILES = '__FILES__'.split(' ');
const SHELL = '/';
/** What the server answers itself. Nothing of it may ever come from a cache. */
const SERVER = /^\/(connect|message|api|login|logout|me|health|ws)(\/|$)/;

scope.addEventListener('install', (event) => {
  (event as Waiting).waitUntil(take().then(() => scope.skipWaiting()));
});

scope.addEventListener('activate', (event) => {
  (event as Waiting).waitUntil(tidy().then(() => scope.clients.claim()));
});

scope.addEventListener('fetch', (event) => {
  const { request } = event as Fetching;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== scope.location.origin || SERVER.test(url.pathname)) return;
  if (request.mode === 'navigate') (event as Fetching).respondWith(kept(SHELL, request));
  else if (url.pathname.startsWith('/assets/') || FILES.includes(url.pathname)) {
    (event as Fetching).respondWith(kept(url.pathname, request));
  }
});

async function take(): Promise<void> {
  const cache = await caches.open(CACHE);
  await Promise.all(
    FILES.map(async (path) => {
      // A hashed name never changes what it stands for, so a copy of the last version will do.
      const old = path.startsWith('/assets/') ? await caches.match(path) : undefined;
      if (old) return cache.put(path, old);
      const answer = await fetch(path, { cache: 'reload' });
      if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
      return cache.put(path, answer);
    }),
  );
}

async function tidy(): Promise<void> {
  const ours = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(ours.slice(0, -1).map((name) => caches.delete(name)));
}

async function kept(path: string, request: Request): Promise<Response> {
  const current = await (await caches.open(CACHE)).match(path);
  return current ?? (await caches.match(path)) ?? fetch(request);
}
