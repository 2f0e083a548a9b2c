import type { ReactiveEntity } from 'timeweft/svelte';
import type { Note } from './notebook.svelte.ts';

/** A note as something that Svelte follows. */
export type LiveNote = ReactiveEntity<Note>;
