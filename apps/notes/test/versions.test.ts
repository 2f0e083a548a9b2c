import { describe, expect, test } from 'vitest';
import { Versions } from '../src/lib/versions.svelte.ts';
import { PastServer, written, type Made } from './past-server.ts';

const always = () => true;

function opened(made: Made[]): { server: PastServer; versions: Versions } {
  const server = new PastServer(made);
  const versions = new Versions(server);
  versions.add(server.newest);
  return { server, versions };
}

const even = written(5_000, () => 1_000_000);
// Half of it in a second, months after the first and long ago; then one a day.
const uneven = written(5_000, (version) => (version === 2 ? 1e13 : version < 2_500 ? 400 : version < 2_600 ? 8.64e10 : 1_000));
// Now slower, now faster.
const varied = written(5_000, (version) => 1_000_000 * (version < 700 ? 5 : version < 3_000 ? 1 : version < 4_500 ? 12 : 2));
const gaps = even.filter(({ version }) => version > 4_000 || version % 97 === 7);

describe('a version is found wherever it is', () => {
  test.each([
    ['evenly written', even, 2, 401],
    ['at a varying pace', varied, 9, 2_300],
    ['in bursts', uneven, 18, 2_800],
  ])('%s, in few requests', async (_, made, most, size) => {
    for (const number of [1, 2, 17, 650, 2_400, 2_550, 2_610, 4_321, 4_999, 5_000]) {
      const { server, versions } = opened(made);
      expect((await versions.find(number, false, always))?.version).toBe(number);
      expect(server.asked.length, `for ${number}`).toBeLessThanOrEqual(most);
      expect(versions.list.length, `for ${number}`).toBeLessThanOrEqual(size);
    }
  });

  test('where numbers have gaps it is the one before, or the one after', async () => {
    const { versions } = opened(gaps);
    expect((await versions.find(3_000, false, always))?.version).toBe(2_917);
    expect((await versions.find(3_000, true, always))?.version).toBe(3_014);
    expect((await versions.find(3_014, true, always))?.version).toBe(3_014);
    expect((await versions.find(1, false, always))?.version).toBe(7);
    expect((await versions.find(1, true, always))?.version).toBe(7);
  });

  test('what is known is not asked for again', async () => {
    const { server, versions } = opened(even);
    await versions.find(2_500, false, always);
    const before = server.asked.length;
    expect((await versions.find(2_499, false, always))?.version).toBe(2_499);
    expect(versions.known(2_450)?.version).toBe(2_450);
    expect(versions.known(100)).toBeUndefined();
    expect(server.asked.length).toBe(before);
  });

  test('not any longer than it is wanted', async () => {
    const { server, versions } = opened(uneven);
    let turns = 2;
    expect(await versions.find(1_000, false, () => turns-- > 0)).toBeUndefined();
    expect(server.asked.length).toBe(2);
  });
});

test('versions that the server has put together since are forgotten', async () => {
  const { server, versions } = opened(even);
  await versions.find(1, true, always);
  expect(versions.known(50)?.version).toBe(50);
  server.made = even.filter(({ version }) => version > 150 || version % 10 === 0);
  await versions.find(300, false, always);
  expect((await versions.find(155, false, always))?.version).toBe(155);
  expect(versions.known(55)?.version).toBe(50);
});

test('a new version follows the newest, and where some were missed they are loaded', async () => {
  const { server, versions } = opened(even.slice(0, 100));
  await versions.find(99, false, always);
  server.made = even.slice(0, 101);
  versions.add(server.newest);
  expect(versions.known(101)?.version).toBe(101);
  expect(versions.known(100)?.validTo).toBe(server.newest.validFrom);
  server.made = even.slice(0, 105);
  versions.add(server.newest);
  versions.add(server.newest);
  expect(versions.known(103)).toBeUndefined();
  expect((await versions.find(103, false, always))?.version).toBe(103);
});

test('the version of a time, of deletions too, and the first for what was before it', async () => {
  const { versions } = opened(even.map((one) => ({ ...one, deleted: one.version === 7 })));
  const at = (version: number) => Math.ceil((even[version - 1] as Made).at / 1000);
  expect(await versions.at(at(7), always)).toMatchObject({ version: 7, deleted: true });
  expect(await versions.at(at(2_000) + 500, always)).toMatchObject({ version: 2_000 });
  expect((await versions.at(0, always))?.version).toBe(1);
  expect((await versions.at(Date.UTC(2027, 0), always))?.version).toBe(5_000);
});

test('an overview takes a few versions of each part', async () => {
  const { server, versions } = opened(even);
  await versions.survey(40, () => Promise.resolve(true));
  const parts = new Set(versions.list.map(({ version }) => Math.floor((version - 1) / 125)));
  expect(parts.size).toBe(40);
  expect(server.asked.length).toBeLessThan(50);
  expect(versions.list.length).toBeLessThan(1_500);
});
