// @vitest-environment happy-dom
import { act, memo, StrictMode, type ReactNode } from 'react';
import { createRoot, hydrateRoot, type Root } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { HomeClient } from '../../src/client.js';
import { TimeweftProvider, useClient, useEntity, useText, type EntityView } from '../../src/react/index.js';
import { FakeHost } from '../fake-host.js';

interface Row {
  id: number;
  text: string;
}
interface List {
  title: string;
  rows: Row[];
}

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

const ID = 'list:one';
const ROWS = 3_000;
let host: FakeHost;
let client: HomeClient;
let root: Root;
let place: HTMLElement;

const until = (check: () => unknown) => vi.waitFor(() => expect(check()).toBeTruthy(), { interval: 2, timeout: 3_000 });
const wait = (check: () => unknown) => act(() => until(check));
const list = (): List => ({ title: 'Weft', rows: Array.from({ length: ROWS }, (_, id) => ({ id, text: `row ${id}` })) });
const render = (what: ReactNode) => act(() => root.render(<TimeweftProvider client={client}>{what}</TimeweftProvider>));

beforeEach(async () => {
  host = new FakeHost();
  host.store(ID, list());
  client = host.client();
  place = document.createElement('div');
  root = createRoot(place);
});
afterEach(async () => {
  await act(() => root.unmount());
  host.close();
});

test('of 3,000 rows the one that changes is rendered', async () => {
  const rendered: number[] = [];
  const Line = memo(({ row }: { row: Row }) => {
    rendered.push(row.id);
    return <li>{row.text}</li>;
  });
  const Page = () => {
    const { value } = useEntity<List>(ID);
    return <ul>{value?.rows.map(row => <Line key={row.id} row={row} />)}</ul>;
  };
  await render(<Page />);
  await wait(() => rendered.length === ROWS);
  rendered.length = 0;
  await act(() => client.entity<List>(ID).update(draft => void (draft.rows[1_234]!.text = 'mine')));
  expect(rendered).toEqual([1_234]);
  await wait(() => client.entity(ID).status === 'saved');
  host.foreign(ID, (value: List) => ({ ...value, rows: value.rows.map(row => (row.id === 7 ? { ...row, text: 'theirs' } : row)) }));
  await wait(() => rendered.length > 1);
  expect(rendered).toEqual([1_234, 7]);
  expect(place.querySelectorAll('li')[7]!.textContent).toBe('theirs');
});

test('a selector renders again only when it gives something else', async () => {
  let renders = 0;
  const Titles = () => {
    renders += 1;
    const short = useEntity(ID, (value?: List) => value?.rows.filter(({ id }) => id < 2).map(({ text }) => text));
    return <p>{short?.join()}</p>;
  };
  await render(<Titles />);
  await wait(() => place.textContent === 'row 0,row 1');
  const before = renders;
  await act(() => client.entity<List>(ID).update(draft => void (draft.rows[5]!.text = 'x')));
  await act(() => client.entity<List>(ID).update(draft => void (draft.title = 'x')));
  await wait(() => client.entity(ID).status === 'saved');
  expect(renders).toBe(before);
  await act(() => client.entity<List>(ID).update(draft => void (draft.rows[1]!.text = 'x')));
  expect(place.textContent).toBe('row 0,x');
});

test('a view has status, verbs that stay the same, and may be of another entity next time', async () => {
  const views: EntityView<List>[] = [];
  const Page = ({ id }: { id: string }) => {
    const view = useEntity<List>(id);
    views.push(view);
    return <p>{`${view.status}:${view.value?.title}`}</p>;
  };
  await render(<StrictMode><Page id={ID} /></StrictMode>);
  await wait(() => place.textContent === 'saved:Weft');
  host.isHeld = true;
  await act(() => views.at(-1)!.update(draft => void (draft.title = 'Warp')));
  expect(place.textContent).toBe('saving:Warp');
  host.release();
  expect(views.at(-1)!.update).toBe(views[0]!.update);
  await wait(() => place.textContent === 'saved:Warp');
  expect(views.at(-1)!.canUndo).toBe(true);
  await act(() => void views.at(-1)!.undo());
  await wait(() => place.textContent === 'saved:Weft');
  host.store('list:two', { title: 'two', rows: [] });
  await render(<StrictMode><Page id="list:two" /></StrictMode>);
  await wait(() => place.textContent === 'saved:two');
});

test('a text field on a text of the entity: typing renders nothing, and what others type keeps the caret', async () => {
  let renders = 0;
  const Page = ({ path }: { path: string | (string | number)[] }) => {
    renders += 1;
    return <textarea ref={useText(client.entity<List>(ID), path)} />;
  };
  await render(<Page path="title" />);
  const field = place.querySelector('textarea')!;
  await until(() => field.value === 'Weft');
  const before = renders;
  field.value = 'Weft!';
  field.setSelectionRange(5, 5);
  field.dispatchEvent(new Event('input', { bubbles: true }));
  const entity = client.entity<List>(ID);
  expect(entity.get()!.title).toBe('Weft!');
  await entity.saved();
  host.foreign(ID, (value: List) => ({ ...value, title: `The ${value.title}` }));
  await until(() => field.value === 'The Weft!');
  expect([field.selectionStart, renders]).toEqual([9, before]);
  await render(<StrictMode><Page path={['rows', 0, 'text']} /></StrictMode>);
  expect(place.querySelector('textarea')!.value).toBe('row 0');
  await act(() => root.render(null));
  field.value = 'after';
  field.dispatchEvent(new Event('input'));
  expect(entity.get()!.title).toBe('The Weft!');
});

test('the client may be given, or comes from the provider, or is missed', async () => {
  const Given = () => <b>{useEntity(client, ID, (value?: List) => value?.title)}</b>;
  const Found = () => <i>{useClient() === client ? 'found' : ''}</i>;
  await render(<><Given /><Found /></>);
  await wait(() => place.textContent === 'Weftfound');
  expect(() => renderToString(<Found />)).toThrow('TimeweftProvider');
  expect(renderToString(<Given />)).toBe('<b></b>');
});

test('what a server renders is what hydration begins with', async () => {
  await client.entity(ID).load();
  const Page = () => {
    const { value, status } = useEntity<List>(ID);
    const count = useEntity(ID, (list?: List) => list?.rows.length ?? 0);
    return <p>{`${status} ${value?.title ?? ''} ${count}`}</p>;
  };
  const page = <TimeweftProvider client={client}><Page /></TimeweftProvider>;
  const served = document.createElement('div');
  served.innerHTML = renderToString(page);
  expect(served.textContent).toBe('loading  0');
  const complain = vi.spyOn(console, 'error');
  let hydrated: Root | undefined;
  await act(() => void (hydrated = hydrateRoot(served, page)));
  await wait(() => served.textContent === `saved Weft ${ROWS}`);
  expect(complain).not.toHaveBeenCalled();
  await act(() => hydrated!.unmount());
});
