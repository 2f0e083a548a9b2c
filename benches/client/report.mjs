// From what was noted to a table for people.

const LABEL = 58;
const COLUMN = 26;

export function heading({ versions, edits, peerEdits, processors, load }) {
  const programs = Object.entries(versions).filter(([, version]) => version).map(([name, version]) => `${name} ${version}`);
  return [
    `${programs.join(', ')}; ${processors.length} × ${processors[0]?.model ?? 'processor'}, load ${load.toFixed(2)} at the start.`,
    'The server and both browsers share this machine. Whatever else runs on it makes all of this slower, p99 first.',
    `Milliseconds, p50 / p99: of ${edits} edits, each of one number in one row, half by update() and half by set(); of ${peerEdits} with Yjs and Automerge.`,
    'Yjs and Automerge: the edit until a plain value can be painted and the bytes for others are made; bytes of others until that value can be painted.',
    'Nothing of theirs is sent or saved. Their replica is in the tab; ours is in a worker, whose work counts below "from the call".',
  ].join('\n');
}

export function report(shape, columns, warmUp) {
  const counted = edits => edits.filter((edit, n) => edit && n > warmUp);
  const lines = ['', shape === 'list' ? 'Rows in an array' : 'Rows in an object, by their ids'];
  const line = (name, cells) => lines.push((name.padEnd(LABEL) + cells.map(cell => cell.padEnd(COLUMN)).join('')).trimEnd());
  /** Prints what `times` makes of each column; returns the medians. */
  const row = (name, times, than) => {
    const all = columns.map(column => times({ ...column, edits: counted(column.edits) }));
    const medians = all.map(times => at(times, 0.5));
    line(`  ${name}`, all.map((times, i) => `${number(medians[i])} / ${number(at(times, 0.99))}${than ? `  ×${ratio(medians[i] / than[i])}` : ''}`));
    return medians;
  };
  const by = wanted => ({ edits }) => edits.filter(({ how }) => how === wanted).map(({ local }) => local);
  const together = ({ edits, here }) => spent(edits, here.messages).map((after, i) => after + edits[i].local);

  line('', columns.map(({ bytes, rows }) => `${bytes} bytes, ${rows} rows`));
  lines.push("in the tab, besides the app's own work");
  const local = row('update(), until subscribers were called', by('update'));
  row('set(), until subscribers were called', by('set'));
  row('all of an edit: that, and the worker\'s answers', together);
  const remote = row("another person's edit, until subscribers were called", ({ edits, elsewhere }) => spent(edits, elsewhere.messages.filter(isShow)));
  row("all of another person's edit", ({ edits, elsewhere }) => spent(edits, elsewhere.messages));
  row('all of an edit in another tab of this person', ({ edits, there }) => spent(edits, there.messages));
  lines.push('from the call of update() or set()');
  row('to the subscriber in a second tab', ({ edits, there }) => edits.map(({ n, from }) => there.arrivals[n] - from));
  row("to `saved`: on the server's disk, and answered", ({ edits }) => edits.map(({ saved }) => saved));
  row("to the subscriber in another person's browser", ({ edits, elsewhere }) => edits.map(({ n, from }) => elsewhere.arrivals[n] - from));
  lines.push('the same edit with others, and how often our median (update(); another person\'s edit) fits into theirs');
  for (const name of Object.keys(columns[0].peers)) {
    const identity = columns.every(({ peers }) => peers[name].identity) ? '' : ' (all is new)';
    row(`${name}${identity}: an edit`, ({ peers }) => counted(peers[name].edits).map(({ local }) => local), local);
    row(`${name}${identity}: another's edit`, ({ peers }) => counted(peers[name].edits).map(({ remote }) => remote), remote);
  }
  return lines.join('\n');
}

const isShow = ({ type }) => type === 'show';

/** Per edit, the time that went into all messages between it and the next. */
function spent(edits, messages) {
  const sums = edits.map(() => 0);
  let i = 0;
  for (const { at, spent } of messages) {
    while (i + 1 < edits.length && at >= edits[i + 1].from) i += 1;
    if (at >= edits[i].from) sums[i] += spent;
  }
  return sums;
}

function at(times, share) {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))];
}

const number = time => time.toFixed(time < 1 ? 3 : time < 10 ? 2 : 1);
const ratio = times => times.toFixed(times < 10 ? 1 : 0);
