// What is known of a note's versions: stretches of its history, loaded where somebody looks, whatever is between them.
//
// A version's number says where it is: how many were made before it. The newest has the highest, so the length of the
// history is known before any of it is loaded. There need not be a version of every number (the server makes one of
// a person's quick edits), so nothing is looked up by number alone: two versions follow each other where the one ends
// when the other begins, and what lies between two that don't is not known yet.
//
// Pages are asked for by time. What time a number belongs to is guessed from those around it. After one that was too
// old the next is asked for halfway between, and every sixth goes on from what is known: a version is found however
// unevenly people wrote.

import type { Entity, Meta } from 'timeweft';
import { instant, micros } from './time.ts';

export type Version = Pick<Meta, 'version' | 'validFrom' | 'validTo' | 'personId' | 'deleted'>;

type Source = Pick<Entity<unknown>, 'history'>;

/** Versions loaded where somebody looks. */
const PAGE = 200;
/** Where a guess did not lead there. */
const LONG_PAGE = 1_000;
/** So often a sample is tried for. */
const TRIES = 3;
/** Versions of a sample, for an overview. */
const SAMPLE = 20;

export class Versions {
  /** Those that are known, oldest first. */
  list = $state.raw<readonly Version[]>([]);
  readonly #source: Source;
  /** The number of the first there is, once that is known. */
  #first: number | undefined;

  constructor(source: Source) {
    this.#source = source;
  }

  get newest(): Version | undefined {
    return this.list.at(-1);
  }

  /** Takes in the current version, when there is a new one. */
  add(meta: Meta): void {
    const { newest } = this;
    if (newest && meta.version <= newest.version) return;
    const follows = newest?.version === meta.version - 1;
    const before = follows ? [...this.list.slice(0, -1), { ...newest, validTo: meta.validFrom }] : this.list;
    this.list = [...before, lean(meta)];
    this.#begins(meta);
  }

  /** The version of that number; where there is none, the one before it or, `up`, after it. Unless it is not known. */
  known(number: number, up = false): Version | undefined {
    const [below, above] = this.#around(number);
    if (below?.version === number || !above) return below;
    if (!below) return above.version === this.#first ? above : undefined;
    if (below.validTo !== above.validFrom) return undefined;
    return up ? above : below;
  }

  /** The same, loaded if need be, as long as it is `wanted`. */
  async find(number: number, up: boolean, wanted: () => boolean): Promise<Version | undefined> {
    let floor: { version: number; at: number } | undefined;
    let missed = false;
    for (let turn = 0; wanted(); turn++) {
      const found = this.known(number, up);
      if (found) return found;
      const [below, above] = this.#around(number);
      if (!above) return undefined;
      const goal = number + PAGE / 2;
      const isLast = turn % 6 === 5;
      const isNear = goal >= above.version;
      const guess = isNear || isLast ? undefined : this.#guess(goal, below, above, floor, missed);
      if (guess === undefined) {
        await this.#load(above.validFrom, isLast ? LONG_PAGE : PAGE);
      } else {
        const newest = await this.#load(instant(guess), PAGE);
        missed = (newest?.version ?? 0) < number;
        if (missed) floor = { version: newest?.version ?? 0, at: guess };
      }
    }
    return undefined;
  }

  /** The version that was the current one at that time, deletions too; the first, if none was. */
  async at(time: number, wanted: () => boolean): Promise<Version | undefined> {
    const version = await this.#load(instant(time * 1000 + 1), 1);
    return version ?? this.find(1, true, wanted);
  }

  /** Loads a few versions in each of so many equal parts, one part after the other, as long as it is `wanted`. */
  async survey(parts: number, wanted: () => Promise<boolean>): Promise<void> {
    if (!(await wanted())) return;
    let going = true;
    await this.find(1, true, () => going);
    const most = this.newest?.version ?? 0;
    for (let part = 0; part < parts; part++) {
      const goal = Math.ceil((most * (part + 1)) / parts);
      for (let turn = 0; turn < TRIES; turn++) {
        const [below, above] = this.#around(goal);
        const isKnown = below && below.version > (most * part) / parts;
        const guess = isKnown || !below || !above ? undefined : this.#guess(goal, below, above, undefined);
        if (guess === undefined) break;
        if (!(going = await wanted())) return;
        await this.#load(instant(guess), SAMPLE);
      }
    }
  }

  /** The last one known up to a number, and the first one after it. */
  #around(number: number): [Version | undefined, Version | undefined] {
    let [from, to] = [0, this.list.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.list[middle] as Version).version <= number) from = middle + 1;
      else to = middle;
    }
    return [this.list[from - 1], this.list[from]];
  }

  /** When a version of that number may have been made, in microseconds. */
  #guess(
    number: number,
    below: Version | undefined,
    above: Version,
    floor: { version: number; at: number } | undefined,
    halfway = false,
  ): number | undefined {
    const high = { version: above.version, at: micros(above.validFrom) };
    let low = below && { version: below.version, at: micros(below.validFrom) };
    if (floor && floor.at > (low?.at ?? 0)) low = floor;
    // Nothing older is known: as fast as after it.
    if (!low && this.newest && this.newest !== above) {
      low = { version: this.newest.version, at: micros(this.newest.validFrom) };
    }
    if (!low) return undefined;
    if (halfway && low.at < high.at) return Math.round((low.at + high.at) / 2);
    const at = high.at + ((low.at - high.at) * (number - high.version)) / (low.version - high.version);
    return Number.isFinite(at) ? Math.max(0, Math.round(Math.min(at, high.at))) : undefined;
  }

  /** Loads versions from before an instant; the newest of them. */
  async #load(before: string, limit: number): Promise<Version | undefined> {
    const { versions, more } = await this.#source.history({ before, limit });
    this.#take(versions.toReversed());
    const oldest = versions.at(-1);
    if (!more) this.#first = oldest?.version ?? this.list.find(({ validFrom }) => validFrom === before)?.version ?? this.#first;
    return versions[0];
  }

  /** Puts a stretch in the place of what was known there: what is not in it is no version any more. */
  #take(stretch: readonly Meta[]): void {
    const [from, to] = [stretch[0], stretch.at(-1)];
    if (!from || !to) return;
    const end = this.list.find(({ validFrom }) => validFrom === to.validTo)?.version ?? to.version + 1;
    this.list = [
      ...this.list.filter(({ version }) => version < from.version),
      ...stretch.map(lean),
      ...this.list.filter(({ version }) => version >= end),
    ];
    this.#begins(from);
  }

  #begins(meta: Meta): void {
    if (meta.version === 1) this.#first = 1;
  }
}

/** Without what it was before, which is asked for again with the value. */
export function lean({ version, validFrom, validTo, personId, deleted }: Meta): Version {
  return { version, validFrom, validTo, personId, ...(deleted && { deleted }) };
}
