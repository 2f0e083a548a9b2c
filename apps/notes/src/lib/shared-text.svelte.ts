import type { Attachment } from 'svelte/attachments';
import { TextBinding, type Actions, type Field } from './text-binding.ts';

/** `<textarea {@attach sharedText(() => text, actions)}>`: see `TextBinding`. */
export function sharedText(text: () => string, actions: Actions): Attachment<Field> {
  return (field) => {
    const binding = new TextBinding(field, actions);
    $effect(() => binding.show(text()));
    return () => binding.destroy();
  };
}
