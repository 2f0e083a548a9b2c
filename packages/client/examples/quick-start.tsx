import { createClient } from 'timeweft';
import { TimeweftProvider, useEntity, useText } from 'timeweft/react';

interface Note {
  title: string;
  blob: string;
  done?: boolean;
}

const client = createClient();

export const App = () => (
  <TimeweftProvider client={client}>
    <Editor id="note:quick-start" />
    <Length id="note:quick-start" />
  </TimeweftProvider>
);

const Editor = ({ id }: { id: string }) => {
  const { entity, value, status, update, undo, canUndo } = useEntity<Note>(id);
  const [title, text] = [useText(entity, 'title'), useText(entity, 'blob')]; // text fields that others type in, too
  if (!value) return <p>{status === 'loading' ? 'Loading…' : 'There is no such note.'}</p>;
  return (
    <>
      <input ref={title} />
      <textarea ref={text} />
      <input type="checkbox" checked={value.done ?? false} onChange={event => update(note => { note.done = event.target.checked; })} />
      <button disabled={!canUndo} onClick={undo}>Undo</button> <small>{status}</small>
    </>
  );
};

// With a selector: rendered again only when what it returns is something else.
const Length = ({ id }: { id: string }) => <p>{useEntity(id, (note: Note | undefined) => note?.blob.length ?? 0)} characters</p>;
