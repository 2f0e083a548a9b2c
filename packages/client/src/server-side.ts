/**
 * What of an entity is asked of the server over HTTP, straight from the tab: its history, its past, and who is what with it.
 */

import { closed, type Home } from './home.js';
import type { Meta, People, Share, Unshare } from './types.js';

export abstract class ServerSide<T> {
  constructor(
    readonly id: string,
    protected readonly home: Home,
  ) {}

  history(options?: { before?: string; limit?: number }): Promise<{ versions: Meta[]; more: boolean }> {
    return this.home.request(server => server.history(this.id, options));
  }

  at(time: string | Date, options?: { from?: { value: T; meta: Meta } }): Promise<{ value: T; meta: Meta }> {
    return this.home.request(server => server.at(this.id, time, options)) as Promise<{ value: T; meta: Meta }>;
  }

  subscribers(): Promise<string[]> {
    return this.home.request(server => server.subscribers(this.id));
  }

  people(): Promise<People> {
    return this.home.request(server => server.people(this.id));
  }

  // What it resolves to depends on what is shared: an overload for each, in `types.ts`.
  share(share: Share): Promise<never> {
    return this.home.request(server => server.share(this.id, share)) as Promise<never>;
  }

  unshare(whom: Unshare): Promise<void> {
    return this.home.request(server => server.unshare(this.id, whom));
  }

  protected mayUse(): void {
    if (this.home.isClosed) throw closed();
  }
}
