/**
 * What of an entity is asked of the server over HTTP, straight from the tab: its history, its past, and who is what with it.
 */

import { closed, type Home } from './home.js';
import type { Requests } from './requests.js';
import type { Meta, People, Share } from './types.js';

export abstract class ServerSide<T> {
  constructor(
    readonly id: string,
    protected readonly home: Home,
  ) {}

  async history(options: { before?: string; limit?: number } = {}): Promise<{ versions: Meta[]; more: boolean }> {
    return (await this.#requests()).history(this.id, options);
  }

  async at(time: string | Date, { from }: { from?: { value: T; meta: Meta } } = {}): Promise<{ value: T; meta: Meta }> {
    return (await this.#requests()).at(this.id, time, from) as Promise<{ value: T; meta: Meta }>;
  }

  async subscribers(): Promise<string[]> {
    return (await this.#requests()).subscribers(this.id);
  }

  async people(): Promise<People> {
    return (await this.#requests()).people(this.id);
  }

  // What it resolves to depends on what is shared: an overload for each, in `types.ts`.
  async share(share: Share): Promise<never> {
    return (await this.#requests()).share(this.id, share) as Promise<never>;
  }

  async unshare(whom: { personId: string } | { everybody: true } | { invitation: string }): Promise<void> {
    return (await this.#requests()).unshare(this.id, whom);
  }

  protected mayUse(): void {
    if (this.home.isClosed) throw closed();
  }

  #requests(): Promise<Requests> {
    this.mayUse();
    return this.home.requests();
  }
}
