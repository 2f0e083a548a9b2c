import { Decoder } from 'cbor-x';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Connection } from '../../src/host/connection.js';
import { ann, answer, answerOf, browser, bytes, encode, FakeSocket, pass, settle, text, tidy, URL_, type FakeServer } from './fakes.js';

const decode = (frame: Uint8Array): unknown => new Decoder({ mapsAsObjects: true }).decode(frame);

let server: FakeServer;
let connection: Connection;
let log: string[];
let frames: Uint8Array[];
/** What `poll` asks for. */
let polled: string[];
let watched: boolean;
/** What is sent as soon as there is a connection. */
let unsent: string | undefined;

beforeEach(() => {
  ({ server } = browser());
  log = [];
  frames = [];
  polled = [];
  watched = true;
  unsent = undefined;
  // The longest pause that jitter may give.
  vi.spyOn(Math, 'random').mockReturnValue(1);
  connection = new Connection(URL_, {
    status: status => log.push(status),
    ask: async () => {
      const response = await server.fetch(`${URL_}/me`, {});
      return response.ok ? response.json() : null;
    },
    person: async (me, valid) => void log.push(valid() ? `person ${me.personId}` : 'too late'),
    up: () => {
      log.push('up');
      if (unsent) send(unsent, 'edit');
    },
    down: () => log.push('down'),
    frame: frame => (frames.push(frame), log.push(`frame ${text(frame)}`)),
    foreign: () => log.push('foreign'),
    poll: () => polled.forEach(entity => send(entity, 'get')),
    watched: () => watched,
  });
});
afterEach(() => {
  connection.stop();
  tidy();
});

const send = (entity: string, frame: string): void => connection.send({ entity, frame: bytes(`${frame} ${entity}`) });

const start = async (): Promise<void> => {
  connection.start();
  await settle();
};

/** When sockets were asked for, in milliseconds from now. */
const attempts = async (milliseconds: number): Promise<number[]> => {
  const times: number[] = [];
  for (let time = 0, known = FakeSocket.all.length; time <= milliseconds; time += 50) {
    if (FakeSocket.all.length > known) times.push(time);
    known = FakeSocket.all.length;
    await pass(50);
  }
  return times;
};

test('a socket is used when the server has said who is signed in', async () => {
  connection.start();
  expect(FakeSocket.last.url).toBe('wss://weft.example/connect');
  expect(FakeSocket.last.protocol).toBe('timeweft.cbor');
  expect(FakeSocket.last.binaryType).toBe('arraybuffer');
  await settle();
  expect(log).toEqual(['connecting', 'person ann', 'online', 'up']);
  send('note:a', 'get');
  FakeSocket.last.say('hello');
  expect(FakeSocket.last.sent).toEqual(['get note:a']);
  expect(log.at(-1)).toBe('frame hello');
});

test('the pause after a failure doubles up to 15 seconds', async () => {
  server.reachable = false;
  await start();
  expect(log).toEqual(['connecting', 'offline']);
  const times = await attempts(60_000);
  const pauses = times.map((time, index) => time - (times[index - 1] ?? 0));
  expect(pauses).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
});

test('the pause is a random part of that', async () => {
  vi.mocked(Math.random).mockReturnValue(0.1);
  server.reachable = false;
  await start();
  expect((await attempts(400)).length).toBeGreaterThan(2);
});

test('a dropped socket is replaced, and only a frame makes pauses short again', async () => {
  await start();
  log.length = 0;
  for (const pause of [250, 500, 1_000]) {
    FakeSocket.last.drop();
    const before = FakeSocket.all.length;
    await pass(pause - 50);
    expect(FakeSocket.all.length).toBe(before);
    await pass(50);
    expect(FakeSocket.all.length).toBe(before + 1);
  }
  expect(log.slice(0, 5)).toEqual(['down', 'connecting', 'person ann', 'online', 'up']);
  FakeSocket.last.say('hello');
  FakeSocket.last.drop();
  const before = FakeSocket.all.length;
  await pass(250);
  expect(FakeSocket.all.length).toBe(before + 1);
});

test('hurrying ends a pause, but not more often than allowed', async () => {
  server.reachable = false;
  await start();
  await pass(10_000);
  const before = FakeSocket.all.length;
  connection.hurry(20_000);
  expect(FakeSocket.all.length).toBe(before);
  server.reachable = true;
  connection.hurry();
  connection.hurry();
  expect(FakeSocket.all.length).toBe(before + 1);
  await settle();
  expect(log.at(-1)).toBe('up');
});

test('nobody signed in: signed-out, until something hurries it', async () => {
  server.me = null;
  await start();
  expect(log).toEqual(['connecting', 'signed-out']);
  expect(FakeSocket.last.readyState).toBe(3);
  await pass(120_000);
  expect(server.asked).toBe(1);
  server.me = ann;
  connection.hurry(5_000);
  await settle();
  expect(log.slice(2)).toEqual(['person ann', 'online', 'up']);
});

test('close code 4001 says that the session is over', async () => {
  await start();
  FakeSocket.last.drop(4001);
  await pass(60_000);
  expect(log.slice(-2)).toEqual(['down', 'signed-out']);
  expect(FakeSocket.all.length).toBe(1);
});

test('a socket that owes an answer for ten seconds is dead', async () => {
  await start();
  await pass(60_000);
  send('note:a', 'get');
  await pass(9_900);
  expect(log.at(-1)).toBe('up');
  const dead = FakeSocket.last;
  await pass(200);
  expect(log.slice(4, 6)).toEqual(['down', 'connecting']);
  expect(dead.readyState).toBe(3);
  await pass(250);
  expect(log.at(-1)).toBe('up');
});

test('any frame says that it is alive', async () => {
  await start();
  for (let round = 0; round < 5; round++) {
    send('note:a', 'get');
    await pass(8_000);
    FakeSocket.last.say('hello');
  }
  await pass(60_000);
  expect(log).not.toContain('down');
});

test('where the look comes late, what came may wait behind it', async () => {
  await start();
  const socket = FakeSocket.last;
  // For 14 seconds this thread does something else, and then looks before it reads.
  const busy = async (): Promise<void> => {
    send('note:a', 'get');
    vi.setSystemTime(Date.now() + 4_000);
    await pass(10_000);
  };
  await busy();
  socket.say('hello');
  await pass(60_000);
  expect(log).not.toContain('down');
  await busy();
  await pass(2_000);
  expect(log).toContain('down');
});

test('a slow line that still takes what is sent is not dead', async () => {
  await start();
  send('note:a', 'post');
  for (const backlog of [3_000, 2_000, 1_000]) {
    FakeSocket.last.bufferedAmount = backlog;
    await pass(10_000);
  }
  expect(log).not.toContain('down');
  await pass(10_000);
  expect(log).toContain('down');
});

test('a line that takes nothing is dead, also when more and more is sent into it', async () => {
  await start();
  for (let sent = 0; sent < 25; sent++) {
    send('note:a', 'post');
    FakeSocket.last.bufferedAmount += 'post note:a'.length;
    await pass(1_000);
    if (log.includes('down')) break;
  }
  expect(FakeSocket.all[0]!.sent).toHaveLength(10);
});

test.each(Array.from({ length: 60 }, (_, index) => index * 4))('after a stall of %d s, an edit arrives within 15 seconds of its end', async seconds => {
  await start();
  FakeSocket.last.say('hello');
  // As the replica does on every new connection.
  unsent = 'note:a';
  send('note:a', 'edit');
  server.silent = FakeSocket.silent = true;
  await pass(seconds * 1_000);
  server.silent = FakeSocket.silent = false;
  for (let step = 0; step < 30; step++) await pass(500);
  // What went into the first one is lost with it.
  expect(FakeSocket.all.slice(1).flatMap(({ sent }) => sent)).toContain('edit note:a');
});

test('another network is tried at once, whatever is asked by the one before', async () => {
  server.silent = FakeSocket.silent = true;
  await start();
  await pass(1_000);
  server.silent = FakeSocket.silent = false;
  connection.renew();
  await settle();
  expect(log.at(-1)).toBe('up');
  expect(FakeSocket.all.filter(({ readyState }) => readyState === 1)).toHaveLength(1);
});

test('hurrying a connection that was quiet asks for everything', async () => {
  await start();
  polled = ['note:a'];
  connection.hurry();
  expect(FakeSocket.last.sent).toEqual([]);
  await pass(3_000);
  connection.hurry();
  expect(FakeSocket.last.sent).toEqual(['get note:a']);
});

test('stopping ends everything, also an attempt under way', async () => {
  await start();
  connection.stop();
  await pass(60_000);
  expect(log.slice(-1)).toEqual(['down']);
  connection.start();
  connection.stop();
  await pass(60_000);
  expect(log.slice(-2)).toEqual(['down', 'connecting']);
  expect(FakeSocket.all.every(socket => socket.readyState === 3)).toBe(true);
});

/** A network that has something against sockets. */
const withoutSockets = async (): Promise<void> => {
  FakeSocket.works = false;
  await start();
  await pass(250);
};

test('two refused sockets while the server answers, and requests go by HTTP', async () => {
  await withoutSockets();
  expect(log).toEqual(['connecting', 'person ann', 'person ann', 'polling', 'up']);
  send('note:a', 'get');
  await settle();
  expect(log.at(-1)).toBe('frame re get note:a');
});

test('refused sockets while the server does not answer are no reason to poll', async () => {
  FakeSocket.works = false;
  server.reachable = false;
  await start();
  await pass(60_000);
  expect(log).not.toContain('polling');
});

test('requests of one entity go one after the other, those of several at the same time', async () => {
  await withoutSockets();
  const asked: string[] = [];
  const answers: (() => void)[] = [];
  server.message = frame => {
    asked.push(frame);
    return new Promise(resolve => answers.push(() => resolve(answer(`re ${frame}`))));
  };
  send('note:a', '1');
  send('note:a', '2');
  for (let index = 0; index < 7; index++) send(`note:${index}`, 'x');
  await settle();
  expect(asked).toEqual(['1 note:a', ...[0, 1, 2, 3, 4].map(index => `x note:${index}`)]);
  answers[2]?.();
  answers[1]?.();
  await settle();
  expect(asked.slice(6)).toEqual(['x note:5', 'x note:6']);
  answers[0]?.();
  await settle();
  expect(asked.slice(8)).toEqual(['2 note:a']);
  expect(log.slice(-3)).toEqual(['frame re x note:1', 'frame re x note:0', 'frame re 1 note:a']);
});

/** When rounds of polling began, in milliseconds from now. */
const rounds = async (milliseconds: number): Promise<number[]> => {
  const times: number[] = [];
  let time = 0;
  const { message } = server;
  server.message = async frame => {
    times.push(time);
    return message(frame);
  };
  for (; time < milliseconds; time += 100) await pass(100);
  return times.map((at, index) => at - (times[index - 1] ?? 0));
};

test('entities are asked for every two seconds, less often while nothing changes', async () => {
  await withoutSockets();
  polled = ['note:a'];
  server.message = async () => new Response(null, { status: 304 });
  const pauses = await rounds(30_000);
  expect(pauses[0]).toBeLessThanOrEqual(2_000);
  expect(pauses.at(-1)).toBe(6_000);
  server.message = async () => answer('news');
  expect((await rounds(20_000)).slice(2)).toContain(2_000);
});

test('the response that 304 has no room for is made of its request', async () => {
  await withoutSockets();
  server.message = async () => new Response(null, { status: 304 });
  for (const id of [7, 300, 70_000]) connection.send({ entity: 'note:a', frame: encode({ id, method: 'get', entityId: 'note:a' }) });
  await settle();
  expect(frames.map(frame => decode(frame))).toEqual([7, 300, 70_000].map(id => ({ id, status: 304 })));
  frames = [];
  server.message = async () => new Response(null, { status: 304, headers: { 'timeweft-role': 'viewer' } });
  connection.send({ entity: 'note:a', frame: encode({ id: 8, method: 'get' }) });
  await settle();
  expect(frames.map(frame => decode(frame))).toEqual([{ id: 8, status: 304, role: 'viewer' }]);
});

test('hidden pages are polled for every thirty seconds', async () => {
  await withoutSockets();
  watched = false;
  polled = ['note:a'];
  const pauses = await rounds(100_000);
  expect(pauses.slice(1)).toEqual(Array.from(pauses.slice(1), () => 30_000));
});

test('a failed request is waited with, three in a row are a lost server', async () => {
  await withoutSockets();
  log.length = 0;
  server.message = () => Promise.reject(new TypeError('Failed to fetch'));
  send('note:a', 'get');
  await settle();
  send('note:a', 'get');
  await settle();
  expect(log).toEqual([]);
  server.reachable = false;
  send('note:a', 'get');
  await settle();
  await pass(1_000);
  expect(log).toEqual(['down', 'connecting', 'offline']);
});

test('that the server takes nothing from pages of our origin is said, and is no answer to what was asked', async () => {
  await withoutSockets();
  log.length = 0;
  server.message = async () => answerOf({ error: { code: 'forbidden', message: 'pages of this origin may change nothing here' } }, 403);
  send('note:a', 'get');
  await settle();
  expect(log).toEqual(['foreign']);
  // This is one.
  log.length = 0;
  server.message = async () => answerOf({ id: 1, status: 403, error: { code: 'forbidden', message: 'not yours' } }, 403);
  send('note:a', 'get');
  await settle();
  expect(frames.map(frame => decode(frame))).toMatchObject([{ id: 1, status: 403 }]);
});

test("a proxy's page is no answer", async () => {
  await withoutSockets();
  log.length = 0;
  server.message = async () => new Response('<h1>Bad gateway</h1>', { status: 502, headers: { 'content-type': 'text/html' } });
  send('note:a', 'get');
  await settle();
  expect(log).toEqual([]);
});

test('the socket is tried again every minute, and used when it works', async () => {
  await withoutSockets();
  log.length = 0;
  await pass(60_000);
  expect(log).toEqual([]);
  FakeSocket.works = true;
  await pass(60_000);
  expect(log).toEqual(['down', 'online', 'up']);
  send('note:a', 'get');
  expect(FakeSocket.last.sent).toEqual(['get note:a']);
});

const LONG = 'x'.repeat(1 << 20);

/** A request, and what came back for it. */
const exchange = async (request: object): Promise<unknown[]> => {
  connection.send({ entity: 'note:a', frame: encode(request) });
  await settle();
  return frames.map(frame => decode(frame));
};

test('a frame that is longer than a socket takes goes by HTTP, and its answer comes as from the socket', async () => {
  await start();
  const requests: string[] = [];
  server.message = async request => (requests.push(request), answerOf({ id: 7, status: 200, meta: { version: 2 } }));
  expect(await exchange({ id: 7, method: 'patchDiff', diff: LONG })).toEqual([{ id: 7, status: 200, meta: { version: 2 } }]);
  expect(requests).toHaveLength(1);
  expect(FakeSocket.last.sent).toEqual([]);
  await pass(60_000);
  expect(log).not.toContain('down');
});

test('what is too large for the server is answered as such, also where HTTP refuses it before it is read', async () => {
  await start();
  server.message = async () => answerOf({ error: { code: 'too-large', message: 'a body has at most 5 bytes' } }, 413);
  expect(await exchange({ id: 300, method: 'post', value: LONG })).toEqual([{ id: 300, status: 413, error: { code: 'too-large', message: 'a body has at most 5 bytes' } }]);
  server.message = async () => new Response('<h1>Request Entity Too Large</h1>', { status: 413, headers: { 'content-type': 'text/html' } });
  frames.length = 0;
  expect(await exchange({ id: 70_000, method: 'post', value: LONG })).toMatchObject([{ id: 70_000, status: 413, error: { code: 'too-large' } }]);
});

test('a long frame that gets lost is asked for again soon, and not after the time that a slow line may take', async () => {
  await start();
  server.message = () => Promise.reject(new TypeError('Failed to fetch'));
  expect(await exchange({ id: 7, method: 'post', value: LONG })).toEqual([{ id: 7, status: 503 }]);
  server.message = () => new Promise(() => undefined);
  frames.length = 0;
  await exchange({ id: 8, method: 'post', value: LONG });
  FakeSocket.last.drop();
  await settle();
  // The replica sends everything again on the next one.
  expect(frames).toEqual([]);
});
