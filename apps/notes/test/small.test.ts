import { describe, expect, test } from 'vitest';
import { newId } from '../src/lib/id.ts';
import { colorOf, hue, initials, nameFromEmail, nameOf } from '../src/lib/person.ts';
import { address, parsed } from '../src/lib/route.ts';
import { brief, exact, millis } from '../src/lib/time.ts';

test('ids are allowed ones', () => expect(newId()).toMatch(/^[A-Za-z0-9_-]{16}$/));

describe('addresses', () => {
  test.each(['#/', '#/n/abc_-9', '#/n/abc/history'])('%s is read as it is written', (hash) => {
    expect(address(parsed(hash))).toBe(hash);
  });
  test.each(['', '#/n/', '#/n/a b', '#/n/../x', '#/n/a/other'])('%j is the list', (hash) => {
    expect(parsed(hash)).toEqual({ page: 'list' });
  });
});

describe('people', () => {
  test.each([
    ['ada', 'A'],
    ['Ada Lovelace', 'AL'],
    ['grace.m.hopper', 'GH'],
    ['élan', 'É'],
    ['…', '?'],
  ])('%s has the initials %s', (name, letters) => expect(initials(name)).toBe(letters));

  test('a hue stays the same and differs between neighbours', () => {
    expect(hue('person-1')).toBe(hue('person-1'));
    expect(hue('person-1')).not.toBe(hue('person-2'));
  });

  test('what somebody tells of themselves may be anything', () => {
    expect([undefined, null, 'Ann', { name: 7 }, { name: ' ' }].map(nameOf)).toEqual(['', '', '', '', '']);
    expect(nameOf({ name: ` ${'a'.repeat(50)}` })).toBe('a'.repeat(40));
    expect([undefined, { color: '#fff' }, { color: NaN }, { color: 360 }].map((told) => colorOf('ann', told))).toEqual(Array(4).fill(hue('ann')));
    expect(colorOf('ann', { color: 0 })).toBe(0);
  });

  test('a first name comes from the address', () => expect(nameFromEmail('ada@example.org')).toBe('ada'));
});

describe('times', () => {
  const now = new Date(2026, 10, 21, 15, 0, 0).getTime();
  const hour = 3_600_000;

  test('six digits are read to the millisecond', () => {
    expect(millis('2026-11-21T09:30:00.123456Z')).toBe(Date.UTC(2026, 10, 21, 9, 30, 0, 123));
  });

  test('lists show how long ago, then the day', () => {
    expect(brief(now - 5_000, now)).toBe('now');
    expect(brief(now - 5 * 60_000, now)).toBe('5 min');
    expect(brief(now - 20 * hour, now)).toBe('Yesterday');
    expect(brief(now - 9000 * hour, now)).toContain('2025');
  });

  test('versions show the second', () => {
    expect(exact(now - 2 * hour, now)).toMatch(/^Today, .*00/);
    expect(exact(now - 24 * hour, now)).toMatch(/^Yesterday, /);
  });
});
