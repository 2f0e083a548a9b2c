import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { browser, settle, tidy, URL_ } from './fakes.js';

const { lead, stop } = vi.hoisted(() => ({ lead: vi.fn(), stop: vi.fn() }));
vi.mock('../../src/lead.js', () => ({ lead }));

interface Port {
  onmessage?: (event: { data: unknown }) => void;
  postMessage: ReturnType<typeof vi.fn>;
}

const connect = (): Port => {
  const port: Port = { postMessage: vi.fn() };
  (globalThis as unknown as { onconnect(event: unknown): void }).onconnect({ ports: [port] });
  return port;
};

beforeEach(async () => {
  browser();
  vi.stubGlobal('onconnect', undefined);
  vi.resetModules();
  stop.mockReset();
  lead.mockReset().mockReturnValue({ started: Promise.resolve(), stop });
  await import('../../src/worker.js');
});
afterEach(tidy);

test('a host is started once per server, and every tab is told', async () => {
  const ports = [connect(), connect()];
  for (const port of ports) port.onmessage?.({ data: { type: 'start', url: URL_ } });
  ports[0]?.onmessage?.({ data: { type: 'start', url: 'https://other.example' } });
  await settle();
  expect(lead.mock.calls).toEqual([[URL_], ['https://other.example']]);
  expect(ports[1]?.postMessage.mock.calls).toEqual([[{ type: 'started', url: URL_ }]]);
  expect(ports[0]?.postMessage).toHaveBeenCalledTimes(2);
});

test('a host that can not be started is tried again for the next tab', async () => {
  lead.mockReturnValueOnce({ started: Promise.reject(new Error('no wasm')), stop });
  const port = connect();
  port.onmessage?.({ data: { type: 'start', url: URL_ } });
  await settle();
  expect(port.postMessage.mock.calls).toEqual([[{ type: 'failed', url: URL_, message: 'Error: no wasm' }]]);
  // It is the tab's turn to try.
  expect(stop).toHaveBeenCalledTimes(1);
  port.onmessage?.({ data: { type: 'start', url: URL_ } });
  await settle();
  expect(port.postMessage).toHaveBeenLastCalledWith({ type: 'started', url: URL_ });
});

test('what is no request to start is not answered', async () => {
  const port = connect();
  port.onmessage?.({ data: undefined });
  port.onmessage?.({ data: 'hello' });
  await settle();
  expect(lead).not.toHaveBeenCalled();
});
