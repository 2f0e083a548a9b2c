// What a tab does in the ledger test. `act` runs in the page, so it takes nothing from around it, and tells what it wrote and took out.
//
// Elements and members have names as `<17>`, each letter of a text is one of its own, and 17 as the value of `v` is known as `v17`. What is named
// `<u17>` is for undo: nobody else takes it out or changes it, so that it is known what is undone.

/**
 * Does what the order says on what the tab shows. Returns an entry for the ledger, or null where there is nothing to do it to.
 *
 * `dice`: three numbers from 0 to 1 that decide where; `names` and `letters`: new ones; `block`: how long nothing else gets done before it.
 */
export async function act(entity, { kind, dice: [a, b, c], names, letters, block, pause, fresh }) {
  const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
  const end = performance.now() + block;
  while (performance.now() < end);
  const value = entity.get();
  if (!value) return null;
  const tokens = of => typeof of === 'number' ? [`v${of}`] : [...JSON.stringify(of ?? null).matchAll(/<u?\d+>|[\u4e00-\u9fff]/g)].map(([token]) => token);
  const isLetter = letter => letter >= '\u4e00' && letter <= '\u9fff';
  const pick = (dice, length) => Math.min(length - 1, Math.floor(dice * length));
  const where = a < 0.5 ? 'list' : 'words';
  const make = name => where === 'list' ? { id: name, by: {}, text: '' } : name;
  const nameOf = item => typeof item === 'string' ? item : item.id;
  const edit = recipe => {
    entity.update(recipe);
    globalThis.edited = performance.now();
  };
  /** Not taken back together with what was done before. */
  const alone = () => sleep(Math.max(0, 1_100 - (performance.now() - (globalThis.edited ?? -Infinity))));

  if (kind === 'add') {
    const count = 1 + pick(c, 3);
    const wrote = names.slice(0, count);
    const at = b < 0.4 ? value[where].length : b < 0.6 ? 0 : pick((b - 0.6) / 0.4, value[where].length + 1);
    edit(next => {
      if (at === 0) next[where].unshift(...wrote.map(make));
      else if (at === value[where].length) next[where].push(...wrote.map(make));
      else next[where].splice(at, 0, ...wrote.map(make));
    });
    return { wrote, place: `${where} ${at}` };
  }
  if (kind === 'move') {
    if (value[where].length < 2) return null;
    const [from, to] = [pick(b, value[where].length), pick(c, value[where].length)];
    edit(next => void next[where].splice(to, 0, ...next[where].splice(from, 1)));
    return { moved: [nameOf(value[where][from])], place: `${where} ${from} to ${to}` };
  }
  if (kind === 'sort') {
    if (value[where].length < 2) return null;
    if (b < 0.3) edit(next => void next[where].reverse());
    else edit(next => void next[where].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1) * (c < 0.5 ? 1 : -1)));
    return { place: `${where}, ${b < 0.3 ? 'reversed' : c < 0.5 ? 'upwards' : 'downwards'}` };
  }
  if (kind === 'change') {
    const candidates = value.list.filter(({ id }) => id[1] !== 'u');
    if (candidates.length === 0) return null;
    const { id } = candidates[pick(b, candidates.length)];
    const token = c < 0.5 ? names[0] : letters[0];
    edit(next => {
      const item = next.list.find(item => item.id === id);
      if (c < 0.5) item.by[token] = true;
      else item.text = item.text.slice(0, pick(a, item.text.length + 1)) + token + item.text.slice(pick(a, item.text.length + 1));
    });
    return { wrote: [token], inside: id };
  }
  if (kind === 'remove') {
    const at = pick(b, value[where].length);
    const items = value[where].slice(at, at + 1 + pick(c, 2));
    if (items.length === 0 || items.some(item => nameOf(item)[1] === 'u')) return null;
    edit(next => void next[where].splice(at, items.length));
    return { removed: tokens(items), elements: items.map(nameOf) };
  }
  if (kind === 'count') {
    const by = [1, 2, -1, 5][pick(a, 4)];
    if (b < 0.5) entity.increment(['n'], by);
    else edit(next => increment(next, 'n', by));
    globalThis.edited = performance.now();
    return { by };
  }
  if (kind === 'set') {
    const number = Number(names[0].slice(1, -1));
    edit(next => void (next.v = number));
    return { wrote: [`v${number}`], set: true, removed: tokens(value.v) };
  }
  if (kind === 'type') {
    let run = globalThis.run;
    if (fresh || !run?.letters.some(letter => value.text.includes(letter))) {
      run = globalThis.run = { letters: [], backwards: b < 0.4 };
      // Behind a mark, or inside what somebody typed.
      const at = c < 0.7 ? value.text.search(['\\|', '/', '#'][pick(c / 0.7, 3)]) + 1 : pick((c - 0.7) / 0.3, value.text.length + 1);
      run.between = [value.text[at - 1] ?? '', value.text[at] ?? ''];
      run.at = at;
    }
    const isNew = run.letters.length === 0;
    const wrote = [];
    for (const letter of letters.slice(0, 1 + pick(a, letters.length))) {
      const { text } = entity.get();
      const places = run.letters.map(own => text.indexOf(own)).filter(place => place >= 0);
      // Somebody has deleted all of it.
      if (places.length === 0 && run.letters.length > 0) break;
      const at = run.letters.length === 0 ? run.at : run.backwards ? Math.min(...places) : Math.max(...places) + 1;
      edit(next => void (next.text = next.text.slice(0, at) + letter + next.text.slice(at)));
      run.backwards ? run.letters.unshift(letter) : run.letters.push(letter);
      wrote.push(letter);
      if (pause) await sleep(pause);
    }
    return { wrote, typed: wrote, backwards: run.backwards, ...(isNew && { between: run.between }) };
  }
  if (kind === 'erase' || kind === 'retype') {
    const at = pick(b, value.text.length);
    const gone = [...value.text.slice(at, at + 1 + pick(c, 3))];
    if (gone.length === 0 || !gone.every(isLetter)) return null;
    const wrote = kind === 'retype' ? letters.slice(0, 1) : [];
    edit(next => void (next.text = next.text.slice(0, at) + wrote.join('') + next.text.slice(at + gone.length)));
    return { wrote, removed: gone, ...(kind === 'retype' && { instead: gone }) };
  }
  if (kind === 'undo') {
    await alone();
    const name = names[0].replace('<', '<u');
    const shown = () => entity.get();
    if (c < 0.3) edit(next => void (next.map[name] = true));
    else edit(next => void next[where].splice(pick(b, next[where].length + 1), 0, make(name)));
    await sleep(pause);
    if (a < 0.25 && c >= 0.3) {
      await alone();
      edit(next => void next[where].splice(next[where].findIndex(item => nameOf(item) === name), 1));
      await sleep(pause);
      return { wrote: [name], undo: entity.undo() ? 'is there' : 'is gone' };
    }
    const isUndone = entity.undo();
    await sleep(pause);
    const isRedone = isUndone && b < 0.3 && entity.redo();
    return { wrote: [name], undo: isUndone && !isRedone ? 'is gone' : 'is there', seen: tokens(shown()).includes(name) };
  }
  if (kind === 'resolve') {
    const { conflicts } = entity;
    if (conflicts.length === 0) return null;
    const conflict = conflicts[pick(a, conflicts.length)];
    const { path, range, absent, mine, theirs } = conflict;
    // What is shown in a stretch is what is given up of it, told or not.
    const there = path[0] === 'text' && range ? value.text.slice(range[0], range[0] + range[1]) : null;
    const choice = range && b < 0.4 ? 'both' : b < 0.7 ? 'mine' : 'theirs';
    conflict.resolve(choice);
    globalThis.edited = performance.now();
    return { chosen: choice, path, absent, mine: tokens(mine), theirs: [...tokens(theirs), ...tokens(there)] };
  }
  throw new Error(`nobody can ${kind}`);
}
