/** Sixteen random characters that are allowed in an entity's id. `crypto.randomUUID` is missing outside of https. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_');
}
