// @vitest-environment happy-dom

import { beforeEach, describe, expect, test } from 'vitest';
import { TextField } from '../../src/text/field.js';

let field: HTMLTextAreaElement;
let binding: TextField;
let store: string;
let steps: string[];

beforeEach(() => {
  field = document.createElement('textarea');
  document.body.replaceChildren(field);
  steps = [];
  store = '';
  binding = new TextField(field, {
    edit: change => ((store = change(store)), true),
    undo: () => steps.push('undo') > 0,
    redo: () => steps.push('redo') > 0,
  });
});

function remote(text: string): void {
  store = text;
  binding.show(text);
}

function type(text: string, at = field.selectionStart): void {
  field.value = field.value.slice(0, at) + text + field.value.slice(at);
  field.setSelectionRange(at + text.length, at + text.length);
  field.dispatchEvent(new Event('input'));
}

function press(key: string, how: KeyboardEventInit = {}): boolean {
  return field.dispatchEvent(new KeyboardEvent('keydown', { key, cancelable: true, ...how }));
}

test('what others write moves the caret along and leaves what is selected selected', () => {
  remote('one two three');
  field.setSelectionRange(4, 7);
  remote('zero one two three four');
  expect(field.value).toBe('zero one two three four');
  expect([field.selectionStart, field.selectionEnd]).toEqual([9, 12]);
});

test('what is typed over something that begins with the same letter is in one piece', () => {
  remote('The quick brown');
  field.setSelectionRange(4, 9);
  field.dispatchEvent(new InputEvent('beforeinput', { inputType: 'insertText', data: 'q' }));
  field.value = 'The q brown';
  field.setSelectionRange(5, 5);
  field.dispatchEvent(new Event('input'));
  expect(store).toBe('The q brown');
  binding.show(store);
  remote('The qBBB brown');
  type('uaint');
  expect([store, field.selectionStart]).toEqual(['The quaintBBB brown', 10]);
});

test('what is typed is stored, and coming back leaves the field alone', () => {
  remote('one');
  type(' two', 3);
  expect(store).toBe('one two');
  binding.show(store);
  expect([field.value, field.selectionStart]).toEqual(['one two', 7]);
});

test('what is typed before the newest text is shown is a change of the newest', () => {
  remote('one two');
  store = 'zero one two';
  type('!', 7);
  expect(store).toBe('zero one two!');
  binding.show(store);
  expect([field.value, field.selectionStart]).toEqual(['zero one two!', 13]);
});

test('while text is composed the field is left alone; then both are there', () => {
  remote('one two');
  field.setSelectionRange(3, 3);
  field.dispatchEvent(new Event('compositionstart'));
  type('に');
  remote('zero one two');
  expect(field.value).toBe('oneに two');
  field.value = 'one日 two';
  field.setSelectionRange(4, 4);
  field.dispatchEvent(new Event('input'));
  field.dispatchEvent(new Event('compositionend'));
  expect(store).toBe('zero one日 two');
  binding.show(store);
  expect([field.value, field.selectionStart]).toEqual(['zero one日 two', 9]);
});

describe.each([
  ['forwards', 'in what others wrote', 'jan', 0, remote],
  ['backwards', 'in what others wrote', 'naj', -1, remote],
  ['forwards', 'in the middle of what the same person wrote', 'jan', 0, (text: string) => type(text)],
  ['backwards', 'in the middle of what the same person wrote', 'naj', -1, (text: string) => type(text)],
])('what is written %s %s stays in one piece', (_way, _where, run, step, put) => {
  const write = (letter: string) => {
    type(letter);
    const caret = field.selectionStart + step;
    field.setSelectionRange(caret, caret);
  };
  /** Others write where the caret is. */
  const beside = (text: string) => {
    const caret = field.selectionStart;
    return `${store.slice(0, caret)}${text}${store.slice(caret)}`;
  };

  beforeEach(() => {
    put('<>');
    binding.show(store);
    field.setSelectionRange(1, 1);
  });

  test('where others insert right beside it', () => {
    for (const letter of 'jan') {
      write(letter);
      binding.show(store);
      remote(beside(letter.toUpperCase()));
    }
    expect(store).toContain(run);
  });

  test('where what others insert beside it is not shown yet', () => {
    write('j');
    binding.show(store);
    store = beside('X');
    write('a');
    binding.show(store);
    write('n');
    expect(store).toContain(run);
    expect(store).toHaveLength(6);
  });

  test('also where a part of it was deleted since', () => {
    for (const letter of 'jxa') write(letter);
    remote(store.replace('x', ''));
    remote(beside('Y'));
    write('n');
    expect(store).toContain(run);
  });
});

test('undo and redo are asked for, and the browser does none', () => {
  expect(press('z', { ctrlKey: true })).toBe(false);
  expect(press('Z', { ctrlKey: true, shiftKey: true })).toBe(false);
  expect(press('y', { ctrlKey: true })).toBe(false);
  expect(press('z', { metaKey: true })).toBe(false);
  expect(press('z')).toBe(true);
  expect(steps).toEqual(['undo', 'redo', 'redo', 'undo']);
});

test('after an undo the caret is where something changed', () => {
  remote('one two three');
  field.setSelectionRange(13, 13);
  press('z', { ctrlKey: true });
  remote('one 2 three');
  expect(field.selectionStart).toBe(5);
});

test.each([
  ['half of a pair that is typed', 'a🙂b', 'a🙂\ud83db', 4, 'a🙂\ufffdb'],
  ['half of a pair that is deleted', 'a🙂b', 'a\ud83db', 2, 'a\ufffdb'],
  ['a whole pair beside others', '🙂🙂', '🙂🙃🙂', 4, '🙂🙃🙂'],
])('%s is stored as text that can be kept', (_, before, typed, caret, after) => {
  remote(before);
  field.value = typed;
  field.setSelectionRange(caret, caret);
  field.dispatchEvent(new Event('input'));
  expect(store).toBe(after);
});

test('a key in a text of a megabyte costs milliseconds', () => {
  const long = 'The quick brown fox jumps over the lazy dog. '.repeat(25_000);
  remote(long);
  const began = performance.now();
  for (let n = 0; n < 10; n += 1) {
    type('x', 500_000 + n);
    binding.show(store);
  }
  expect(performance.now() - began).toBeLessThan(12_000);
  expect(store).toHaveLength(long.length + 10);
});
