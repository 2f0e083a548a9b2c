// The notes that this person may read, and what people are called. Which notes there are only the server knows: it is asked at
// the start, when the page comes to the front or is online again, and after a change of one's own. Titles are the notes' own, each
// of which is subscribed to, and so are shown as they change; who somebody is comes with those whom a note is shared with.

import { NetworkError, SignedOutError, type Client, type Entity, type People } from 'timeweft';
import { fromEntity } from 'timeweft/svelte';
import { SvelteMap } from 'svelte/reactivity';
import { explain } from './explain.ts';
import { newId } from './id.ts';
import type { LiveNote } from './live.ts';
import { colorOf, nameFromEmail, nameOf, type Public } from './person.ts';
import { keepList, keptList } from './kept-list.ts';
import { Teams, type Team } from './teams.svelte.ts';
import { text } from './text.ts';
import { millis } from './time.ts';

export interface Note {
  title: string;
  blob: string;
}

export interface Listed {
  id: string;
  title: string;
  updated: number;
  mayChange: boolean;
  /** In whose notebook it is. */
  team: Team | undefined;
}

interface Item {
  id: string;
  live: LiveNote;
  /** When it was changed, as far as that is known without the note. */
  since: number;
}

const TYPE = 'page';

/** The note that an entity is; `undefined` for one of another type. */
export const noteOf = (entityId: string): string | undefined =>
  entityId.startsWith(`${TYPE}:`) ? entityId.slice(TYPE.length + 1) : undefined;

/** So many notes are listed, those changed last: each is subscribed to. */
export const MOST = 200;

export class Notebook {
  readonly #client: Client;
  readonly #self: Entity<{ public?: Public }>;
  readonly #selfNow;
  readonly teams: Teams;
  readonly #met = new SvelteMap<string, unknown>();
  #items = $state.raw<readonly Item[]>([]);
  #asked = $state.raw(false);
  #asking: Promise<void> | undefined;
  #askAgain = false;

  /** Why the list could not be read. */
  problem = $state.raw<string>();
  /** There are more notes than are listed. */
  more = $state.raw(false);

  constructor(client: Client) {
    this.#client = client;
    this.#self = client.entity(`person:${this.me}`);
    // Of two of one's own devices the later one is right; there is nothing to ask.
    this.#self.policy = 'mine';
    this.#selfNow = fromEntity(this.#self);
    this.teams = new Teams(client);
    this.#items = keptList('notes', this.me).map((id) => this.#item(id, 0));
  }

  get me(): string {
    return this.#client.me?.personId ?? '';
  }

  /** False until it is known which notes there are. */
  get known(): boolean {
    return this.#asked || this.#items.length > 0;
  }

  /** Newest first. What is not here yet, was deleted or is withdrawn has no value, and no place. */
  readonly list: readonly Listed[] = $derived.by(() =>
    this.#items
      .flatMap(({ id, live, since }) => {
        const { current, meta, role } = live;
        if (current === undefined) return [];
        const updated = Math.max(since, meta ? millis(meta.validFrom) : 0);
        const team = this.teams.of(`${TYPE}:${id}`);
        return [{ id, title: text(current.title), updated, mayChange: role !== 'viewer', team }];
      })
      .sort((a, b) => b.updated - a.updated || (a.id < b.id ? -1 : 1)),
  );

  note(id: string): Entity<Note> {
    return this.#client.entity<Note>(`${TYPE}:${id}`);
  }

  /** A note of one's own, or of a team where one may write. */
  create(team?: Team): string {
    const id = newId();
    if (team) this.teams.attach(team, `${TYPE}:${id}`);
    this.note(id).set({ title: '', blob: '' });
    this.include(id);
    this.#refreshAfter(id);
    return id;
  }

  /** Deletes a note, softly; what is returned brings it back. */
  remove(id: string): () => void {
    this.note(id).delete();
    this.#refreshAfter(id);
    return () => this.restore(id);
  }

  restore(id: string): void {
    this.note(id).undelete();
    this.include(id);
    this.#refreshAfter(id);
  }

  /** Puts a note on the list that is not there yet: one that was just made, or came by a link. */
  include(id: string): void {
    if (!this.#items.some((item) => item.id === id)) this.#show([this.#item(id, Date.now()), ...this.#items].slice(0, MOST));
  }

  /** Asks which notes there are. What is asked for meanwhile is asked once, after it. */
  refresh(): Promise<void> {
    this.#askAgain = true;
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  /** Keeps asking: at once, when the page comes to the front, and when there is a connection again. Returns what ends that. */
  follow(): () => void {
    const look = (): void => {
      const isOnline = this.#client.status === 'online' || this.#client.status === 'polling';
      if (isOnline && document.visibilityState !== 'hidden') void this.refresh();
    };
    const stop = this.#client.onStatus(look);
    addEventListener('focus', look);
    document.addEventListener('visibilitychange', look);
    look();
    return () => {
      stop();
      removeEventListener('focus', look);
      document.removeEventListener('visibilitychange', look);
    };
  }

  /** The name that somebody goes by. */
  name(personId: string): string {
    if (personId !== this.me) return nameOf(this.#met.get(personId)) || 'Somebody';
    return nameOf(this.#selfNow.current?.public) || nameFromEmail(this.#client.me?.email ?? '');
  }

  /** As `name`, or "You". */
  who(personId: string): string {
    return personId === this.me ? 'You' : this.name(personId);
  }

  /** The hue that somebody is shown in. */
  color(personId: string): number {
    return colorOf(personId, personId === this.me ? this.#selfNow.current?.public : this.#met.get(personId));
  }

  /** What people tell of themselves, as it came with a note. */
  meet(people: People['people']): void {
    for (const one of people) this.#met.set(one.personId, one.public);
  }

  /** Who a note is shared with. Without a connection they stay who they were. */
  async meetPeopleOf(note: Pick<Entity, 'people'>): Promise<void> {
    const told = await note.people().catch(() => undefined);
    if (told) this.meet(told.people);
  }

  knows(personId: string): boolean {
    return personId === this.me || this.#met.has(personId);
  }

  /** What others see of this person. */
  introduce(told: Public): void {
    if (this.#self.get() === undefined) this.#self.set({ public: told });
    else
      this.#self.update((self) => {
        self.public = { ...self.public, ...told };
      });
  }

  /** Gives this person a name that others see, if there is none yet. */
  async begin(): Promise<void> {
    const self = await this.#self.load();
    const { me } = this.#client;
    if (me?.email && !nameOf(self?.public)) this.introduce({ name: nameFromEmail(me.email) });
  }

  async #ask(): Promise<void> {
    while (this.#askAgain) {
      this.#askAgain = false;
      const before = new Set(this.#items.map(({ id }) => id));
      try {
        const all: { id: string; since: number }[] = [];
        for await (const { entityId, validFrom } of this.#client.list(TYPE)) {
          all.push({ id: noteOf(entityId) as string, since: millis(validFrom) });
        }
        all.sort((a, b) => b.since - a.since);
        const there = new Map(this.#items.map((item) => [item.id, item]));
        const listed = all.slice(0, MOST).map(({ id, since }) => there.get(id) ?? this.#item(id, since));
        const ids = new Set(all.map(({ id }) => id));
        // Made since it was asked, or not sent yet: on no list of the server's, and here all the same.
        const here = this.#items.filter(({ id }) => !ids.has(id) && (!before.has(id) || this.#isUnsent(id)));
        this.#show([...here, ...listed]);
        this.more = all.length > MOST;
        await this.teams.refresh();
        this.problem = undefined;
        this.#asked = true;
      } catch (error) {
        // What the banner says already.
        const isSaid = error instanceof NetworkError || error instanceof SignedOutError;
        this.problem = isSaid ? undefined : explain(error);
      }
    }
  }

  /** Once a change of one's own has reached the server. */
  #refreshAfter(id: string): void {
    this.note(id)
      .saved()
      // What became of a change that was refused is shown with the note.
      .then(() => this.refresh(), () => undefined);
  }

  #isUnsent(id: string): boolean {
    const note = this.note(id);
    return note.meta === undefined && note.get() !== undefined;
  }

  #item(id: string, since: number): Item {
    return { id, since, live: fromEntity(this.note(id)) };
  }

  #show(items: readonly Item[]): void {
    this.#items = items;
    keepList(
      'notes',
      this.me,
      items.map(({ id }) => id),
    );
  }
}
