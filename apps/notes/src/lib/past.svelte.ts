// Looking through a note's past: where one is, and what is shown of it. The place changes at once; what was there
// follows as fast as it is loaded, with one request at a time and only for where one is by then.

import type { Entity, Meta } from 'timeweft';
import { explain } from './explain.ts';
import { Kept } from './kept.ts';
import { Latest } from './latest.ts';
import type { Note } from './notebook.svelte.ts';
import { text } from './text.ts';
import { previous } from './previous.ts';
import { instant, micros } from './time.ts';
import { lean, Versions, type Version } from './versions.svelte.ts';

export interface Shown {
  version: Version;
  value: Note;
  /** What it was before; `undefined` for the first version. */
  before: Note | undefined;
  /** Of the version that the value is of. */
  meta: Meta;
}

type Place = { number: number; up: boolean } | { time: number };

/** Values that are remembered, of those seen last. */
const KEPT = 60;
/** From texts of this length on, only what differs from the version shown is asked for. */
const LONG = 20_000;
/** Parts of the whole history of which a sample is loaded, to show who wrote where. */
export const PARTS = 40;

export class Past {
  readonly versions: Versions;
  shown = $state.raw<Shown>();
  failure = $state.raw<string>();
  readonly #note: Entity<Note>;
  readonly #kept = new Kept<Shown>(KEPT);
  readonly #wishes: Latest<Place, Shown | undefined>;
  /** Without a number, the newest, whichever that is. */
  #chosen = $state.raw<number>();
  #wished: Place = { number: Infinity, up: false };
  #closed = false;

  constructor(note: Entity<Note>) {
    this.#note = note;
    this.versions = new Versions(note);
    this.#wishes = new Latest(
      (place, wanted) => this.#load(place, wanted),
      (_, outcome) => {
        if ('error' in outcome) this.failure = explain(outcome.error);
        else if (outcome.value) {
          this.failure = undefined;
          this.shown = outcome.value;
          // There may be no version of the number that was chosen.
          if (this.#chosen !== undefined) this.#choose(outcome.value.version.version);
        }
      },
    );
  }

  /** The number of the newest version: that of all that were ever made. */
  get total(): number {
    return this.versions.newest?.version ?? 0;
  }

  get position(): number {
    return this.#chosen ?? this.total;
  }

  get isNewest(): boolean {
    return this.#chosen === undefined;
  }

  /** What is shown is not yet what was chosen. */
  get isBehind(): boolean {
    return this.shown?.version.version !== this.position;
  }

  /** There is a new version. */
  add(meta: Meta): void {
    this.versions.add(meta);
    if (this.isNewest) this.go(Infinity);
  }

  /** To the version of that number; where there is none, the one before it or, `up`, after it. */
  go(number: number, up = false): void {
    const { total } = this;
    const within = Math.max(1, Math.min(number, total));
    this.#choose(within);
    this.#wish({ number: within, up });
  }

  /** So many numbers on or back, and at least one version. */
  step(by: number): void {
    const number = this.position + by;
    this.go(this.versions.known(number, by > 0)?.version ?? number, by > 0);
  }

  /** To the version of that time, in milliseconds. */
  pick(time: number): void {
    if (!Number.isFinite(time)) return;
    // Wherever that is: not the newest one, which would be followed.
    this.#chosen = this.position;
    this.#wish({ time });
  }

  again(): void {
    this.#wish(this.#wished);
  }

  /** Loads a little of every part, when nothing else is wanted. */
  survey(): void {
    const idle = async (): Promise<boolean> => {
      do await new Promise((next) => setTimeout(next, 40));
      while (this.#wishes.busy && !this.#closed);
      return !this.#closed;
    };
    // An overview only: what is missing is loaded when somebody goes there.
    this.versions.survey(PARTS, idle).catch(() => undefined);
  }

  close(): void {
    this.#closed = true;
    this.#wishes.stop();
  }

  #choose(number: number): void {
    this.#chosen = number >= this.total ? undefined : number;
  }

  #wish(place: Place): void {
    this.#wished = place;
    this.#wishes.want(place);
  }

  async #load(place: Place, wanted: () => boolean): Promise<Shown | undefined> {
    const version =
      'time' in place
        ? await this.versions.at(place.time, wanted)
        : await this.versions.find(place.number, place.up, wanted);
    if (!version || !wanted()) return undefined;
    if ('time' in place) this.#choose(version.version);
    const kept = this.#kept.get(version.validFrom);
    if (kept) return { ...kept, version };
    const shown = await this.#value(version);
    this.#kept.set(version.validFrom, shown);
    return shown;
  }

  async #value(version: Version): Promise<Shown> {
    // A deletion has no value of its own; what it deleted is shown.
    const at = version.deleted ? instant(micros(version.validFrom) - 1) : version.validFrom;
    const isLong = text(this.shown?.value.blob).length > LONG;
    const { value, meta } = await this.#note.at(at, this.shown && isLong ? { from: this.shown } : {});
    if (version.deleted) return { version, value, before: value, meta };
    // Not the one that was asked for, where the server has put it and a later one together since.
    return { version: lean(meta), value, before: previous(value, meta.previousValues), meta };
  }
}
