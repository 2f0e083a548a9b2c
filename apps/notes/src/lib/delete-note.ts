import type { Notebook } from './notebook.svelte.ts';
import { router } from './router.svelte.ts';
import { toasts } from './toasts.svelte.ts';

/** Deletes a note and says so, with a way back. */
export function deleteNote(notebook: Notebook, id: string, title: string): void {
  const route = router.route;
  const wasOpen = route.page !== 'list' && route.id === id;
  const bringBack = notebook.remove(id);
  if (wasOpen) router.go({ page: 'list' });
  toasts.info(`“${title || 'Untitled'}” was deleted.`, {
    label: 'Undo',
    run: () => {
      bringBack();
      if (wasOpen) router.go({ page: 'note', id });
    },
  });
}
