/**
 * Which elements of two arrays are the same ones: by what object they are, by what names them, by being equal, and by likeness.
 */

import { heaviest, keyOf, named, number, rising, type Pair } from './align.js';
import { latest, original } from './draft.js';
import { ends } from './texts.js';
import { isContainer, kindOf, member, namesOf, same } from './value.js';

/** Up to so many combinations are weighed, by so many members. */
const WEIGHED = 4_096;
const LOOKED_AT = 16;

/** What became of an array's elements. */
export interface Match {
  /** What stays: the same elements, which may have changed inside, and equal ones. */
  readonly stay: readonly Pair[];
  /** By the place in the new list, the place in the old one of what is the same element, staying or moved. */
  readonly partners: ReadonlyMap<number, number>;
}

/**
 * Elements are the same by what object they are, or else by what names them (`identityOf`); a text or a number that is there once before and once
 * after is the same, as on the server. The rest goes by equality, then by likeness; texts, numbers and the like, where nothing moves and the length
 * stays, by place, if that says it as shortly.
 *
 * @param around what both lists have before and behind
 * @param isInPlace elements were only assigned: what is at a place is what was there, changed, unless known objects were assigned to other places, or
 *   what is there once only changed places
 */
export const match = (old: readonly unknown[], next: readonly unknown[], around: readonly (readonly unknown[])[], isInPlace = false): Match => {
  if (isInPlace && old.length === next.length && !isReordered(old, next)) {
    const stay = old.flatMap((element, i): Pair[] => (areTwo(element, next[i]) ? [] : [[i, i]]));
    return { stay, partners: new Map(stay.map(([i, j]) => [j, i])) };
  }
  const partners = partnersOf(old, next, around);
  const { a, b } = number(old, next, partners);
  let stay = rising(a, b);
  // Objects that are equal, there once among what is left, and somewhere else.
  const rest = left(old, next, stay, partners);
  const [went, came] = [rest.flatMap(({ olds }) => olds), rest.flatMap(({ news }) => news)];
  const places = named(went, i => a[i]);
  for (const [id, n] of named(came, j => b[j])) {
    const i = went[places.get(id) ?? -1];
    if (i !== undefined && n >= 0 && isContainer(old[i])) partners.set(came[n]!, i);
  }
  if (old.length === next.length && !old.some(isContainer) && [...partners].every(([j, i]) => i === j)) {
    const inPlace = a.flatMap((id, i): Pair[] => (id === b[i] ? [[i, i]] : []));
    // What is not in place is changed; what does not stay is deleted and inserted.
    if (a.length - inPlace.length <= 2 * (a.length - stay.length)) stay = inPlace;
  }
  const gaps = left(old, next, stay, partners);
  const away = elsewhere(old, next, gaps);
  const there = gaps.flatMap(gap => inGap(old, next, gap, away, !around[1]!.length));
  for (const [i, j] of away) if (!there.some(([x, y]) => x === i || y === j)) partners.set(j, i);
  for (const [i, j] of there) partners.set(j, i);
  return { stay: there.length > 0 ? [...stay, ...there].sort(([i], [x]) => i - x) : stay, partners };
};

/** Between two elements that stay: what is nobody's partner. */
interface Gap {
  readonly olds: number[];
  readonly news: number[];
  /** Whether it is behind all that stays. */
  readonly isLast: boolean;
}

/** The gaps that `stay` leaves. */
const left = (old: readonly unknown[], next: readonly unknown[], stay: readonly Pair[], partners: ReadonlyMap<number, number>): Gap[] => {
  const known = new Set(partners.values());
  const gaps: Gap[] = [];
  let [i, j] = [0, 0];
  for (const [x, y] of [...stay, [old.length, next.length] as const]) {
    const gap: Gap = { olds: [], news: [], isLast: x === old.length };
    for (; i < x; i += 1) if (!known.has(i)) gap.olds.push(i);
    for (; j < y; j += 1) if (!partners.has(j)) gap.news.push(j);
    if (gap.olds.length + gap.news.length > 0) gaps.push(gap);
    [i, j] = [x + 1, y + 1];
  }
  return gaps;
};

/** Of what is in different gaps, which ones are three quarters the same, the most alike first: they moved and were changed on the way. */
const elsewhere = (old: readonly unknown[], next: readonly unknown[], gaps: readonly Gap[]): Pair[] => {
  const places = (side: 'olds' | 'news') => gaps.flatMap((gap, n) => gap[side].map(at => ({ at, n })));
  const [olds, news] = [places('olds'), places('news')];
  if (olds.length * news.length > WEIGHED) return [];
  const alikes = olds.flatMap(({ at: i, n }) =>
    news.flatMap(({ at: j, n: other }) => {
      const { alike, whole } = likeness(old[i], next[j]);
      return alike && 4 * alike >= 3 * whole ? [{ i, j, differs: whole - alike, isAway: n !== other }] : [];
    }),
  );
  const [went, came] = [new Set<number>(), new Set<number>()];
  const pairs: Pair[] = [];
  // Of one that is as much like another in its own place, that is it.
  for (const { i, j, isAway } of alikes.sort((a, b) => a.differs - b.differs || Number(a.isAway) - Number(b.isAway))) {
    if (went.has(i) || came.has(j)) continue;
    went.add(i);
    came.add(j);
    if (isAway) pairs.push([i, j]);
  }
  return pairs;
};

/** Which of those that went are which of those that came in their place, changed; as many as before are it one by one, where nothing says otherwise; of
 * texts and numbers at the end also some more or fewer. */
const inGap = (old: readonly unknown[], next: readonly unknown[], { olds, news, isLast }: Gap, away: readonly Pair[], isAtEnd: boolean): Pair[] => {
  const [goes, comes] = [new Set(away.map(([i]) => i)), new Set(away.map(([, j]) => j))];
  const asMany = olds.filter(i => !goes.has(i)).length === news.filter(j => !comes.has(j)).length;
  const weight = (m: number, n: number): number => {
    const [i, j] = [olds[m]!, news[n]!];
    if (areTwo(old[i], next[j])) return 0;
    const { alike, whole } = likeness(old[i], next[j]);
    return (2 * alike < whole ? 0 : alike) + Number((asMany || (isAtEnd && isLast && !whole)) && !goes.has(i) && !comes.has(j));
  };
  const isFew = olds.length * news.length <= WEIGHED;
  const pairs = isFew ? heaviest(olds.length, news.length, weight) : [...olds.slice(0, news.length).keys()].filter(n => weight(n, n)).map(n => [n, n] as const);
  return pairs.map(([m, n]) => [olds[m]!, news[n]!]);
};

/** How much of what tells one object or array from others is in the other too, and how much that is. */
const likeness = (old: unknown, next: unknown): { alike: number; whole: number } => {
  const [a, b] = [old as Record<string, unknown>, latest(next) as Record<string, unknown>];
  let [alike, whole] = [0, 0];
  if (!isContainer(a) || kindOf(a) !== kindOf(b) || areTwo(a, b)) return { alike, whole };
  for (const key of namesOf(a).slice(0, LOOKED_AT)) {
    const [mine, theirs] = [a[key], latest(member(b, key))];
    const most = !mine || mine === true ? 1 : typeof mine === 'number' ? 4 : 8;
    whole += most;
    alike += same(mine, theirs) ? most : Math.floor(most * shared(mine, theirs));
  }
  return { alike, whole };
};

/** How much of two texts, objects or arrays that differ is the same. */
const shared = (mine: unknown, theirs: unknown): number => {
  if (typeof mine === 'string' && typeof theirs === 'string') return Math.max(...ends(mine, theirs)) / Math.max(mine.length, theirs.length);
  if (!isContainer(mine) || kindOf(mine) !== kindOf(theirs)) return 0;
  const [a, b] = [mine as Record<string, unknown>, theirs as Record<string, unknown>];
  const names = namesOf(a).slice(0, LOOKED_AT);
  return names.filter(name => same(a[name], latest(member(b, name)))).length / Math.max(names.length, namesOf(b).length);
};

/** Whether some of the same elements are at other places. */
const isReordered = (old: readonly unknown[], next: readonly unknown[]): boolean => {
  const changed = [...old.keys()].filter(i => old[i] !== next[i]);
  const of = (list: readonly unknown[]) => changed.map(i => list[i]);
  const { a, b } = number(of(old), of(next));
  const after = new Set(b);
  const isSwapped = new Set(a).size === a.length && after.size === b.length && a.every(id => after.has(id));
  return isSwapped || [...partnersOf(old, next)].some(([j, i]) => i !== j);
};

/** Whether two objects are plainly two: what names them says so. */
export const areTwo = (old: unknown, next: unknown): boolean => {
  const [mine, theirs] = [identityOf(old), identityOf(next)];
  return mine !== undefined && theirs !== undefined && mine !== theirs;
};

/** Without `around` texts and numbers are nobody's partners. */
const partnersOf = (old: readonly unknown[], next: readonly unknown[], around?: readonly (readonly unknown[])[]): Map<number, number> => {
  const partners = new Map<number, number>();
  const places = new Map<unknown, number>();
  for (let i = 0; i < old.length; i += 1) if (typeof old[i] === 'object' && old[i] !== null) places.set(old[i], i);
  for (let j = 0; j < next.length; j += 1) {
    const node = original(next[j]);
    const i = places.get(node);
    if (i === undefined) continue;
    partners.set(j, i);
    // Where it is a second time it is a copy.
    places.delete(node);
  }
  if (partners.size === next.length) return partners;
  const theirs = named(next, identityOf);
  const found = new Set(partners.values());
  for (const [name, i] of named(old, identityOf)) {
    const j = theirs.get(name) ?? -1;
    if (i >= 0 && j >= 0 && !found.has(i) && !partners.has(j)) partners.set(j, i);
  }
  if (!around) return partners;
  const plain = named(next, keyOf);
  const same = [...named(old, keyOf)].filter(([key, i]) => i >= 0 && (plain.get(key) ?? -1) >= 0);
  const more = new Set(same.length > 0 ? around.flatMap(list => list.map(keyOf)) : []);
  for (const [key, i] of same) if (!more.has(key)) partners.set(plain.get(key)!, i);
  return partners;
};

/** What names an element of an array: its `id`, or else `_id` or `key`, where that is a text or a number. */
export const identityOf = (element: unknown): string | undefined => {
  const value = latest(element);
  if (kindOf(value) !== 'object') return undefined;
  for (const name of ['id', '_id', 'key']) {
    const key = keyOf(member(value as Record<string, unknown>, name));
    if (key !== undefined) return `${name} ${key}`;
  }
  return undefined;
};

