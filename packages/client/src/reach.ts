/**
 * Why a server does not answer as it should, in words that say what would be right: for the host, which warns, and for what tabs ask themselves.
 */

const origin = (): string => globalThis.location?.origin ?? 'this origin';

/** How long it is waited for an answer that says nothing but that somebody is there. */
const PATIENCE = 5_000;

/**
 * Whether there is a server at `url` that has no answer for pages of our origin. Browsers don't tell that from no server: but what asks for an answer that it
 * may not read gets one from the former.
 */
export const isForeign = async (url: string): Promise<boolean> => {
  const here = globalThis.location?.origin;
  if (here === undefined || here === url) return false;
  const answer = fetch(`${url}/health`, { mode: 'no-cors', cache: 'no-store', credentials: 'omit' });
  const patience = new Promise<never>((_, reject) => setTimeout(reject, PATIENCE));
  return Promise.race([answer, patience]).then(() => true, () => false);
};

export const foreignOrigin = (url: string): string =>
  `${url} does not answer pages of ${origin()}: start the server with --origin ${origin()}, and see that createClient has its address as \`url\``;

export const wrongServer = (url: string, path: string, status: number): string =>
  `${url}${path} answered ${status}, and not as a Timeweft server does: give createClient its address as \`url\`, or send ${path} on to it (README, "Bundlers")`;

/** The server answered, but is another than we look for. */
export class WrongServer extends Error {}
