// One load at a time, and only the newest wish: a slider asks for a hundred things a second, and all but the last are
// stale before they arrive. What was loaded is remembered.

export class Latest<K, V> {
  readonly #load: (key: K) => Promise<V>;
  readonly #done: (key: K, outcome: { value: V } | { error: unknown }) => void;
  readonly #kept = new Map<K, V>();
  readonly #keep: number;
  #wanted: { key: K } | undefined;
  #busy = false;

  /** `done` is told about a key only while it is still the one that is wanted. */
  constructor(
    load: (key: K) => Promise<V>,
    done: (key: K, outcome: { value: V } | { error: unknown }) => void,
    keep = 200,
  ) {
    this.#load = load;
    this.#done = done;
    this.#keep = keep;
  }

  /** Asks for `key`, and forgets what was asked before. What is known is told at once. */
  want(key: K): void {
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      this.#wanted = undefined;
      this.#done(key, { value: kept });
      return;
    }
    this.#wanted = { key };
    if (!this.#busy) void this.#run();
  }

  /** Forgets what was asked; nothing more is told. */
  stop(): void {
    this.#wanted = undefined;
  }

  async #run(): Promise<void> {
    this.#busy = true;
    while (this.#wanted) {
      const asked = this.#wanted;
      const outcome = await this.#load(asked.key).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      if ('value' in outcome) this.#remember(asked.key, outcome.value);
      if (this.#wanted !== asked) continue;
      this.#wanted = undefined;
      this.#done(asked.key, outcome);
    }
    this.#busy = false;
  }

  #remember(key: K, value: V): void {
    this.#kept.set(key, value);
    if (this.#kept.size > this.#keep) this.#kept.delete(this.#kept.keys().next().value as K);
  }
}
