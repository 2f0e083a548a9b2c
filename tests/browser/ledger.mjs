// A ledger of everything that anybody writes, and what may have become of it: each thing is in the value exactly once, or was taken out by
// somebody who had seen it, or is in a conflict of whoever wrote it.

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export const start = () => ({ list: [], words: [], map: {}, text: '|one/two#', n: 0, v: 0 });

const TOKEN = /<u?\d+>|[\u4e00-\u9fff]/g;

/** All tokens in a value, as often as they are there. */
function tokens({ v, list, words, map, text }) {
  // An element that is there twice is found by its name; `by` has the names of what was added to it.
  const found = JSON.stringify([list, words, map, text]).match(TOKEN) ?? [];
  return [...found, `v${v}`];
}

export class Ledger {
  entries = [];
  #next = 0;

  /** `lettersStay`: none are deleted; `hasPolicies`: not everybody is asked what to do about a conflict. */
  constructor({ lettersStay, hasPolicies }) {
    Object.assign(this, { lettersStay, hasPolicies });
  }

  names(count) {
    return Array.from({ length: count }, () => `<${(this.#next += 1)}>`);
  }

  letters(count) {
    return Array.from({ length: count }, () => String.fromCharCode(0x4e00 + (this.#next += 1)));
  }

  note(entry) {
    this.entries.push({ at: Date.now(), ...entry });
  }

  /** The tab was closed before it was known that its last edits are on disk: since `since` they may be lost, not doubled. */
  hasty(tab, since) {
    for (const entry of this.entries) if (entry.tab === tab && entry.at >= since) entry.isHasty = true;
  }

  /** What the ledger has about a token. */
  story(token) {
    const lines = this.entries.filter(entry => JSON.stringify(entry).includes(token));
    return lines.map(({ at, ...entry }) => `  ${new Date(at).toISOString().slice(14, 23)} ${JSON.stringify(entry)}`).join('\n');
  }

  /** What is wrong with `value`, and the conflicts of each person as they stand. */
  check(value, conflicts) {
    const counts = new Map();
    for (const token of tokens(value)) counts.set(token, (counts.get(token) ?? 0) + 1);
    const may = this.#mayBeGone();
    const held = conflicts.map(list => new Set(list.flatMap(({ mine }) =>
      typeof mine === 'number' ? [`v${mine}`] : (JSON.stringify(mine ?? null).match(TOKEN) ?? []))));
    const problems = [];
    const wrong = (token, what) => problems.push(`${token} ${what}\n${this.story(token)}`);
    const written = new Set(['v0']);
    for (const entry of this.entries) {
      for (const token of entry.wrote ?? []) {
        written.add(token);
        const count = counts.get(token) ?? 0;
        if (count > 1) wrong(token, `is there ${count} times`);
        if (count === 0 && !entry.isHasty && !may.has(token) && !held[entry.person].has(token) && !this.#isGivenUp(token, entry)) wrong(token, 'is nowhere');
        if (entry.undo === 'is gone' && entry.isSure && count > 0) wrong(token, 'was undone, and is there');
      }
    }
    for (const token of counts.keys()) if (!written.has(token)) wrong(token, 'is there, and nobody wrote it');
    this.#checkSum(value.n, problems);
    const torn = this.#torn(value.text);
    problems.push(...torn.filter(({ isInOrder }) => !isInOrder).map(({ told }) => told));
    // Of two runs between which all is deleted meanwhile, both go on at one position.
    return { problems, torn: this.lettersStay ? torn.map(({ told }) => told) : [], runs: this.#runs().length };
  }

  /** Taken out by somebody who had seen it, given up in a choice, or undone. */
  #mayBeGone() {
    const gone = new Set();
    const add = list => list?.forEach(token => gone.add(token));
    for (const entry of this.entries) {
      add(entry.removed);
      if (entry.undo === 'is gone' || (entry.undo && !entry.isSure)) add(entry.wrote);
      if (entry.chosen === 'mine') add(entry.theirs);
      if (entry.chosen === 'theirs') add(entry.mine);
      // What is there when the choice is carried out goes, and the tab need not have seen it.
      if (entry.chosen === 'mine' && entry.path[0] === 'v') add(this.entries.flatMap(({ set, wrote }) => (set && wrote[0] !== entry.mine[0] ? wrote : [])));
    }
    return gone;
  }

  /** Of two tabs of one person the later edit holds; and where a policy decides, it does. */
  #isGivenUp(token, { person, inside, set, instead }) {
    const isRival = other => this.hasPolicies || other.person === person;
    return this.entries.some(entry => {
      if (entry.wrote?.includes(token)) return false;
      if (set) return entry.set && isRival(entry);
      if (instead) return entry.instead?.some(letter => instead.includes(letter)) && isRival(entry);
      if (!inside) return false;
      const isDeletedByChoice = entry.chosen === 'mine' && entry.mine.length === 0 && entry.theirs.includes(inside);
      return isDeletedByChoice || (entry.elements?.includes(inside) && isRival(entry));
    });
  }

  #checkSum(n, problems) {
    const counts = this.entries.filter(({ by }) => by !== undefined);
    const sure = counts.filter(({ isHasty }) => !isHasty).reduce((sum, { by }) => sum + by, 0);
    let sums = new Set([sure]);
    for (const { by } of counts.filter(({ isHasty }) => isHasty)) sums = new Set([...sums].flatMap(sum => [sum, sum + by]));
    if (!sums.has(n)) problems.push(`n is ${n}, and the sum is ${[...sums].join(' or ')} of ${counts.length} increments`);
  }

  /** What each tab typed at one place, without anything between: the letters in their order, and which two the first was put between. */
  #runs() {
    const runs = [];
    const last = new Map();
    for (const { kind, tab, typed, between, backwards, isHasty } of this.entries) {
      if (kind !== 'type') continue;
      let run = last.get(tab);
      if (between) runs.push((run = { tab, between, letters: [], backwards }));
      last.set(tab, run);
      if (isHasty) run.isHasty = true;
      for (const letter of typed) run.letters[backwards ? 'unshift' : 'push'](letter);
    }
    return runs;
  }

  /** The runs that are not in one piece, but for what somebody typed inside them on purpose; and those out of order. */
  #torn(text) {
    const runs = this.#runs();
    const of = new Map(runs.flatMap(run => run.letters.map(letter => [letter, run])));
    const isInside = (run, outer) => run.between.every(letter => of.get(letter) === outer || (of.has(letter) && of.get(letter) !== run && isInside(of.get(letter), outer)));
    const torn = [];
    // What comes back because somebody else replaced it too, and holds, was not there when one went on.
    const taken = new Set(this.entries.flatMap(({ removed }) => removed ?? []));
    for (const run of runs) {
      const places = run.letters.filter(letter => !taken.has(letter)).map(letter => text.indexOf(letter)).filter(place => place >= 0);
      const isInOrder = places.every((place, n) => n === 0 || places[n - 1] < place);
      const strangers = new Set(places.slice(1).flatMap((place, n) => [...text.slice(places[n] + 1, place)]).filter(letter => {
        const other = of.get(letter);
        return !other || (other !== run && !isInside(other, run));
      }));
      if (isInOrder && strangers.size === 0) continue;
      const tell = ({ letters, tab, backwards, between }) => `${letters.join('')} of ${tab}${backwards ? ', backwards,' : ''} begun between ${between.join(' and ')}`;
      const others = new Set([...strangers].map(letter => of.get(letter)));
      const what = [...others].map(other => (other ? tell(other) : 'what nobody typed')).join(', and ');
      torn.push({ isInOrder, told: `${tell(run)} ${isInOrder ? `has in it ${what}` : 'is not in order'}: ${text}` });
    }
    return torn;
  }
}
