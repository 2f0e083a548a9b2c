import { expect, test } from 'vitest';

test('nothing needs a window to be imported', async () => {
  expect(typeof globalThis.window).toBe('undefined');
  const { createClient } = await import('../src/index.js');
  const svelte = await import('../src/svelte/index.js');
  await import('../src/react/index.js');
  const entity = createClient({ url: 'https://example.com' }).entity('note:one');
  const seen: unknown[] = [];
  svelte.writable(entity).subscribe(value => seen.push(value))();
  expect(seen).toEqual([undefined]);
  expect(svelte.fromEntity(entity).current).toBeUndefined();
});
