// @vitest-environment happy-dom

import { flushSync, mount, unmount } from 'svelte';
import { ForbiddenError, InvalidValueError, type Choice, type Conflict, type TimeweftError } from 'timeweft';
import { afterEach, expect, test } from 'vitest';
import Refused from '../src/lib/Refused.svelte';

const current = { title: 'Tea', blob: 'one two three', starred: true };
let stop: (() => unknown) | undefined;

function shown(mine: unknown, error: TimeweftError, { isThere = true } = {}) {
  const now = isThere ? current : undefined;
  const chosen: Choice[] = [];
  const conflict = { id: 1, path: [], base: now, mine, theirs: now, meta: undefined, error, resolve: (choice: Choice) => chosen.push(choice) };
  const component = mount(Refused, { target: document.body, props: { conflict: conflict as unknown as Conflict, current: now } });
  flushSync();
  stop = () => unmount(component);
  const fields = () => [...document.querySelectorAll('textarea')];
  const press = (name: string) => [...document.querySelectorAll('button')].find((button) => button.textContent === name)?.click();
  return { chosen, fields, press };
}

afterEach(() => stop?.());

test('what breaks a rule is shown beside the rule, and saved when it is mended', () => {
  const violations = [
    { path: '/title', message: 'at most 3 characters' },
    { path: '', message: 'no more than two members' },
  ];
  const { chosen, fields, press } = shown({ ...current, title: 'Coffee' }, new InvalidValueError('invalid-value', 'no', { violations }));
  expect(fields().map((field) => [field.value, field.getAttribute('aria-invalid')])).toEqual([['Coffee', 'true']]);
  expect(document.getElementById(fields()[0]?.getAttribute('aria-describedby') ?? '')?.textContent).toBe('at most 3 characters');
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(document.body.textContent).toContain('no more than two members');
  const [title] = fields() as [HTMLTextAreaElement];
  title.value = 'Pot';
  title.dispatchEvent(new Event('input', { bubbles: true }));
  press('Save this');
  expect(chosen).toEqual([{ value: { title: 'Pot', blob: 'one two three', starred: true } }]);
});

test('what was refused for another reason is shown too, and can be given up', () => {
  const { chosen, fields, press } = shown({ title: 'Tea', blob: 'one two' }, new ForbiddenError('forbidden', 'no'));
  expect(fields().map(({ value }) => value)).toEqual(['one two']);
  expect(document.body.textContent).toContain('You may not do that here.');
  press('Give it up');
  expect(chosen).toEqual(['theirs']);
});

test('of a note that could not be made, all is shown', () => {
  const { chosen, fields, press } = shown({ title: 'Coffee', blob: 'x' }, new InvalidValueError('invalid-value', 'no'), { isThere: false });
  expect(fields().map(({ value }) => value)).toEqual(['Coffee', 'x']);
  press('Save this');
  expect(chosen).toEqual([{ value: { title: 'Coffee', blob: 'x' } }]);
});

test('a new note whose title may not be empty can be given one', () => {
  const violations = [{ path: '/title', message: 'at least 1 character' }];
  const { fields } = shown({ title: '', blob: '' }, new InvalidValueError('invalid-value', 'no', { violations }), { isThere: false });
  expect(fields().map((field) => [field.value, field.getAttribute('aria-invalid')])).toEqual([['', 'true'], ['', 'false']]);
});

test('what was there before can be mended where a rule that came later is against it', () => {
  const violations = [{ path: '/title', message: 'at least 4 characters' }];
  const { chosen, fields, press } = shown({ ...current, blob: 'one' }, new InvalidValueError('invalid-value', 'no', { violations }));
  expect(fields().map(({ value }) => value)).toEqual(['Tea', 'one']);
  const [title] = fields() as [HTMLTextAreaElement];
  title.value = 'Green tea';
  title.dispatchEvent(new Event('input', { bubbles: true }));
  press('Save this');
  expect(chosen).toEqual([{ value: { title: 'Green tea', blob: 'one', starred: true } }]);
});
