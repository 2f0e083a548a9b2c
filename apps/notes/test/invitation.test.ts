// @vitest-environment happy-dom

import { ForbiddenError, NetworkError, NotFoundError, type Client } from 'timeweft';
import { beforeEach, expect, test, vi } from 'vitest';
import { Invitation } from '../src/lib/invitation.svelte.ts';
import type { Teams } from '../src/lib/teams.svelte.ts';
import { toasts } from '../src/lib/toasts.svelte.ts';

/** The page, opened at that address by somebody whose invitation comes to that. */
function opened(address: string, outcome: () => Promise<unknown>) {
  history.replaceState(null, '', address);
  const invitation = new Invitation();
  const accept = vi.fn(outcome);
  const teams = { choose: vi.fn() };
  const notebook = { include: vi.fn(), refresh: vi.fn(async () => undefined), teams: teams as unknown as Teams };
  const client = { accept, me: { personId: 'ann', email: 'ann@example.org' } } as unknown as Client;
  return { invitation, accept, notebook, teams, come: () => invitation.accept(client, notebook) };
}

beforeEach(() => {
  for (const { id } of toasts.list) toasts.dismiss(id);
});

test('it is accepted once, what it is for is opened, and it goes from the address', async () => {
  const { come, accept, notebook } = opened('/?a=b&invitation=org.secret#/', async () => ({ entityId: 'page:plan', role: 'editor' }));
  await Promise.all([come(), come()]);
  await come();
  expect(accept.mock.calls).toEqual([['org.secret']]);
  expect(notebook.include).toHaveBeenCalledWith('plan');
  expect(notebook.refresh).toHaveBeenCalled();
  expect(location.search + location.hash).toBe('?a=b#/n/plan');
});

test('one to a team is accepted, and its notebook is what is shown', async () => {
  const { come, teams, notebook } = opened('/?invitation=org.secret#/', async () => ({ entityId: 'org:kitchen', role: 'editor' }));
  await come();
  expect(teams.choose).toHaveBeenCalledWith('org:kitchen');
  expect(notebook.include).not.toHaveBeenCalled();
  expect(notebook.refresh).toHaveBeenCalled();
});

test('what is no note is accepted, and the list is asked for again', async () => {
  const { come, notebook } = opened('/?invitation=org.secret', async () => ({ role: 'viewer' }));
  await come();
  expect(notebook.include).not.toHaveBeenCalled();
  expect(notebook.refresh).toHaveBeenCalled();
  expect(location.search).toBe('');
});

test('without a connection it waits', async () => {
  const { come, invitation } = opened('/?invitation=org.secret', () => Promise.reject(new NetworkError('network', 'no')));
  await come();
  expect(invitation.token).toBe('org.secret');
  expect(location.search).toBe('?invitation=org.secret');
  expect(toasts.list).toEqual([]);
});

test.each([
  [() => new NotFoundError('not-found', 'no'), /not valid any more/],
  [() => new ForbiddenError('forbidden', 'no'), /another address than ann@example.org/],
])('what can not be accepted is said, and goes from the address', async (error, said) => {
  const { come } = opened('/?invitation=org.secret', () => Promise.reject(error()));
  await come();
  expect(location.search).toBe('');
  expect(toasts.list[0]?.text).toMatch(said);
});

test('a link leads to the page that it was made in', () => {
  const { invitation } = opened('/notes/?x=y#/n/plan', async () => ({}));
  expect(invitation.link('org.se/cret')).toBe(`${location.origin}/notes/?invitation=org.se%2Fcret`);
});
