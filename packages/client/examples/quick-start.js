import { createClient, UnsentChangesError } from 'timeweft';
import { bindText } from 'timeweft/text';

const element = id => document.getElementById(id);

// A live store in three lines: called at once with what this browser has, then after every change, whoever makes it.
const client = createClient();
const note = client.entity('note:quick-start');
note.subscribe(value => { document.title = value?.title || 'Quick start'; });

// Signing in: a code is sent by mail. A server in development mode tells it instead.
element('sign-in').onsubmit = async event => {
  event.preventDefault();
  const email = element('email').value;
  try {
    const { code } = await client.login(email);
    await client.verify(email, code ?? prompt(`The code that was sent to ${email}`));
  } catch (error) {
    alert(error.message);
  }
};

client.onMe(async me => {
  element('note').hidden = !me;
  // A first value creates the entity.
  if (me && (await note.load()) === undefined) note.set({ title: 'Untitled', blob: '' });
});

// Signing out deletes what this browser has of the person, and first asks about edits that would be lost with it.
element('sign-out').onclick = () =>
  client.logout().catch(error => {
    if (!(error instanceof UnsentChangesError)) alert(error.message);
    else if (confirm('Some edits have not reached the server. Lose them?')) client.logout({ discard: true });
  });

// Editing: shown in this tab before `update` returns, in the other tabs a moment later, and sent meanwhile.
element('clear').onclick = () => note.update(draft => { draft.blob = ''; });

// Text fields: what is typed is an edit, and what others type appears around the caret.
bindText(element('title'), { entity: note, path: 'title' });
bindText(element('text'), { entity: note, path: 'blob' });

// Undo takes back what was done in this tab, and leaves what others did.
element('undo').onclick = () => note.undo();

// Conflicts: changes merge, in one text too. What was replaced or set to different things shows theirs, and mine waits for a choice.
note.onChange(({ conflicts, canUndo }) => {
  element('undo').disabled = !canUndo;
  element('conflicts').replaceChildren(...conflicts.flatMap(choices));
});

// Of a stretch of a text there can be both: theirs and then mine.
function choices(conflict) {
  const { mine, theirs, range } = conflict;
  const names = { mine: `Take mine: ${mine}`, theirs: `Leave theirs: ${theirs}`, ...(range && { both: `Take both: ${theirs}${mine}` }) };
  return Object.entries(names).map(([choice, name]) => button(name, () => conflict.resolve(choice)));
}

// Offline there is nothing to do but to say so: edits are kept on this computer, also when the page is closed, and sent when there is a network.
note.onChange(status);
client.onStatus(status);
client.onWarning(({ message }) => console.warn(message));

function status() {
  element('sign-in').hidden = client.status !== 'signed-out';
  element('status').textContent = note.error?.message ?? `${client.status}, ${note.status}`;
}

// History: every version, who made it and when, and the value as it was.
element('show-history').onclick = async () => {
  const { versions } = await note.history({ limit: 20 });
  element('history').replaceChildren(...versions.map(({ validFrom }) => {
    const item = document.createElement('li');
    item.append(button(`Back to ${validFrom}`, () => note.revert(validFrom)));
    return item;
  }));
};

function button(text, onclick) {
  return Object.assign(document.createElement('button'), { textContent: text, onclick });
}
