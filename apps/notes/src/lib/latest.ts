// One load at a time, and only the newest wish: a slider asks for a hundred things a second, and all but the last are
// stale before they arrive.

export type Outcome<V> = { value: V } | { error: unknown };

export class Latest<K, V> {
  readonly #load: (key: K, wanted: () => boolean) => Promise<V>;
  readonly #done: (key: K, outcome: Outcome<V>) => void;
  #wanted: { key: K } | undefined;
  #busy = false;

  /**
   * @param load may ask by `wanted`, between one request and the next, whether it is still worth going on
   * @param done is told about a key only while it is still the one that is wanted
   */
  constructor(load: (key: K, wanted: () => boolean) => Promise<V>, done: (key: K, outcome: Outcome<V>) => void) {
    this.#load = load;
    this.#done = done;
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** Asks for `key`, and forgets what was asked before. */
  want(key: K): void {
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
      const outcome = await this.#load(asked.key, () => this.#wanted === asked).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      if (this.#wanted !== asked) continue;
      this.#wanted = undefined;
      this.#done(asked.key, outcome);
    }
    this.#busy = false;
  }
}
