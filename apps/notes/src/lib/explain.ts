// Errors in the words of somebody who writes notes. What the client says itself is meant for who programs with it.

import { TimeweftError } from 'timeweft';

const SAID: Record<string, string> = {
  network: 'The server cannot be reached. Check your connection and try again.',
  unauthorized: 'Your session has ended. Sign in again to go on; nothing that you wrote is lost.',
  'signed-out': 'Your session has ended. Sign in again to go on; nothing that you wrote is lost.',
  forbidden: 'You may not do that here. Ask whoever shared the note with you.',
  'not-found': 'It was deleted in the meantime. Look in the history, or bring it back.',
  conflict: 'Somebody else changed the same place. Decide which of the two stays.',
  'invalid-value': 'There is something in it that a note cannot hold.',
  'too-large': 'This note has become too long. Move a part of it into another note.',
  'slow-down': 'That was too fast for the server. Wait a minute and try again.',
  'storage-full': 'There is no room left on this device. Free some, or stay online so that your changes are sent.',
  'storage-unavailable': 'This browser keeps nothing on this device. Stay online until your changes are saved.',
};

/** What to say about an error, and what to do. `instead` has words for codes that mean something else in a certain place. */
export function explain(error: unknown, instead: Readonly<Record<string, string>> = {}): string {
  if (error instanceof TimeweftError) return instead[error.code] ?? SAID[error.code] ?? error.message;
  return error instanceof Error ? error.message : String(error);
}
