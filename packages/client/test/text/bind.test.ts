// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { HomeClient } from '../../src/client.js';
import { NotFoundError, type Entity } from '../../src/index.js';
import { bindText } from '../../src/text/index.js';
import { decodePatch } from '../../src/tree/decode.js';
import type { Patch } from '../../src/tree/patch.js';
import { FakeHost } from '../fake-host.js';

interface Note {
  title: string;
  parts: { id?: string; text: string }[];
  more?: string;
}

const ID = 'note:one';
const until = (check: () => unknown) => vi.waitFor(() => expect(check()).toBeTruthy(), { interval: 2, timeout: 3_000 });

let host: FakeHost;
let client: HomeClient;
let note: Entity<Note>;
let field: HTMLTextAreaElement;
let stop: () => void;

beforeEach(async () => {
  host = new FakeHost();
  host.store(ID, { title: 'one two three', parts: [{ text: 'part' }] });
  client = host.client();
  note = client.entity(ID);
  field = document.createElement('textarea');
  document.body.replaceChildren(field);
  stop = () => {};
});
afterEach(() => {
  stop();
  host.close();
});

const bind = async (path: string | (string | number)[], into: HTMLTextAreaElement | HTMLInputElement = field, onError?: (error: Error) => void) => {
  stop = bindText(into, { entity: note, path, ...(onError && { onError }) });
  await note.load();
  await until(() => note.status === 'saved');
};

const type = (text: string, at = field.selectionStart, into: HTMLTextAreaElement | HTMLInputElement = field) => {
  into.value = into.value.slice(0, at) + text + into.value.slice(at);
  into.setSelectionRange(at + text.length, at + text.length);
  into.dispatchEvent(new Event('input'));
};

test('what is typed is in the entity, and what others type in the field, around the caret', async () => {
  await bind('title');
  expect(field.value).toBe('one two three');
  field.setSelectionRange(4, 7);
  host.foreign(ID, (value: Note) => ({ ...value, title: 'zero one two three' }));
  await until(() => field.value === 'zero one two three');
  expect(field.value.slice(field.selectionStart, field.selectionEnd)).toBe('two');
  type('!', 8);
  expect(note.get()!.title).toBe('zero one! two three');
  expect(field.selectionStart).toBe(9);
  await note.saved();
  expect((host.value(ID) as Note).title).toBe('zero one! two three');
});

test('letters that are typed between those of others stay in one piece', async () => {
  await bind('title');
  for (const [index, letter] of [...'abcdef'].entries()) {
    type(letter, index === 0 ? 3 : field.selectionStart);
    // The host of these tests merges nothing.
    await note.saved();
    host.foreign(ID, (value: Note) => ({ ...value, title: `${index}${value.title}${index}` }));
    await until(() => field.value.startsWith(String(index)));
  }
  expect(field.value).toBe('543210oneabcdef two three012345');
});

test('a letter is put in where the caret is, also beside the same letter', async () => {
  await bind('title');
  // Also after others have changed what is before it.
  type('t', 4);
  await note.saved();
  host.foreign(ID, (value: Note) => ({ ...value, title: `zero ${value.title}` }));
  await until(() => field.value === 'zero one ttwo three');
  type('t');
  await until(() => host.edits().length === 2);
  const steps = host.edits().map(edit => {
    const action = edit.type === 'edit' && edit.action;
    const patch = decodePatch((action as { patch: Uint8Array }).patch) as unknown as { members: Map<string, Patch> };
    return patch.members.get('title');
  });
  expect(steps).toEqual([{ kind: 'text', steps: [4, 't'] }, { kind: 'text', steps: [10, 't'] }]);
});

test('a text inside an array, and one that is not there yet', async () => {
  await bind(['parts', 0, 'text']);
  type('y', 4);
  expect(note.get()!.parts).toEqual([{ text: 'party' }]);
  const other = document.createElement('input');
  const stopOther = bindText(other, { entity: note, path: 'more' });
  expect(other.value).toBe('');
  type('new', 0, other);
  expect(note.get()!.more).toBe('new');
  stopOther();
});

test('an entity that is a text itself is created by typing', async () => {
  const entity = client.entity<string>('text:one');
  stop = bindText(field, { entity });
  await entity.load();
  type('hello', 0);
  expect(entity.get()).toBe('hello');
  await entity.saved();
  expect(host.value('text:one')).toBe('hello');
});

test("undo takes this tab's edit back, and the caret goes there", async () => {
  await bind('title');
  type('!?', 7);
  await note.saved();
  field.setSelectionRange(0, 0);
  field.dispatchEvent(new KeyboardEvent('keydown', { key: 'z', ctrlKey: true, cancelable: true }));
  await until(() => field.value === 'one two three');
  expect(field.selectionStart).toBe(7);
});

test('line breaks that the field shows otherwise stay what they are', async () => {
  host.foreign(ID, (value: Note) => ({ ...value, title: 'one\r\ntwo\r\nthree' }));
  await bind('title');
  // As browsers do, and happy-dom does not.
  field.value = 'one\ntwo\nthree';
  type('!', 7);
  expect(note.get()!.title).toBe('one\r\ntwo!\r\nthree');
});

test('what can not be taken stays in the field, is told, and is taken when there is a text', async () => {
  const errors: Error[] = [];
  stop = bindText(field, { entity: note, path: 'title', onError: error => errors.push(error) });
  type('typed early, ', 0);
  expect(errors).toEqual([expect.any(NotFoundError)]);
  await until(() => note.get()?.title === 'typed early, one two three');
  expect(field.value).toBe('typed early, one two three');
  await note.saved();
  expect((host.value(ID) as Note).title).toBe('typed early, one two three');
  expect(errors).toHaveLength(1);
});

test('of what is deleted, or of a person who has signed out, nothing is left to see', async () => {
  await bind('title');
  note.delete();
  await until(() => field.value === '');
  note.undelete();
  await until(() => field.value === 'one two three');
  host.crash();
  host.start({ me: null, status: 'signed-out' });
  await until(() => field.value === '');
});

test('nothing is heard and nothing shown after the end', async () => {
  await bind('title');
  stop();
  type('!', 0);
  host.foreign(ID, (value: Note) => ({ ...value, title: 'theirs' }));
  await note.load();
  await until(() => note.status === 'saved');
  expect((host.value(ID) as Note).title).toBe('theirs');
  expect(field.value).toBe('!one two three');
});

test('whoever is in a field goes on in the element that they began in, wherever it is moved; a field that nobody is in shows what is at its place', async () => {
  note.set({ title: '', parts: [{ id: 'a', text: 'tea' }, { id: 'b', text: 'milk' }] } as Note);
  await bind(['parts', 1, 'text']);
  field.focus();
  type(' and', 4);
  note.update(draft => void draft.parts.unshift({ id: 'n', text: 'new' }));
  expect(field.value).toBe('milk and');
  type(' honey', 8);
  note.update(draft => void draft.parts.reverse());
  expect(field.value).toBe('milk and honey');
  expect(note.get()!.parts.map(({ text }) => text)).toEqual(['milk and honey', 'tea', 'new']);
  field.blur();
  expect(field.value).toBe('tea');
  note.update(draft => void draft.parts.shift());
  expect(field.value).toBe('new');
});

test('what is typed into an element that is gone goes nowhere else, and that is said', async () => {
  note.set({ title: '', parts: [{ id: 'a', text: 'tea' }, { id: 'b', text: 'milk' }] } as Note);
  const told: string[] = [];
  await bind(['parts', 0, 'text'], field, error => told.push(error.name));
  field.focus();
  note.update(draft => void draft.parts.shift());
  type('mine');
  expect(note.get()!.parts).toEqual([{ id: 'b', text: 'milk' }]);
  expect(told).toEqual(['NotFoundError']);
  expect(field.value.replace('tea', '')).toBe('mine');
  // Nor when nobody is in the field any more.
  field.blur();
  expect(field.value).toBe('milk');
  expect(note.get()!.parts).toEqual([{ id: 'b', text: 'milk' }]);
  expect(told).toHaveLength(1);
});

test('a text in a `Map` is under its key', async () => {
  note.set({ title: '', texts: new Map([['k', { t: 'tea' }]]), words: new Map([[1, 'milk']]) } as never);
  for (const [path, shown] of [[['texts', 'k', 't'], 'tea'], [['words', 1], 'milk'], [['words', 2], '']] as [(string | number)[], string][]) {
    await bind(path);
    expect(field.value).toBe(shown);
    type('!', shown.length);
    stop();
  }
  expect(note.get()).toMatchObject({ texts: new Map([['k', { t: 'tea!' }]]), words: new Map([[1, 'milk!'], [2, '!']]) });
});

test('an element that is deleted and comes back takes what was typed meanwhile', async () => {
  note.set({ title: '', parts: [{ id: 'a', text: 'tea' }, { id: 'b', text: 'milk' }] } as Note);
  const told: string[] = [];
  await bind(['parts', 1, 'text'], field, error => told.push(error.name));
  field.focus();
  note.update(draft => void draft.parts.splice(0, 2, { id: 'n', text: 'new' }));
  type('!', 4);
  expect(told).toEqual(['NotFoundError']);
  note.update(draft => void draft.parts.push({ id: 'b', text: 'milk' }));
  type('?', 5);
  expect(note.get()!.parts.map(({ text }) => text)).toEqual(['new', 'milk!?']);
  expect(told).toHaveLength(1);
  field.blur();
});

test('an element without a name is followed too, and nothing is typed into another', async () => {
  const words = (...words: string[]) => words;
  const texts = (...words: string[]) => words.map(text => ({ text }));
  const rows = (...words: string[]) => words.map(text => [text]);
  for (const [of, path] of [[words, []], [texts, ['text']], [rows, [0]]] as const) {
    const first = of('one ', 'two ', 'three ') as unknown[];
    const cases: [change: (list: unknown[]) => void, wanted: unknown[]][] = [
      [list => void list.splice(1, 1), of('one ', 'three ')],
      [list => void list.unshift(of('new ')[0]), of('new ', 'one ', 'two ABCD', 'three ')],
      [list => void list.push(list.splice(1, 1)[0]), of('one ', 'three ', 'two ABCD')],
      [list => void list.push(list.shift()), of('two ABCD', 'three ', 'one ')],
    ];
    for (const [change, wanted] of cases) {
      note.set({ title: '', parts: first } as never);
      const told: string[] = [];
      await bind(['parts', 1, ...path], field, error => told.push(error.name));
      field.focus();
      type('AB', 4);
      await until(() => note.status === 'saved');
      host.foreign(ID, (value: Note) => {
        const parts = structuredClone(value.parts) as unknown[];
        change(parts);
        return { ...value, parts };
      });
      const there = () => note.get()!.parts as unknown[];
      await until(() => there().length !== 3 || JSON.stringify(there()[1]) !== JSON.stringify(of('two AB')[0]));
      type('CD', 6);
      expect(there()).toEqual(wanted);
      expect(told).toEqual(wanted.length < 3 ? ['NotFoundError'] : []);
      field.blur();
      stop();
    }
  }
});

test('what is no text is not written over', async () => {
  const errors: Error[] = [];
  for (const path of [[], 'parts', ['parts', 0]]) {
    await bind(path as never, field, error => errors.push(error));
    field.value = 'Z';
    field.dispatchEvent(new Event('input'));
    stop();
  }
  expect(errors.map(error => error.message)).toEqual([
    expect.stringContaining('at [] is no text'), expect.stringContaining('at ["parts"] is no text'), expect.stringContaining('at ["parts",0] is no text'),
  ]);
  expect(note.get()).toEqual({ title: 'one two three', parts: [{ text: 'part' }] });
});

test('what is no field is said, and what would be', () => {
  for (const none of [null, document.body, Object.assign(document.createElement('input'), { type: 'number' })]) {
    expect(() => bindText(none as never, { entity: note, path: 'title' })).toThrow('takes a textarea or an input of text, not');
  }
  for (const none of [undefined, { path: 'title' }, { entity: ID }]) {
    expect(() => bindText(field, none as never)).toThrow('takes { entity, path }');
  }
});
