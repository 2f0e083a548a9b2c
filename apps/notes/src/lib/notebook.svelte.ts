// The notes there are and the people's names. The server's list of entities is not pushed, has no titles and is not there
// offline, so both are entities themselves: a map to which several people add at once without a conflict. A note's entry
// only mirrors what is in the note; where the two differ, the note is right and the entry is mended. `discover.ts` makes
// the entries agree with the server's list.

import type { Client, Entity } from 'timeweft';
import { fromEntity } from 'timeweft/svelte';
import { explain } from './explain.ts';
import { newId } from './id.ts';
import { nameFromEmail } from './person.ts';

export interface Note {
  title: string;
  blob: string;
}

export interface Entry {
  title: string;
  updated: number;
}

interface Index extends Note {
  notes: Record<string, Entry>;
}

interface People extends Note {
  people: Record<string, { name: string }>;
}

export interface Listed extends Entry {
  id: string;
}

const INDEX = 'note:notes-index';
const PEOPLE = 'note:notes-people';

/** What is a note to the server, and none to people. */
export const NOTEBOOK: readonly string[] = [INDEX, PEOPLE];

/** An entry's time moves at most this often while somebody types. */
const TOUCH_AFTER = 20_000;

export class Notebook {
  readonly #client: Client;
  readonly #index: Entity<Index>;
  readonly #people: Entity<People>;
  readonly #indexNow;
  readonly #peopleNow;

  constructor(client: Client) {
    this.#client = client;
    this.#index = client.entity<Index>(INDEX);
    this.#people = client.entity<People>(PEOPLE);
    // Both only repeat what stands elsewhere, so there is nothing to ask anybody about: the later writer wins.
    this.#index.policy = this.#people.policy = 'mine';
    this.#indexNow = fromEntity(this.#index);
    this.#peopleNow = fromEntity(this.#people);
  }

  get me(): string {
    return this.#client.me?.personId ?? '';
  }

  /** False until it is known which notes there are. Until then nothing may be put on the list: that would replace it. */
  get known(): boolean {
    const { current, status } = this.#indexNow;
    return current !== undefined || (status !== 'loading' && status !== 'offline');
  }

  /** Why the list could not be changed. */
  get problem(): string | undefined {
    return this.#indexNow.error && explain(this.#indexNow.error);
  }

  /** Newest first. */
  readonly list: readonly Listed[] = $derived.by(() =>
    Object.entries(entries(this.#indexNow.current))
      .map(([id, entry]) => ({ id, title: text(entry?.title), updated: Number(entry?.updated) || 0 }))
      .sort((a, b) => b.updated - a.updated || (a.id < b.id ? -1 : 1)),
  );

  entry(id: string): Entry | undefined {
    return entries(this.#indexNow.current)[id];
  }

  note(id: string): Entity<Note> {
    return this.#client.entity<Note>(`note:${id}`);
  }

  create(): string {
    const id = newId();
    this.note(id).set({ title: '', blob: '' });
    this.#put(id, { title: '', updated: Date.now() });
    return id;
  }

  /** Deletes a note, softly; what is returned brings it back. */
  remove(id: string): () => void {
    const entry = this.entry(id) ?? { title: '', updated: Date.now() };
    this.note(id).delete();
    this.unlist(id);
    return () => this.restore(id, entry.title);
  }

  restore(id: string, title: string): void {
    this.note(id).undelete();
    this.#put(id, { title, updated: Date.now() });
  }

  /** Takes the entry of a note that is gone off the list. */
  unlist(id: string): void {
    this.agree(new Map(), [id]);
  }

  /** Puts a note's title on the list, and that it has just changed. */
  mirror(id: string, title: string): void {
    const entry = this.entry(id);
    const updated = Date.now();
    if (entry && entry.title === title && updated - entry.updated < TOUCH_AFTER) return;
    this.#put(id, { title, updated });
  }

  /** Makes a note's entry agree with it, where whoever changed the note could not. */
  mend(id: string, title: string, changed: number): void {
    const entry = this.entry(id);
    if (entry?.title !== title) this.#put(id, { title, updated: Math.max(entry?.updated ?? 0, changed) });
  }

  /** Puts entries in where they say something new, and takes out those of notes that are gone. */
  agree(entries: ReadonlyMap<string, Entry>, gone: readonly string[]): void {
    const changed = [...entries].filter(([id, { updated }]) => updated > (this.entry(id)?.updated ?? -Infinity));
    const there = gone.filter((id) => this.entry(id));
    if (changed.length === 0 && there.length === 0) return;
    this.#change((notes) => {
      for (const [id, entry] of changed) notes[id] = entry;
      for (const id of there) delete notes[id];
    });
  }

  /** The name that somebody goes by. */
  name(personId: string): string {
    const chosen = text(named(this.#peopleNow.current)[personId]?.name);
    if (chosen) return chosen;
    if (personId === this.me && this.#client.me) return nameFromEmail(this.#client.me.email);
    return 'Somebody';
  }

  /** As `name`, or "You". */
  who(personId: string): string {
    return personId === this.me ? 'You' : this.name(personId);
  }

  rename(name: string): void {
    const entry = { name: name.trim().slice(0, 40) };
    if (this.#people.get() === undefined) this.#people.set({ title: 'People', blob: '', people: { [this.me]: entry } });
    else
      this.#people.update((value) => {
        value.people ??= {};
        value.people[this.me] = entry;
      });
  }

  /** Gives this person a name that others see, if there is none yet, and makes the list if nobody has. */
  async begin(): Promise<void> {
    const [index, people] = await Promise.all([this.#index.load(), this.#people.load()]);
    if (index === undefined && this.known) this.#index.set({ title: 'Notes', blob: '', notes: {} });
    const me = this.#client.me;
    if (me && !named(people)[me.personId]) this.rename(nameFromEmail(me.email));
  }

  #put(id: string, entry: Entry): void {
    this.#change((notes) => {
      notes[id] = entry;
    });
  }

  #change(edit: (notes: Record<string, Entry>) => void): void {
    if (!this.known) return;
    if (this.#index.get() === undefined) {
      const notes: Record<string, Entry> = {};
      edit(notes);
      this.#index.set({ title: 'Notes', blob: '', notes });
    } else
      this.#index.update((index) => {
        index.notes ??= {};
        edit(index.notes);
      });
  }
}

/** Anybody may have written anything into a note: what is no text is shown as none. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function entries(index: Index | undefined): Record<string, Entry | undefined> {
  return (index?.notes as Index['notes'] | undefined) ?? {};
}

function named(people: People | undefined): Record<string, { name: string } | undefined> {
  return (people?.people as People['people'] | undefined) ?? {};
}
