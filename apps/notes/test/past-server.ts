// The history of a note as a server gives it, over a list of versions in memory.

import type { Meta } from 'timeweft';
import type { Note } from '../src/lib/notebook.svelte.ts';
import { instant, micros } from '../src/lib/time.ts';

export interface Made {
  version: number;
  at: number;
  personId?: string;
  deleted?: boolean;
}

export class PastServer {
  readonly id = 'page:past';
  readonly asked: string[] = [];
  #made: Made[];
  readonly #rest: string;

  /** Oldest first, times in microseconds; `rest` is the end of every text. */
  constructor(made: Made[], rest = '') {
    this.#made = made;
    this.#rest = rest;
  }

  set made(made: Made[]) {
    this.#made = made;
  }

  meta(index: number): Meta {
    const { version, at, personId = 'ann', deleted } = this.#made[index] as Made;
    const next = this.#made[index + 1];
    return {
      entityId: this.id,
      type: 'page',
      version,
      validFrom: instant(at),
      validTo: next ? instant(next.at) : '9999-01-01T00:00:00.000000Z',
      personId,
      ...(deleted && { deleted: true as const }),
      ...(index > 0 && { previousValues: deleted ? {} : { blob: this.#blob(index - 1) } }),
    };
  }

  get newest(): Meta {
    return this.meta(this.#made.length - 1);
  }

  #blob(index: number): string {
    return `the text of version ${this.#made[index]?.version}${this.#rest}`;
  }

  history = ({ before, limit = 50 }: { before?: string; limit?: number } = {}): Promise<{ versions: Meta[]; more: boolean }> => {
    this.asked.push(`history ${limit}`);
    const end = before === undefined ? this.#made.length : this.#made.findIndex(({ at }) => at >= micros(before));
    const upTo = end < 0 ? this.#made.length : end;
    const from = Math.max(0, upTo - limit);
    const versions = this.#made.slice(from, upTo).map((_, n) => this.meta(from + n));
    return Promise.resolve({ versions: versions.reverse(), more: from > 0 });
  };

  at = (time: string | Date, { from }: { from?: { meta: Meta } } = {}): Promise<{ value: Note; meta: Meta }> => {
    this.asked.push(from ? `at, from ${from.meta.version}` : 'at');
    const index = this.#made.findLastIndex(({ at }) => at <= micros(String(time)));
    if (index < 0 || this.#made[index]?.deleted) return Promise.reject(new Error('not found'));
    return Promise.resolve({ value: { title: 'Past', blob: this.#blob(index) }, meta: this.meta(index) });
  };
}

/** A year from now back, each after a pause of so many microseconds. */
export function written(count: number, pause: (version: number) => number): Made[] {
  let at = Date.UTC(2026, 0, 1) * 1000;
  return Array.from({ length: count }, (_, n) => ({ version: n + 1, at: (at += pause(n + 1)) }));
}
