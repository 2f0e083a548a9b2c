// @vitest-environment happy-dom
import { afterEach, expect, test, vi } from 'vitest';
import { FakeHost } from './fake-host.js';

const host = new FakeHost();
const until = (check: () => unknown) => vi.waitFor(() => expect(check()).toBeTruthy(), { interval: 2, timeout: 3_000 });

afterEach(() => host.close());

test('a page that was asleep asks for what it missed', async () => {
  host.store('note:one', { title: 'before' });
  const client = host.client();
  const entity = client.entity<{ title: string }>('note:one');
  const stop = entity.subscribe(() => {});
  await until(() => entity.status === 'saved');
  await new Promise(resolve => setTimeout(resolve, 25));
  const replica = host.replicas.get('note:one')!;
  host.forget(client.tab, 'note:one');
  // Nobody is told of this one.
  replica.value = { title: 'meanwhile' };
  replica.seq += 1;
  dispatchEvent(new Event('pageshow'));
  await until(() => entity.get()!.title === 'meanwhile');
  stop();
});
