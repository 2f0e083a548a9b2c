// The one client of the page, and who is signed in.

import { createClient, type ClientStatus, type Me } from 'timeweft';
import { forgetLists } from './kept-list.ts';
import { toasts } from './toasts.svelte.ts';

class Session {
  readonly client = createClient();
  me = $state.raw<Me | null>(this.client.me);
  status = $state.raw<ClientStatus>(this.client.status);
  /** The session has ended on the server's side, and the person wants to sign in anew. */
  again = $state.raw(false);

  constructor() {
    this.client.onMe((me) => {
      this.me = me;
      this.#tidy();
    });
    this.client.onStatus((status) => {
      this.status = status;
      if (status !== 'signed-out') this.again = false;
      this.#tidy();
    });
    this.client.onWarning((warning) => {
      // Over before it is read, with nothing to do about it.
      if (warning.code !== 'restarted') toasts.problem(warning.message);
    });
  }

  /** Can be asked: what only the server knows, too. */
  get isOnline(): boolean {
    return this.status === 'online' || this.status === 'polling';
  }

  /** Who signs out leaves nothing; whose session has only ended comes back to it. */
  #tidy(): void {
    if (this.client.status === 'signed-out' && !this.client.me) forgetLists();
  }
}

export const session = new Session();
