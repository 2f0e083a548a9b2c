// Who has a note, or is in a team, and who is asked to, as the server says, and what changes that. Each change is followed by another look.

import type { Entity, Invitation, People, Role } from 'timeweft';
import { explain } from './explain.ts';
import type { Notebook } from './notebook.svelte.ts';

export const ROLES: Readonly<Record<Role, string>> = { viewer: 'Can view', editor: 'Can edit', admin: 'Can share' };

const SAID: Readonly<Record<string, string>> = {
  network: 'The server cannot be reached. Sharing needs a connection.',
  forbidden: 'You may not do that. Who can share it can.',
  'invalid-value': 'Somebody has to stay who can share it.',
  'bad-request': 'That does not look right. Check the address.',
  'not-implemented': 'This server sends no mail. Make a link instead, and send it yourself.',
  'slow-down': 'That was too much at once. Wait a little, or make a link instead.',
  'not-found': 'It is not shared with you any more.',
  'too-large': 'So many invitations wait already. Withdraw some first.',
};

/** The part of an entity that shares it. */
export type Shared = Pick<Entity, 'people' | 'share' | 'unshare'>;

export class Sharing {
  readonly #shared: Shared;
  readonly #sharedbook: Pick<Notebook, 'meet'>;

  people = $state.raw<People>();
  failure = $state.raw('');
  /** The token of the link or mail that was made last: told once, the server keeps none. By mail only in development mode. */
  made = $state.raw<{ id: string; token: string; email?: string }>();

  #last: Promise<unknown> = Promise.resolve();

  constructor(shared: Shared, notebook: Pick<Notebook, 'meet'>) {
    this.#shared = shared;
    this.#sharedbook = notebook;
  }

  look(): Promise<boolean> {
    return this.#do(async () => undefined);
  }

  give(personId: string, role: Role): Promise<boolean> {
    return this.#do(() => this.#shared.share({ personId, role }));
  }

  take(personId: string): Promise<boolean> {
    return this.#do(() => this.#shared.unshare({ personId }));
  }

  everybody(role: 'viewer' | 'editor' | undefined): Promise<boolean> {
    return this.#do(() => (role ? this.#shared.share({ everybody: true, role }) : this.#shared.unshare({ everybody: true })));
  }

  invite(email: string, role: Role): Promise<boolean> {
    return this.#make({ email, role });
  }

  link(role: Role): Promise<boolean> {
    return this.#make({ link: true, role });
  }

  withdraw(id: string): Promise<boolean> {
    if (this.made?.id === id) this.made = undefined;
    return this.#do(() => this.#shared.unshare({ invitation: id }));
  }

  /** Takes it from oneself. There is nothing to look at after. */
  leave(personId: string): Promise<boolean> {
    return this.#do(() => this.#shared.unshare({ personId }), false);
  }

  #make(share: { link: true; role: Role } | { email: string; role: Role }): Promise<boolean> {
    this.made = undefined;
    return this.#do(async () => {
      // In development mode the answer holds what the mail would.
      const { id, token }: Invitation & { token?: string } = await ('email' in share ? this.#shared.share(share) : this.#shared.share(share));
      if (token) this.made = { id, token, ...('email' in share && { email: share.email }) };
    });
  }

  /** One after the other: what is seen after each is then what the last one led to. */
  #do(change: () => Promise<unknown>, looks = true): Promise<boolean> {
    const done = this.#last.then(() => this.#now(change, looks));
    this.#last = done;
    return done;
  }

  async #now(change: () => Promise<unknown>, looks: boolean): Promise<boolean> {
    this.failure = '';
    try {
      await change();
      if (looks) {
        this.people = await this.#shared.people();
        this.#sharedbook.meet(this.people.people);
      }
      return true;
    } catch (error) {
      this.failure = explain(error, SAID);
      return false;
    }
  }
}
