import { createTRPCClient, httpBatchLink, TRPCClientError } from '@trpc/client';
import type { NotesRouter } from 'timeweft/trpc';

const notes = createTRPCClient<NotesRouter>({ links: [httpBatchLink({ url: '/api/v1' })] });

const tea = await notes.createNote.mutate({ id: 'tea', title: 'Tea', blob: 'Green, in the morning.' });
await notes.updateNote.mutate({ id: 'tea', title: 'Green tea' });

// What others changed since the version that is named is merged; the same place is a conflict.
try {
  await notes.updateNote.mutate({ id: 'tea', version: tea.version, title: 'Black tea' });
} catch (error) {
  if (!(error instanceof TRPCClientError) || error.data?.code !== 'CONFLICT') throw error;
  await notes.revertNote.mutate({ id: 'tea', version: tea.version });
}

// One request for both.
const [history, page] = await Promise.all([notes.noteHistory.query({ id: 'tea' }), notes.listNotes.query({ limit: 10 })]);
console.log(history.map(({ version, title }) => `${version}: ${title}`), page.notes.map(note => note.title));
