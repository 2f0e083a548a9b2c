// An invitation that the page was opened with, as `?invitation=TOKEN`. It stays in the address until it is accepted or can't be, so that a
// reload on the way through the sign-in does not lose it.

import { ForbiddenError, NetworkError, NotFoundError, SignedOutError, type Client } from 'timeweft';
import { explain } from './explain.ts';
import { noteOf, type Notebook } from './notebook.svelte.ts';
import { router } from './router.svelte.ts';
import { toasts } from './toasts.svelte.ts';

const PARAMETER = 'invitation';

export class Invitation {
  token = $state.raw(new URLSearchParams(location.search).get(PARAMETER));

  #isUnderWay = false;

  /** Where somebody who has the token comes in. */
  link(token: string): string {
    const url = new URL(location.pathname, location.origin);
    url.searchParams.set(PARAMETER, token);
    return url.href;
  }

  /** Accepts it and opens what it is for. Without a connection or a session nothing happens: it is tried again when there are. */
  async accept(client: Client, notebook: Pick<Notebook, 'include' | 'refresh' | 'teams'>): Promise<void> {
    const { token } = this;
    if (!token || this.#isUnderWay) return;
    this.#isUnderWay = true;
    try {
      const { entityId } = await client.accept(token);
      this.#done();
      const id = entityId && noteOf(entityId);
      if (id) {
        notebook.include(id);
        router.go({ page: 'note', id });
      } else if (entityId) notebook.teams.choose(entityId);
      void notebook.refresh();
    } catch (error) {
      if (error instanceof NetworkError || error instanceof SignedOutError) return;
      if (error instanceof NotFoundError || error instanceof ForbiddenError) this.#done();
      toasts.problem(
        explain(error, {
          'not-found': 'This invitation is not valid any more. Ask whoever sent it for another one.',
          forbidden: `This invitation is for another address than ${client.me?.email ?? 'yours'}. Sign in with the one it was sent to, and open it again.`,
        }),
      );
    } finally {
      this.#isUnderWay = false;
    }
  }

  #done(): void {
    this.token = null;
    const url = new URL(location.href);
    url.searchParams.delete(PARAMETER);
    history.replaceState(history.state, '', url);
  }
}

export const invitation = new Invitation();
