// The teams that this person is in. A team is an organisation with a name: its notebook is what is attached to it, which whoever has a role in it
// may read or write. One that is made here has one node; of others, a note goes to the first where one may write.

import type { Client, Entity, Organisation } from 'timeweft';
import { fromEntity, type ReactiveEntity } from 'timeweft/svelte';
import { newId } from './id.ts';
import { keepList, keptList } from './kept-list.ts';
import { text } from './text.ts';

const NODE = 'all';

export interface Team {
  /** `org:ID` */
  readonly id: string;
  readonly name: string;
  /** Where this person's notes go in it; absent for who may only look. */
  readonly node: string | undefined;
  readonly mayShare: boolean;
}

interface Item {
  readonly id: string;
  readonly live: ReactiveEntity<Organisation>;
}

export class Teams {
  readonly #client: Client;
  #items = $state.raw<readonly Item[]>([]);
  #chosen = $state.raw<string>();

  constructor(client: Client) {
    this.#client = client;
    this.#items = keptList('teams', this.#me).map((id) => this.#item(id));
  }

  get #me(): string {
    return this.#client.me?.personId ?? '';
  }

  /** By name. One that was deleted, or that this person is let go from, has no value. */
  readonly list: readonly Team[] = $derived.by(() =>
    this.#items
      .flatMap(({ id, live: { current, role } }) => {
        const name = text(current?.name);
        if (!current || !name) return [];
        const here = Object.entries(current.grants?.[this.#me] ?? {}).filter(([node]) => current.nodes?.[node]);
        return [{ id, name, node: here.find(([, role]) => role !== 'viewer')?.[0], mayShare: role === 'admin' }];
      })
      .sort((a, b) => a.name.localeCompare(b.name)),
  );

  /** The one whose notes alone are listed. */
  get chosen(): Team | undefined {
    return this.list.find(({ id }) => id === this.#chosen);
  }

  /** `undefined`: the notes of all. */
  choose(id: string | undefined): void {
    this.#chosen = id;
  }

  entity(id: string): Entity<Organisation> {
    const entity = this.#client.entity<Organisation>(id);
    // What may not be done with a team any more is not asked about: a note that was to go there stays one's own.
    entity.policy = 'theirs';
    return entity;
  }

  /** The team in whose notebook something is. */
  of(entityId: string): Team | undefined {
    const found = this.#items.find(({ live: { current } }) => Object.hasOwn(current?.attached ?? {}, entityId));
    return this.list.find(({ id }) => id === found?.id);
  }

  create(name: string): void {
    const id = `org:${newId()}`;
    this.entity(id).set({ name, nodes: { [NODE]: {} }, grants: { [this.#me]: { [NODE]: 'admin' } } });
    this.#show([...this.#items, this.#item(id)]);
    this.#chosen = id;
  }

  rename(id: string, name: string): void {
    this.entity(id).update((team) => {
      team.name = name;
    });
  }

  /** Deletes a team, softly: its notes are those of their makers then. What is returned brings it back. */
  remove(id: string): () => void {
    this.entity(id).delete();
    return () => this.entity(id).undelete();
  }

  /** Puts a note into a team's notebook. */
  attach({ id, node }: Team, entityId: string): void {
    if (node === undefined) return;
    this.entity(id).update((team) => {
      team.attached ??= {};
      team.attached[entityId] = node;
    });
  }

  /** Asks which teams there are. */
  async refresh(): Promise<void> {
    const before = new Set(this.#items.map(({ id }) => id));
    const ids = new Set<string>();
    for await (const { entityId, name } of this.#client.orgs()) if (name) ids.add(entityId);
    const there = new Map(this.#items.map((item) => [item.id, item]));
    // Made since it was asked, or not sent yet.
    const here = this.#items.filter(({ id }) => !ids.has(id) && (!before.has(id) || this.entity(id).meta === undefined));
    this.#show([...here, ...[...ids].map((id) => there.get(id) ?? this.#item(id))]);
  }

  #item(id: string): Item {
    return { id, live: fromEntity(this.entity(id)) };
  }

  #show(items: readonly Item[]): void {
    this.#items = items;
    keepList(
      'teams',
      this.#me,
      items.map(({ id }) => id),
    );
  }
}
