// The procedures as types, through the unmodified `@trpc/client`; `tests/trpc` calls them on a server.

import { createTRPCClient, httpBatchLink, httpLink, type TRPCClientErrorLike } from '@trpc/client';
import type { inferRouterInputs, inferRouterOutputs } from '@trpc/server';
import { expectTypeOf, test } from 'vitest';
import * as code from '../src/trpc/index.js';
import type { Note, NotePage, NoteVersion, NotesRouter } from '../src/trpc/index.js';

const client = () => createTRPCClient<NotesRouter>({ links: [httpBatchLink({ url: '/api/v1' })] });
type Client = ReturnType<typeof client>;

test('what procedures take and give is known', () => {
  expectTypeOf<Client['getNote']['query']>().returns.resolves.toEqualTypeOf<Note>();
  expectTypeOf<Client['listNotes']['query']>().returns.resolves.toEqualTypeOf<NotePage>();
  expectTypeOf<Client['noteHistory']['query']>().returns.resolves.toEqualTypeOf<NoteVersion[]>();
  expectTypeOf<Client['createNote']['mutate']>().parameter(0).toEqualTypeOf<{ id?: string | undefined; title: string; blob: string }>();
  expectTypeOf<Client['deleteNote']['mutate']>().returns.resolves.toEqualTypeOf<Note>();
  expectTypeOf<inferRouterOutputs<NotesRouter>['updateNote']>().toEqualTypeOf<Note>();
  expectTypeOf<inferRouterInputs<NotesRouter>['revertNote']>().toEqualTypeOf<{ id: string; version: number }>();
  expectTypeOf<NonNullable<TRPCClientErrorLike<NotesRouter>['data']>['httpStatus']>().toBeNumber();
  expectTypeOf(httpLink<NotesRouter>).toBeCallableWith({ url: '/api/v1', methodOverride: 'POST' });
});

test('what is wrong is an error', () => {
  const wrong = (notes: Client) => [
    notes.listNotes.query(),
    // @ts-expect-error a mutation is no query
    notes.createNote.query({ title: '', blob: '' }),
    // @ts-expect-error `blob` is missing
    notes.createNote.mutate({ title: '' }),
    // @ts-expect-error versions are numbers
    notes.revertNote.mutate({ id: 'n', version: '1' }),
    // @ts-expect-error there is no such procedure
    notes.makeNote.mutate({}),
  ];
  expectTypeOf(wrong).toBeFunction();
});

test('they are nothing but types', ({ expect }) => {
  expect(Object.keys(code)).toEqual([]);
});
