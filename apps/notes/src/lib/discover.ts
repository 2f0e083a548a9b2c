// Which notes there are, as the server says. The notebook is what is shown, for what a list can't give: it is pushed when
// it changes, has titles and an order, and is there offline. But only who uses this app writes into it. So the
// server's list is read now and then, and the notebook made to agree: notes that were made in other ways (the HTTP API,
// another app) are put in with their titles, those that are gone are taken out. Whoever sees that first does it for all.

import type { Client } from 'timeweft';
import { NOTEBOOK, text, type Entry, type Notebook } from './notebook.svelte.ts';
import { millis } from './time.ts';

/** Notes that are looked at in one go; the rest follows the next time. */
const MOST = 500;
/** So many at a time. */
const AT_ONCE = 4;
/** An entry may be so much older than its note, in milliseconds: it does not follow every key that is pressed. */
const LATE = 60_000;

type Book = Pick<Notebook, 'list' | 'note' | 'agree'>;

/**
 * Makes the notebook agree with the server's list.
 *
 * @throws NetworkError, or what the server says, where there is no list to be had
 */
export async function discover(client: Pick<Client, 'list'>, notebook: Book): Promise<void> {
  // Before the list is read: what is made meanwhile is not missing from it.
  const listed = new Map(notebook.list.map(({ id, updated }) => [id, updated]));
  const there = new Map<string, number>();
  for await (const { entityId, validFrom } of client.list('note')) {
    if (!NOTEBOOK.includes(entityId)) there.set(entityId.slice('note:'.length), millis(validFrom));
  }
  const entries = new Map<string, Entry>();
  const changed = [...there].filter(([id, time]) => time > (listed.get(id) ?? -Infinity) + LATE).slice(0, MOST);
  await each(changed, async ([id, updated]) => {
    const value = await notebook.note(id).load();
    if (value !== undefined) entries.set(id, { title: text(value.title), updated });
  });
  const gone: string[] = [];
  const unheardOf = [...listed.keys()].filter((id) => !there.has(id)).slice(0, MOST);
  await each(unheardOf, async (id) => {
    // One that was made offline is on no server's list, and is here.
    if ((await notebook.note(id).load()) === undefined) gone.push(id);
  });
  notebook.agree(entries, gone);
}

async function each<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const waiting = [...all];
  const worker = async (): Promise<void> => {
    // What can't be read now stays as it is.
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) await work(one).catch(() => undefined);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Keeps doing so: at once, when there is a connection again, when the page comes to the front, and once in a while. */
export function discovering(client: Client, notebook: Notebook, pause = 60_000): () => void {
  let under: Promise<void> | undefined;
  const look = (): void => {
    const isOnline = client.status === 'online' || client.status === 'polling';
    if (under || !isOnline || !notebook.known || document.visibilityState === 'hidden') return;
    // No list for now: the notebook is shown as it is, and the next look comes.
    under = discover(client, notebook)
      .catch(() => undefined)
      .finally(() => (under = undefined));
  };
  const timer = setInterval(look, pause);
  const stop = client.onStatus(look);
  document.addEventListener('visibilitychange', look);
  look();
  return () => {
    clearInterval(timer);
    stop();
    document.removeEventListener('visibilitychange', look);
  };
}
