import { ForbiddenError, NetworkError, type People, type Role } from 'timeweft';
import { expect, test } from 'vitest';
import { Sharing, type Shared } from '../src/lib/sharing.svelte.ts';

/** A note that is shared, in memory; what it is asked for. */
function shared(refusal?: Error) {
  const asked: unknown[] = [];
  const people: People['people'] = [{ personId: 'ann', role: 'admin', public: { name: 'Ann' } }];
  const ask = async (what: unknown): Promise<unknown> => {
    asked.push(what);
    if (what === 'people') return { role: 'admin', people };
    if (refusal) throw refusal;
    const { link, email, role } = what as { link?: true; email?: string; role?: Role };
    if (link || email) return { id: `id-${role}`, token: `token-${role}`, role, expiresAt: '2026-12-01T00:00:00.000000Z' };
    return undefined;
  };
  const note = { people: () => ask('people'), share: ask, unshare: ask } as unknown as Shared;
  const met: unknown[] = [];
  const sharing = new Sharing(note, { meet: (them) => met.push(...them) });
  return { sharing, asked, met };
}

test('every change is followed by a look at who has the note now, and who they are', async () => {
  const { sharing, asked, met } = shared();
  expect(await sharing.give('bob', 'viewer')).toBe(true);
  await sharing.take('bob');
  await sharing.everybody('viewer');
  await sharing.everybody(undefined);
  expect(asked).toEqual([
    { personId: 'bob', role: 'viewer' },
    'people',
    { personId: 'bob' },
    'people',
    { everybody: true, role: 'viewer' },
    'people',
    { everybody: true },
    'people',
  ]);
  expect(sharing.people?.role).toBe('admin');
  expect(met[0]).toMatchObject({ personId: 'ann', public: { name: 'Ann' } });
});

test('two changes at once are made one after the other', async () => {
  const { sharing, asked } = shared();
  await Promise.all([sharing.give('bob', 'viewer'), sharing.give('bob', 'editor')]);
  expect(asked).toEqual([{ personId: 'bob', role: 'viewer' }, 'people', { personId: 'bob', role: 'editor' }, 'people']);
});

test('a link is shown until another is made, or it is withdrawn', async () => {
  const { sharing } = shared();
  await sharing.link('viewer');
  expect(sharing.made).toEqual({ id: 'id-viewer', token: 'token-viewer' });
  await sharing.invite('bob@example.org', 'editor');
  expect(sharing.made).toEqual({ id: 'id-editor', token: 'token-editor', email: 'bob@example.org' });
  await sharing.withdraw('another');
  expect(sharing.made).toBeDefined();
  await sharing.withdraw('id-editor');
  expect(sharing.made).toBeUndefined();
});

test('who leaves does not look back', async () => {
  const { sharing, asked } = shared();
  expect(await sharing.leave('ann')).toBe(true);
  expect(asked).toEqual([{ personId: 'ann' }]);
});

test.each([
  [new ForbiddenError('forbidden', 'no'), /may not do that/],
  [new NetworkError('network', 'no'), /needs a connection/],
])('what goes wrong is said in plain words, and not any more once something works', async (error, said) => {
  const { sharing } = shared(error);
  expect(await sharing.give('bob', 'viewer')).toBe(false);
  expect(sharing.failure).toMatch(said);
  await sharing.look();
  expect(sharing.failure).toBe('');
});
