/**
 * tRPC: the server's procedures for notes as types, for the unmodified `@trpc/client` 11. Nothing here is code, and nothing of
 * `@trpc/server`, whose types these are made of, comes into a page by it.
 */

import type { TRPCBuiltRouter, TRPCDefaultErrorShape, TRPCMutationProcedure, TRPCQueryProcedure } from '@trpc/server';

/** A version of a note, as the procedures and the socket `/ws/note/{id}` give it. */
export interface Note {
  /** What follows `note:` in the id of its entity. */
  readonly id: string;
  /** Counts from 1. */
  readonly version: number;
  /** `''` where the value has no such text. */
  readonly title: string;
  /** `''` where the value has no such text. */
  readonly blob: string;
  /** When the first version began: ISO 8601 with six fractional digits. */
  readonly createdAt: string;
  /** When this version began. */
  readonly updatedAt: string;
  /** Whether this version is a deletion. */
  readonly deleted: boolean;
}

/** One version in the history of a note. */
export interface NoteVersion {
  /** Counts from 1. */
  readonly version: number;
  /** What the note was called. */
  readonly title: string;
  /** When this version began. */
  readonly updatedAt: string;
  /** Who made it. */
  readonly personId: string;
}

/** A page of notes. */
export interface NotePage {
  /** In an order that does not change; without those that are deleted. */
  readonly notes: Note[];
  /** To go on with; absent on the last page. */
  readonly cursor?: string;
}

/**
 * What a socket at `/ws/note/{id}` sends: the note as it is when the socket opens, if it is there, and then after every change.
 *
 * @example
 * const socket = new WebSocket('/ws/note/note-123');
 * socket.onmessage = ({ data }) => {
 *   const { type, data: note }: NoteMessage = JSON.parse(data);
 *   console.log(type, note.title);
 * };
 */
export interface NoteMessage {
  /** What happened; a deletion is an update. */
  readonly type: 'initial' | 'create' | 'update' | 'revert';
  /** The note since then. */
  readonly data: Note;
}

type Query<Input, Output> = TRPCQueryProcedure<{ meta: object; input: Input; output: Output }>;
type Mutation<Input, Output> = TRPCMutationProcedure<{ meta: object; input: Input; output: Output }>;

/** What can be called. */
type Procedures = {
  createNote: Mutation<{ id?: string | undefined; title: string; blob: string }, Note>;
  updateNote: Mutation<{ id: string; title?: string | undefined; blob?: string | undefined; version?: number | undefined }, Note>;
  revertNote: Mutation<{ id: string; version: number }, Note>;
  deleteNote: Mutation<{ id: string }, Note>;
  getNote: Query<{ id: string; version?: number | undefined }, Note>;
  listNotes: Query<{ limit?: number | undefined; cursor?: string | undefined } | void, NotePage>;
  noteHistory: Query<{ id: string; limit?: number | undefined; before?: string | undefined }, NoteVersion[]>;
};

/**
 * The server's procedures: `createNote`, `updateNote`, `revertNote` and `deleteNote` are mutations, `getNote`, `listNotes` and
 * `noteHistory` queries. With a `version`, `updateNote` starts from that one, and what others changed since is merged or a `CONFLICT`.
 *
 * @example
 * import { createTRPCClient, httpBatchLink } from '@trpc/client';
 * import type { NotesRouter } from 'timeweft/trpc';
 *
 * const notes = createTRPCClient<NotesRouter>({ links: [httpBatchLink({ url: '/api/v1' })] });
 * const note = await notes.getNote.query({ id: 'note-123' });
 */
export type NotesRouter = TRPCBuiltRouter<
  { ctx: object; meta: object; errorShape: TRPCDefaultErrorShape; transformer: false },
  Procedures
>;
