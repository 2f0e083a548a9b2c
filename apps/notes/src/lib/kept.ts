/** The last so many things that were used, by name. */
export class Kept<V> {
  readonly #most: number;
  readonly #all = new Map<string, V>();

  constructor(most: number) {
    this.#most = most;
  }

  get(name: string): V | undefined {
    const value = this.#all.get(name);
    if (value !== undefined) this.set(name, value);
    return value;
  }

  set(name: string, value: V): void {
    this.#all.delete(name);
    this.#all.set(name, value);
    if (this.#all.size > this.#most) this.#all.delete(this.#all.keys().next().value as string);
  }
}
