/**
 * What can go wrong, as classes: `instanceof` or `code` tell them apart, `message` says what to do.
 *
 * A code that the server sends and that has no class of its own comes as a plain {@link TimeweftError}.
 */

/**
 * Every error of Timeweft.
 *
 * @example
 * try {
 *   await client.verify(email, code)
 * } catch (error) {
 *   if (error instanceof TimeweftError && error.code === 'unauthorized') showWrongCode()
 * }
 */
export class TimeweftError extends Error {
  /** Stable and lower-case, as `forbidden`. The server's codes are in docs/protocol.md. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Nobody is signed in, the session has ended, or the code for signing in was wrong: `login` and `verify`. */
export class SignedOutError extends TimeweftError {}

/** This person may not do that: where they may read, they may perhaps not write. */
export class ForbiddenError extends TimeweftError {}

/** Missing, deleted, or not for this person to know of. */
export class NotFoundError extends TimeweftError {}

/** Somebody else changed the same place and the policy leaves it to be resolved: see `Entity.conflicts`. */
export class ConflictError extends TimeweftError {}

/** A rule of an entity's type that a value breaks. */
export interface Violation {
  /** Where in the value: a JSON Pointer (RFC 6901), as `/title`; empty for the whole. */
  readonly path: string;
  /** What would be right, in words for people. */
  readonly message: string;
}

/**
 * Not something that an entity can hold, or against a rule of its type.
 *
 * @example
 * note.set({ title: 'Weft', onClick() {} }) // InvalidValueError: onClick is a function …
 */
export class InvalidValueError extends TimeweftError {
  /** Where in the value, when that is known. */
  readonly path: readonly (string | number)[] | undefined;
  /** The rules that are broken, where it is the server that refused the value for them. */
  readonly violations: readonly Violation[];

  constructor(code: string, message: string, options?: ErrorOptions & { path?: readonly (string | number)[]; violations?: readonly Violation[] | undefined }) {
    super(code, message, options);
    this.path = options?.path;
    this.violations = options?.violations ?? [];
  }
}

/** Past a limit: of the value's size or depth, or of the browser's storage. */
export class TooLargeError extends TimeweftError {}

/**
 * `logout` while edits have not reached the server: wait for `saved()`, or `logout({ discard: true })` to lose them.
 *
 * @example
 * await client.logout().catch(async error => {
 *   if (error instanceof UnsentChangesError && confirm(`Lose changes of ${error.entities.join()}?`)) await client.logout({ discard: true })
 * })
 */
export class UnsentChangesError extends TimeweftError {
  /** The ids of the entities that have such edits. */
  readonly entities: readonly string[];

  constructor(entities: readonly string[]) {
    super(
      'unsent-changes',
      `edits of ${entities.join(', ')} have not reached the server: wait for that, or lose them with { discard: true }`,
    );
    this.entities = entities;
  }
}

/** The browser's storage can't be used or is full. */
export class StorageError extends TimeweftError {}

/** The server can't be reached. Edits are kept and sent when it can. */
export class NetworkError extends TimeweftError {}

/** The client was closed: make another with `createClient`. */
export class ClosedError extends TimeweftError {}

// By members of an object, which minifiers leave alone; the names of classes they do not.
const NAMES = {
  TimeweftError, SignedOutError, ForbiddenError, NotFoundError, ConflictError, InvalidValueError, TooLargeError, UnsentChangesError, StorageError, NetworkError,
  ClosedError,
};
for (const [value, { prototype }] of Object.entries(NAMES)) Object.defineProperty(prototype, 'name', { value, writable: true, configurable: true });

const CLASSES: Record<string, typeof TimeweftError> = {
  unauthorized: SignedOutError,
  'signed-out': SignedOutError,
  forbidden: ForbiddenError,
  'not-found': NotFoundError,
  conflict: ConflictError,
  exists: ConflictError,
  'invalid-value': InvalidValueError,
  'bad-request': InvalidValueError,
  'too-large': TooLargeError,
  'storage-unavailable': StorageError,
  'storage-full': StorageError,
  network: NetworkError,
  closed: ClosedError,
};

/** The error that a code of the server or the host stands for. */
export const errorOf = (code: string, message: string, violations?: readonly Violation[]): TimeweftError => {
  const Class = Object.hasOwn(CLASSES, code) ? CLASSES[code]! : TimeweftError;
  return Class === InvalidValueError ? new InvalidValueError(code, message, { violations }) : new Class(code, message);
};

/** Of a call that can't be meant so. */
export const mistake = (why: string): InvalidValueError => new InvalidValueError('bad-request', why);

/** What is no function would only show when there is something to tell. */
export const callable = (fn: unknown): void => {
  if (typeof fn !== 'function') throw mistake(`give a function to call, not ${String(fn)}`);
};
