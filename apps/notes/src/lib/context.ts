import { createContext } from 'svelte';
import type { Notebook } from './notebook.svelte.ts';

/** The notebook of the person who is signed in. */
export const [notebookContext, setNotebookContext] = createContext<Notebook>();
