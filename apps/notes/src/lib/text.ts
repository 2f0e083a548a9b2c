/** Anybody may have written anything into an entity: what is no text is shown as none. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
