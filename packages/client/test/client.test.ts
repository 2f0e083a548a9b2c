import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { encodePatch, encodeValue } from '../src/tree/encode.js';
import type { Patch } from '../src/tree/patch.js';
import { ClosedError, createClient, InvalidValueError, NetworkError, NotFoundError, SignedOutError, TimeweftError, UnsentChangesError, type Meta } from '../src/index.js';
import { FakeHost } from './fake-host.js';

const until = (check: () => unknown) => vi.waitFor(() => expect(check()).toBeTruthy(), { interval: 2, timeout: 3_000 });

let host: FakeHost;
const server = vi.fn<(url: string, init: RequestInit) => Promise<Response>>();
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
const cbor = (body: unknown) => new Response(encodeValue(body) as Uint8Array<ArrayBuffer>, { headers: { 'content-type': 'application/cbor' } });

beforeEach(() => {
  host = new FakeHost();
  server.mockReset();
  vi.stubGlobal('fetch', server);
});
afterEach(() => {
  host.close();
  vi.unstubAllGlobals();
});

describe('a client', () => {
  test('tells status, person and warnings as the host does', async () => {
    host.state.warnings = [{ code: 'storage-unavailable', message: 'no disk' }];
    const client = host.client();
    const said: unknown[] = [];
    client.onStatus(status => said.push(status));
    client.onMe(me => said.push(me?.personId));
    client.onWarning(({ code }) => said.push(code));
    await until(() => client.status === 'online');
    const { epoch } = host.state;
    host.toAll({ type: 'status', epoch, status: 'offline' });
    host.toAll({ type: 'status', epoch: 'another', status: 'polling' });
    host.toAll({ type: 'warning', epoch, warning: { code: 'storage-full', message: 'full' } });
    host.toAll({ type: 'warning', epoch, warning: { code: 'storage-unavailable', message: '' }, over: true });
    await until(() => client.warnings[0]?.code === 'storage-full');
    expect(said).toEqual([undefined, 'storage-unavailable', 'ann', 'online', 'offline', 'storage-full']);
    expect(client.me).toEqual({ personId: 'ann', email: 'ann@example.com' });
    expect(client.warnings).toHaveLength(1);
  });

  test('on a server does nothing, and can be asked all the same', () => {
    const client = createClient({ url: 'http://localhost' });
    const values: unknown[] = [];
    const stop = client.entity('note:one').subscribe(value => values.push(value));
    expect([client.status, client.me, values]).toEqual(['connecting', null, [undefined]]);
    stop();
    client.close();
  });

  test('names what it can do nothing with', async () => {
    const asked: unknown[] = [{ url: 'localhost:3000' }, { url: 'nonsense' }, { url: '' }, { url: 42 }, { policies: 'mine' }];
    for (const options of asked) expect(() => createClient(options as never)).toThrow(InvalidValueError);
    const client = createClient({ url: 'http://localhost' });
    const note = client.entity('note:one');
    expect(() => note.can('edit' as never)).toThrow('edit is none of read, change, share');
    await expect(note.share(undefined as never)).rejects.toThrow('whom it is about is one of personId');
    await expect(note.share({ personId: 'ann', role: 'viewer', nod: 'all' } as never)).rejects.toThrow('there is no nod to be said');
    await expect(note.history({ limt: 3 } as never)).rejects.toThrow('history has no option limt: before and limit');
    await expect(note.at(new Date(), { from: 5 } as never)).rejects.toThrow('from is what at() has resolved to');
    await expect(client.endSession(undefined as never)).rejects.toThrow('undefined is no session');
    for (const type of [undefined, '']) await expect(client.list(type as never)[Symbol.asyncIterator]().next()).rejects.toThrow('is no type');
    await expect(client.list('note', { limt: 3 } as never)[Symbol.asyncIterator]().next()).rejects.toThrow('list has no option limt');
    client.close();
  });

  test('that is closed says so', async () => {
    host.store('note:one', 1);
    const client = host.client();
    const entity = client.entity('note:one');
    await entity.load();
    const stop = entity.subscribe(() => {});
    const never = client.entity('note:two');
    host.isHeld = true;
    const waiting = never.load();
    const leaving = client.logout();
    client.close();
    client.close();
    await expect(waiting).rejects.toThrow(ClosedError);
    await expect(leaving).rejects.toThrow(ClosedError);
    await expect(entity.load()).rejects.toThrow(ClosedError);
    await expect(client.login('a@b')).rejects.toThrow(ClosedError);
    const calls = [
      () => entity.set(2), () => entity.update(() => 2), () => entity.increment([]), () => entity.delete(), () => entity.undelete(), () => entity.undo(),
      () => entity.redo(), () => entity.subscribe(() => {}), () => entity.onChange(() => {}), () => (entity.policy = 'mine'), () => client.entity('note:one'),
      () => client.list('note'),
    ];
    for (const call of calls) expect(call, String(call)).toThrow(ClosedError);
    const asked = [entity.saved(), entity.history(), entity.at(new Date()), entity.revert(new Date()), entity.subscribers(), client.verify('a@b', '1')];
    for (const one of [...asked, client.logoutEverywhere()]) await expect(one).rejects.toThrow(ClosedError);
    // What ends something is for taking a page down, and may come late.
    stop();
    expect(entity.get()).toBe(1);
    host.release();
    await until(() => host.heard.some(({ type }) => type === 'bye'));
    expect(host.heard.filter(({ type }) => type === 'close')).toHaveLength(2);
  });
});

describe('signing in and out', () => {
  test('who is not signed in after all is told so, whatever was asked for before that was known', async () => {
    host.state = { ...host.state, me: null, status: 'connecting' };
    const client = host.client();
    const entity = client.entity('note:one');
    const loading = entity.load();
    await until(() => client.epoch !== undefined);
    host.toAll({ type: 'status', epoch: host.state.epoch, status: 'signed-out' });
    await expect(loading).rejects.toThrow(SignedOutError);
    await expect(entity.saved()).rejects.toThrow(SignedOutError);
  });

  test('a code is sent, and signs in every tab', async () => {
    host.state = { ...host.state, me: null, status: 'signed-out' };
    const [client, other] = [host.client(), host.client()];
    await until(() => other.status === 'signed-out');
    server.mockResolvedValueOnce(json({ code: '123456' })).mockResolvedValueOnce(json({ personId: 'ann' }));
    expect(await client.login('ann@example.com')).toEqual({ code: '123456' });
    expect(await client.verify('ann@example.com', '123456')).toEqual(host.me);
    expect(client.me).toEqual(host.me);
    await until(() => other.me?.personId === 'ann');
    const [url, init] = server.mock.calls[1]!;
    expect(url).toBe(`${host.url}/login/verify`);
    expect(init).toMatchObject({ method: 'POST', credentials: 'include', body: '{"email":"ann@example.com","code":"123456"}' });
  });

  test('a wrong code is refused', async () => {
    server.mockResolvedValueOnce(json({ error: { code: 'unauthorized', message: 'wrong code' } }, 401));
    await expect(host.client().verify('a@b', '0')).rejects.toThrow('wrong code');
  });

  test('an app with a sign-in of its own is asked for a token, at the start and when the session has ended', async () => {
    host.state = { ...host.state, me: null, status: 'connecting' };
    const tokens = [null, 'first', 'bad', 'second'];
    const getToken = vi.fn(async () => tokens.shift() ?? null);
    server.mockImplementation(async (url, init) => {
      if (!url.endsWith('/login/token')) return cbor(host.me);
      const isBad = new Headers(init.headers).get('authorization') === 'Bearer bad';
      return isBad ? json({ error: { code: 'unauthorized', message: 'expired' } }, 401) : json({ personId: 'ann' });
    });
    const client = host.client({ getToken });
    await until(() => client.epoch !== undefined);
    host.toAll({ type: 'status', epoch: host.state.epoch, status: 'signed-out' });
    await until(() => getToken.mock.calls.length === 1);
    expect([client.me, client.warnings]).toEqual([null, []]);
    // Somebody has signed in to the app.
    expect(await client.signIn()).toEqual(host.me);
    expect(client.me).toEqual(host.me);
    await until(() => client.status === 'online' && client.epoch === host.state.epoch);
    host.state = { ...host.state, status: 'signed-out' };
    host.toAll({ type: 'status', epoch: host.state.epoch, status: 'signed-out' });
    await until(() => client.warnings.some(({ code, message }) => code === 'no-token' && message === 'expired'));
    expect(await client.signIn()).toEqual(host.me);
    expect(getToken).toHaveBeenCalledTimes(4);
  });

  test('signing out does not lose edits unless told to', async () => {
    const client = host.client();
    await until(() => client.me);
    host.unsent = ['note:one'];
    const error = await client.logout().catch((refusal: unknown) => refusal);
    expect(error).toBeInstanceOf(UnsentChangesError);
    expect((error as UnsentChangesError).entities).toEqual(['note:one']);
    await client.logout({ discard: true });
    await until(() => client.status === 'signed-out');
    expect(client.me).toBeNull();
  });

  test('everywhere: the server first', async () => {
    const client = host.client();
    await until(() => client.me);
    server.mockResolvedValueOnce(json({}));
    await client.logoutEverywhere();
    expect(server.mock.calls[0]![0]).toBe(`${host.url}/logout/all`);
    await until(() => client.me === null);
  });
});

describe('what is asked of the server', () => {
  test('history, a past value, who is there', async () => {
    const entity = host.client().entity('note:one');
    server
      .mockResolvedValueOnce(cbor({ versions: [{ version: 2 }], more: true }))
      .mockResolvedValueOnce(cbor({ value: { at: new Date(5) }, meta: { version: 1 } }))
      .mockResolvedValueOnce(cbor({ subscribers: ['ann', 'bob'] }));
    expect(await entity.history({ limit: 1, before: '2026-11-21T09:30:00.123456Z' })).toEqual({ versions: [{ version: 2 }], more: true });
    expect(await entity.at(new Date(0))).toEqual({ value: { at: new Date(5) }, meta: { version: 1 } });
    expect(await entity.subscribers()).toEqual(['ann', 'bob']);
    expect(server.mock.calls.map(([url]) => url.slice(host.url.length))).toEqual([
      '/api/v1/entities/note:one/history?before=2026-11-21T09%3A30%3A00.123456Z&limit=1',
      '/api/v1/entities/note:one?asOf=1970-01-01T00%3A00%3A00.000Z',
      '/api/v1/entities/note:one/subscribers',
    ]);
    expect(server.mock.calls[0]![1]).toMatchObject({ credentials: 'include', headers: { accept: 'application/cbor' } });
  });

  test('a version beside one that is held: only what differs is sent', async () => {
    const entity = host.client().entity<{ title: string; rows: number[] }>('note:one');
    const meta = { version: 2, validFrom: '2026-11-21T09:30:00.000002Z' } as Meta;
    const from = { value: { title: 'two', rows: [1] }, meta };
    server
      .mockResolvedValueOnce(cbor({ diff: { title: 'one' }, meta: { version: 1 } }))
      .mockResolvedValueOnce(new Response(null, { status: 304 }))
      .mockResolvedValueOnce(cbor({ value: { title: 'zero', rows: [] }, meta: { version: 0 } }));
    const older = await entity.at('2026-11-21T09:30:00.000001Z', { from });
    expect(older).toEqual({ value: { title: 'one', rows: [1] }, meta: { version: 1 } });
    expect(older.value.rows).toBe(from.value.rows);
    expect(await entity.at(meta.validFrom, { from })).toBe(from);
    expect((await entity.at(meta.validFrom, { from })).value.title).toBe('zero');
    expect(server.mock.calls[0]![0]).toContain('?asOf=2026-11-21T09%3A30%3A00.000001Z&diffFrom=2026-11-21T09%3A30%3A00.000002Z');
  });

  test('a version whose difference is a move: elements that moved stay the same objects', async () => {
    const entity = host.client().entity<{ rows: { n: number }[] }>('note:one');
    const from = { value: { rows: [{ n: 1 }, { n: 2 }, { n: 3 }] }, meta: { validFrom: '2026-11-21T09:30:00.000002Z' } as Meta };
    const rows = (patch: Patch): Patch => ({ kind: 'map', members: new Map([['rows', patch]]) });
    const field = (name: string, bytes: Uint8Array) => [...encodeValue(name), ...bytes];
    const moved = rows({ kind: 'array', steps: [{ put: 0 }, 2, { take: 1 }] });
    const plain = rows({ kind: 'array', steps: [-3, { insert: [{ n: 3 }, { n: 1 }, { n: 2 }] }] });
    const body = Uint8Array.of(0xa3, ...field('diff', encodePatch(plain)), ...field('exact', encodePatch(moved)), ...field('meta', encodeValue({ version: 1 })));
    server.mockResolvedValueOnce(new Response(body, { headers: { 'content-type': 'application/cbor' } }));
    const { value } = await entity.at('2026-11-21T09:30:00.000001Z', { from });
    expect(value.rows.map(row => from.value.rows.indexOf(row))).toEqual([2, 0, 1]);
  });

  test('going back to a version is an edit', async () => {
    host.store('note:one', { title: 'two' });
    const entity = host.client().entity<{ title: string }>('note:one');
    server.mockResolvedValueOnce(cbor({ value: { title: 'one' }, meta: { version: 1 } }));
    await entity.revert('2026-11-21T09:30:00.000001Z');
    expect(entity.get()).toEqual({ title: 'one' });
    await entity.saved();
    expect(host.value('note:one')).toEqual({ title: 'one' });
    expect(entity.canUndo).toBe(true);
  });

  test('going back leaves what others did while the old version was on its way', async () => {
    host.store('note:one', { title: 'two', seats: 'none' });
    const entity = host.client().entity<{ title: string; seats: string }>('note:one');
    await entity.load();
    let answer = (_: Response): void => {};
    server.mockReturnValueOnce(new Promise<Response>(resolve => (answer = resolve)));
    const reverting = entity.revert('2026-11-21T09:30:00.000001Z');
    host.foreign('note:one', (value: object) => ({ ...value, seats: 'bob' }));
    await vi.waitFor(() => expect(entity.get()!.seats).toBe('bob'));
    answer(cbor({ value: { title: 'one', seats: 'none' }, meta: { version: 1 } }));
    await reverting;
    await vi.waitFor(() => expect(entity.get()).toEqual({ title: 'one', seats: 'bob' }));
    expect(host.value('note:one')).toEqual({ title: 'one', seats: 'bob' });
  });

  test('a list, page after page and no further than one reads', async () => {
    const client = host.client();
    const listed = (id: string) => ({ entityId: `note:${id}`, validFrom: '2026-11-21T09:30:00.000001Z', personId: 'ann' });
    server
      .mockResolvedValueOnce(cbor({ entities: [listed('a'), listed('b')], cursor: 'after b' }))
      .mockResolvedValueOnce(cbor({ entities: [listed('c')] }));
    const read: string[] = [];
    for await (const { entityId } of client.list('note', { limit: 2 })) {
      expect(server.mock.calls.length).toBe(read.length < 2 ? 1 : 2);
      read.push(entityId);
    }
    expect(read).toEqual(['note:a', 'note:b', 'note:c']);
    expect(server.mock.calls.map(([url]) => url.slice(host.url.length))).toEqual([
      '/api/v1/entities?type=note&limit=2',
      '/api/v1/entities?type=note&limit=2&cursor=after+b',
    ]);
    client.close();
    expect(() => client.list('note')).toThrow(ClosedError);
  });

  test('what it refuses for a rule comes with the rules', async () => {
    const entity = host.client().entity('note:one');
    const violations = [{ path: '/title', message: 'at most 3 characters' }];
    server.mockResolvedValueOnce(json({ error: { code: 'invalid-value', message: 'no', violations } }, 422));
    await expect(entity.history()).rejects.toMatchObject({ code: 'invalid-value', violations });
  });

  test('a wrong address and a missing --origin are named as such', async () => {
    const client = host.client();
    server.mockResolvedValueOnce(new Response('<h1>My app</h1>', { headers: { 'content-type': 'text/html; charset=utf-8' } }));
    await expect(client.verify('a@b', '1')).rejects.toMatchObject({ code: 'wrong-server', message: expect.stringContaining(`${host.url}/login/verify answered 200`) });
    server.mockResolvedValueOnce(json({ error: { code: 'forbidden', message: 'pages of this origin may change nothing here' } }, 403));
    await expect(client.login('a@b')).rejects.toMatchObject({ code: 'foreign-origin', message: expect.stringContaining('--origin') });
    vi.stubGlobal('location', { origin: 'https://page.example' });
    server.mockImplementation(async (_, { mode }) => {
      if (mode === 'no-cors') return new Response(null);
      throw new TypeError('Failed to fetch');
    });
    await expect(client.login('a@b')).rejects.toMatchObject({ code: 'foreign-origin', message: expect.stringContaining('--origin https://page.example') });
  });

  test('fails with what the server says, or that it can not be reached', async () => {
    const entity = host.client().entity('note:one');
    server.mockResolvedValueOnce(json({ error: { code: 'not-found', message: 'none' } }, 404));
    await expect(entity.history()).rejects.toThrow(NotFoundError);
    server.mockRejectedValueOnce(new TypeError('Failed to fetch'));
    await expect(entity.history()).rejects.toThrow(NetworkError);
    server.mockResolvedValueOnce(new Response('<html>', { status: 502 }));
    await expect(entity.history()).rejects.toThrow('answered 502');
    server.mockResolvedValueOnce(new Response('\xff', { headers: { 'content-type': 'application/cbor' } }));
    await expect(entity.history()).rejects.toThrow(TimeweftError);
  });
});
