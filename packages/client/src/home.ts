/**
 * What an entity needs of its client, so that neither knows the other's insides.
 */

import { ClosedError, SignedOutError } from './errors.js';
import type { NamedPolicy, ToEntity, Upstream } from './messages.js';
import type { Requests } from './requests.js';
import type { ClientStatus, Me, Policy } from './types.js';

/** A message without its sender. */
export type Body = Upstream extends infer U ? (U extends { tab: string } ? Omit<U, 'tab'> : never) : never;

/** What an entity needs of its client. */
export interface Home {
  readonly tab: string;
  readonly epoch: string | undefined;
  readonly me: Me | null;
  readonly status: ClientStatus;
  readonly policy: Policy;
  readonly isClosed: boolean;
  /** Asks the server something; how, is loaded when something is first asked. */
  request<R>(ask: (server: Requests) => R): Promise<Awaited<R>>;
  post(message: Body): void;
  ack(entity: string, seq: number): void;
  /** Hears what the host says of an entity. */
  listen(entity: string, hear: (message: ToEntity) => void): () => void;
  /** Holds on to an entity while it is open. */
  hold(entity: Held, isOpen: boolean): void;
}

/** What a client does with its open entities. */
export interface Held {
  readonly id: string;
  restart(isOther: boolean): void;
  reopen(): void;
  /** Tells the host that this tab is there, should it have been taken for asleep. */
  alive(): void;
  /** The client's status is another. */
  told(): void;
  close(): void;
}

const POLICIES: readonly NamedPolicy[] = ['keep-theirs-where-both', 'mine', 'theirs'];

/** What the host can follow of a policy. */
export const namedPolicy = (policy: Policy): NamedPolicy => {
  if (typeof policy === 'function') return POLICIES[0]!;
  if (POLICIES.includes(policy)) return policy;
  throw new TypeError(`${String(policy)} is no policy: that is a function or one of ${POLICIES.join(', ')}`);
};

/** One listener that throws must not keep the others from hearing, nor the host from being answered. */
export const tell = (listener: () => void): void => {
  try {
    listener();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
};

export const signedOut = (): SignedOutError => new SignedOutError('signed-out', 'nobody is signed in: client.login() and verify() first');

export const closed = (): ClosedError => new ClosedError('closed', 'this client was closed: make another');
