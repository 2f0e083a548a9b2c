/**
 * Timeweft in a tab: `createClient`, and entities as stores.
 *
 * `client` (link, who is signed in) → `entity` (a store) → `side` (what tab and host agree on) → `tree` (values, diffs, CBOR); `link` and
 * `messages` are the way to the host, which does the rest: connection, merging and what is on disk.
 */

export { createClient } from './client.js';
export {
  ClosedError, ConflictError, ForbiddenError, InvalidValueError, NetworkError, NotFoundError, SignedOutError, StorageError, TimeweftError,
  TooLargeError, UnsentChangesError, type Violation,
} from './errors.js';
export { increment } from './tree/draft.js';
export { RawTypedArray, type TypedArray } from './tree/value.js';
export type {
  Accepted, Choice, Client, ClientOptions, ClientStatus, Conflict, Entity, EntityStatus, Invitation, Listed, Me, Membership, Meta, Organisation, People, Policy, Role, Session, Share, Signing, Types, Warning,
} from './types.js';
