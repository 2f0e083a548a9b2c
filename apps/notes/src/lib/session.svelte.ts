// The one client of the page, and who is signed in.

import { createClient, type ClientStatus, type Me } from 'timeweft';
import { toasts } from './toasts.svelte.ts';

class Session {
  readonly client = createClient();
  me = $state.raw<Me | null>(this.client.me);
  status = $state.raw<ClientStatus>(this.client.status);
  /** The session has ended on the server's side, and the person wants to sign in anew. */
  again = $state.raw(false);

  constructor() {
    this.client.onMe((me) => (this.me = me));
    this.client.onStatus((status) => {
      this.status = status;
      if (status !== 'signed-out') this.again = false;
    });
    this.client.onWarning((warning) => {
      // Over before it is read, with nothing to do about it.
      if (warning.code !== 'restarted') toasts.problem(warning.message);
    });
  }
}

export const session = new Session();
