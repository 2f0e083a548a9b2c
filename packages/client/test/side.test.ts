import { expect, test } from 'vitest';
import { Side } from '../src/side.js';
import { diff } from '../src/tree/diff.js';
import { encodePatch } from '../src/tree/encode.js';
import { own } from '../src/tree/own.js';

test('what became of a command is not what was shown when it was asked for: others did something in between', () => {
  const side = new Side();
  const values = ['hello', 'he', 'he!'].map(t => own({ t }));
  const patch = (from: unknown, to: unknown) => encodePatch(diff(from, to)!.patch);
  side.begin();
  side.reset(1, values[0], 0);
  side.command('delete');
  side.outgoing();
  // Another tab's edit comes, and this tab writes on with it.
  side.show(2, patch(values[0], values[1]), undefined);
  side.edit({ patch: patch(values[1], values[2]) }, values[2], false);
  side.outgoing();
  side.show(3, encodePatch({ kind: 'map', members: new Map() }), { op: 1, unchanged: true });
  expect(side.base).toEqual({ t: 'he' });
  side.show(4, patch(values[1], values[2]), { op: 2, unchanged: true });
  expect([side.base, side.view]).toEqual([{ t: 'he!' }, { t: 'he!' }]);
});
