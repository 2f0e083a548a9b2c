/**
 * What apps see of signing in: codes, tokens, guests, sessions.
 */

import type { Me } from './messages.js';

/** Somewhere that the person is signed in. */
export interface Session {
  /** Names it to {@link Signing.endSession}, and opens nothing. */
  readonly id: string;
  /** For people: `Firefox on Linux`. */
  readonly device: string;
  /** When it began: ISO 8601 in UTC. */
  readonly begun: string;
  /** When it ends by itself. */
  readonly expires: string;
  /** Whether it is this browser's. */
  readonly current: boolean;
  /** Set where an admin acts in the person's name: who. */
  readonly impersonatorId?: string;
}

/** Who is signed in, and how they come and go. For all tabs of this browser. */
export interface Signing {
  /**
   * Has a code of six digits sent to that address. In development mode the answer holds it instead.
   *
   * @example
   * await client.login('ann@example.com')
   * const me = await client.verify('ann@example.com', prompt('Code?'))
   * @throws NetworkError when the server can't be reached
   * @throws TimeweftError with the code `slow-down` after too many codes in a short time
   */
  login(email: string): Promise<{ code?: string }>;
  /**
   * Signs in with the code that was sent, for all tabs of this browser. A code is good once, and for ten minutes. What this browser has of another
   * person is deleted.
   *
   * @throws SignedOutError with the code `unauthorized` when it is the wrong code
   * @throws NetworkError when the server can't be reached
   */
  verify(email: string, code: string): Promise<Me>;
  /**
   * Lets whoever is here begin without signing in, as a person of their own; who is somebody already stays it. When they sign in, with an address that
   * nobody has signed in with before, they stay the same person, with all that they made. With an address that is somebody's they are that person, and what
   * the guest made stays the guest's.
   *
   * @example
   * const me = await client.guest()
   * if (me.guest) showSignIn('Sign in to come back to this from anywhere')
   * @throws NotFoundError where the server lets no guests in (`--guests`)
   * @throws NetworkError when the server can't be reached
   */
  guest(): Promise<Me>;
  /**
   * For support: this browser acts in the name of that person for an hour, instead of in your own. Versions made by it have your id as `impersonatorId`, and
   * the person sees the session among theirs. `logout` ends it.
   *
   * @throws ForbiddenError for who is not named in the server's `--admins`, and of an admin
   * @throws NotFoundError where there is no such person
   */
  impersonate(personId: string): Promise<Me>;
  /**
   * Signs in with the token that {@link ClientOptions.getToken} gives: for when somebody has just signed in to the app. `null`: it gave none. Signing out
   * of the app comes before `logout`, or the client signs in again.
   *
   * @example
   * const client = createClient({ getToken: async () => (await auth.session())?.idToken ?? null })
   * auth.onSignedIn(() => client.signIn())
   * @throws SignedOutError when the server does not take the token
   * @throws NetworkError when the server can't be reached
   */
  signIn(): Promise<Me | null>;
  /**
   * Signs out in all tabs of this browser and deletes what it has of the person. Offline too: the session is then ended when there is a network.
   *
   * @throws UnsentChangesError when that would lose edits, unless `discard`
   */
  logout(options?: { discard?: boolean }): Promise<void>;
  /**
   * Ends all sessions of the person, on whatever device, and then does as `logout`.
   *
   * @throws NetworkError when the server can't be reached
   * @throws UnsentChangesError as `logout`; the sessions have ended then
   */
  logoutEverywhere(): Promise<void>;
  /**
   * Where the person is signed in, the last session first.
   *
   * @throws NetworkError when the server can't be reached
   */
  sessions(): Promise<Session[]>;
  /**
   * Ends one of them: it is signed out within a second, wherever it is.
   *
   * @throws NotFoundError when there is no such session any more
   * @throws NetworkError when the server can't be reached
   */
  endSession(id: string): Promise<void>;
}
