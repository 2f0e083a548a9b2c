// How a person is shown, by what they tell of themselves and by their id.

/** The member `public` of `person:{id}`: told to those who share something with them. */
export interface Public {
  name?: string;
  /** A hue from 0 to 359: a number, so that two choices at once are one or the other. */
  color?: number;
}

/** The hues to choose from. */
export const COLORS: Readonly<Record<string, number>> = {
  Red: 25,
  Orange: 55,
  Olive: 105,
  Green: 150,
  Teal: 190,
  Blue: 250,
  Violet: 300,
  Pink: 350,
};

/** One or two letters for an avatar. */
export function initials(name: string): string {
  const words = name.split(/[\s._-]+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letter = (word: string | undefined) => word?.match(/[\p{L}\p{N}]/u)?.[0] ?? '';
  const pair = words.length > 1 ? letter(words[0]) + letter(words.at(-1)) : letter(words[0]);
  return (pair || '?').toLocaleUpperCase();
}

/** The name that somebody tells; empty where there is none. They may tell anything. */
export function nameOf(told: unknown): string {
  const name = (told as Public | null | undefined)?.name;
  return typeof name === 'string' ? name.trim().slice(0, 40) : '';
}

/** The hue that somebody tells, or else one that stays the person's own. */
export function colorOf(personId: string, told: unknown): number {
  const color = (told as Public | null | undefined)?.color;
  return typeof color === 'number' && color >= 0 && color < 360 ? color : hue(personId);
}

/** A hue from 0 to 359 by the id; neighbouring ids come out far apart. */
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
