/**
 * One request as a `POST /message`: where there is no socket, and for frames that are longer than a socket takes.
 *
 * What comes back is the frame that a socket would have brought. HTTP leaves it out with status 304, but for the role in a header, and what refuses a request before anybody
 * reads it (a limit of the server's or of a proxy's) does not know its id: then it is completed here, so that whoever asked is answered.
 */

/** How long an answer may take to begin, and then to end; longer for long frames, as the replicas wait (`crates/core/src/replica/request.rs`). */
const PATIENCE = 10_000;
const BYTES_PER_MS = 20;
/** How long an answer may be that does not say it. */
const UNSAID = 1 << 20;

export interface Answered {
  readonly status: number;
  readonly frame: Uint8Array;
}

/** Rejects where no answer came. */
export const post = async (url: string, frame: Uint8Array, signal: AbortSignal): Promise<Answered> => {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  let timer = setTimeout(abort, PATIENCE + frame.length / BYTES_PER_MS);
  signal.addEventListener('abort', abort);
  try {
    const response = await fetch(`${url}/message`, {
      method: 'POST',
      body: frame as Uint8Array<ArrayBuffer>,
      credentials: 'include',
      headers: { 'content-type': 'application/cbor', accept: 'application/cbor' },
      signal: controller.signal,
    });
    clearTimeout(timer);
    timer = setTimeout(abort, PATIENCE + (Number(response.headers.get('content-length')) || UNSAID) / BYTES_PER_MS);
    const { status } = response;
    if (status === 304) {
      const role = response.headers.get('timeweft-role');
      return { status, frame: complete(frame, status, role ? Uint8Array.from([MAP + 1, ...text('role'), ...text(role)]) : NOTHING) };
    }
    const isFrame = response.headers.get('content-type')?.startsWith('application/cbor');
    // A proxy's own page is no answer; but that a frame is too large for it stays so.
    if (!isFrame && status !== 413) throw new Error(`/message answered ${status}`);
    const answered = isFrame ? new Uint8Array(await response.arrayBuffer()) : TOO_LARGE;
    // Refused before it was read, whoever asks for whatever: that is about where the page is from, and no answer to the request.
    if (status === 403 && !hasId(answered)) throw new ForeignOrigin();
    return { status, frame: complete(frame, status, answered) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
};

export class ForeignOrigin extends Error {}

/** `{id, status}`, with the id of the request. */
export const answer = (request: Uint8Array, status: number): Uint8Array => complete(request, status, NOTHING);

const MAP = 0xa0;
const NOTHING = Uint8Array.of(MAP);
/** Where the id is in a request, which begins with it: after the map and its first key. */
const ID_AT = 4;
const ID = [0x62, 0x69, 0x64];
const STATUS = [0x66, 0x73, 0x74, 0x61, 0x74, 0x75, 0x73];

const hasId = (response: Uint8Array): boolean => ID.every((byte, index) => response[1 + index] === byte);

/** `response` with id and status in front, where it does not begin with an id. */
const complete = (request: Uint8Array, status: number, response: Uint8Array): Uint8Array => {
  const fields = (response[0] ?? 0) - MAP;
  if (hasId(response) || fields < 0 || fields > 20) return response;
  const argument = (request[ID_AT] ?? 0) & 0x1f;
  const id = request.subarray(ID_AT, ID_AT + 1 + (argument < 24 ? 0 : 2 ** (argument - 24)));
  return Uint8Array.of(MAP + fields + 2, ...ID, ...id, ...STATUS, 0x19, status >> 8, status & 0xff, ...response.subarray(1));
};

const text = (words: string): number[] => {
  const bytes = new TextEncoder().encode(words);
  return [...(bytes.length < 24 ? [0x60 + bytes.length] : [0x78, bytes.length]), ...bytes];
};

const MESSAGE = 'larger than the server, or a proxy before it, takes: split the value into several entities';
const TOO_LARGE = Uint8Array.from([0xa1, ...text('error'), 0xa2, ...text('code'), ...text('too-large'), ...text('message'), ...text(MESSAGE)]);
