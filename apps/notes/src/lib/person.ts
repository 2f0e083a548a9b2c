// How a person is shown where there is only a name and an id.

/** One or two letters for an avatar. */
export function initials(name: string): string {
  const words = name.split(/[\s._-]+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letter = (word: string | undefined) => word?.match(/[\p{L}\p{N}]/u)?.[0] ?? '';
  const pair = words.length > 1 ? letter(words[0]) + letter(words.at(-1)) : letter(words[0]);
  return (pair || '?').toLocaleUpperCase();
}

/** A hue from 0 to 359 that stays the person's own; neighbouring ids come out far apart. */
export function hue(personId: string): number {
  let hash = 0x811c9dc5;
  for (let n = 0; n < personId.length; n++) hash = Math.imul(hash ^ personId.charCodeAt(n), 0x01000193);
  return (hash >>> 0) % 360;
}

/** The name somebody has before choosing one. */
export function nameFromEmail(email: string): string {
  const local = email.split('@')[0] ?? '';
  return local.slice(0, 40) || 'Somebody';
}
