// The versions of a note, newest first, loaded by the page as one goes back.

import type { Entity, Meta } from 'timeweft';
import { explain } from './explain.ts';
import type { Note } from './notebook.svelte.ts';

const PAGE = 100;

export class Versions {
  list = $state.raw<readonly Meta[]>([]);
  /** There are older ones. */
  more = $state.raw(false);
  loading = $state.raw(false);
  failure = $state.raw<string | undefined>();
  readonly #note: Entity<Note>;

  constructor(note: Entity<Note>) {
    this.#note = note;
  }

  /** Loads the newest ones, or the next ones further back. */
  older(): Promise<void> {
    return this.#load(this.list.at(-1)?.validFrom);
  }

  /** Takes in a version that was made while looking at the others; several at once leave a gap, which is loaded. */
  add(meta: Meta): void {
    const newest = this.list[0];
    if (!newest || meta.version <= newest.version) return;
    if (meta.version === newest.version + 1) this.list = [meta, ...this.list];
    else void this.#load(undefined);
  }

  /** The version of that number, or the nearest one before it. */
  at(version: number): Meta | undefined {
    return this.list.find((meta) => meta.version <= version) ?? this.list.at(-1);
  }

  async #load(before: string | undefined): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    this.failure = undefined;
    try {
      const page = await this.#note.history({ limit: PAGE, ...(before && { before }) });
      const all = new Map([...this.list, ...page.versions].map((meta) => [meta.version, meta]));
      const first = this.list.length === 0;
      this.list = [...all.values()].sort((a, b) => b.version - a.version);
      if (first || before) this.more = page.more;
    } catch (error) {
      this.failure = explain(error);
    } finally {
      this.loading = false;
    }
  }
}
