// A team and its notebook, as people use them: somebody makes one, a colleague comes in by a link, both write in it, and who is let go has
// none of it any more.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isForEverybody, Person, profiles, serve } from './notes.mjs';

const { folder, remove } = profiles();
let server, ada, bob;

before(async () => {
  server = await serve();
  ada = await Person.signIn(server, folder, 'ada');
  bob = await Person.signIn(server, folder, 'bob', { colorScheme: 'dark' });
});

after(async () => {
  await ada?.context.close();
  await bob?.context.close();
  await server?.stop();
  remove();
  assert.deepEqual([...(ada?.errors ?? []), ...(bob?.errors ?? [])], []);
});

const notes = person => person.page.getByRole('navigation', { name: 'Notes' });
const chooses = (person, label) => notes(person).getByLabel('Notebook').selectOption({ label });
const members = person => person.page.getByRole('dialog', { name: /^People in/ });
const opensMembers = person => notes(person).getByRole('button', { name: /^People in/ }).click();

test('a team is made, and what is written in it is in its notebook', async () => {
  await ada.write('Diary', 'mine alone');
  await notes(ada).getByRole('button', { name: 'New team' }).click();
  const dialog = ada.page.getByRole('dialog', { name: 'New team' });
  await isForEverybody(ada.page, 'new-team');
  await dialog.getByLabel('Its name').fill('The kitchen');
  await dialog.getByRole('button', { name: 'Make the team' }).click();
  await notes(ada).getByText('has no notes yet').waitFor();
  await ada.write('Menu', 'Soup');
  assert.equal(await notes(ada).getByRole('link').count(), 1);
  await isForEverybody(ada.page, 'team');
  await chooses(ada, 'All notes');
  assert.equal(await notes(ada).getByRole('link').count(), 2);
  assert.equal(await notes(ada).getByRole('link', { name: /^Menu/ }).getByText('The kitchen').count(), 1);
  await isForEverybody(ada.page, 'team-all');
});

test('who comes in by the link has its notes, writes them, and adds some', async () => {
  await chooses(ada, 'The kitchen');
  await opensMembers(ada);
  await members(ada).getByLabel('Role of who is invited').selectOption('Can edit');
  await members(ada).getByRole('button', { name: 'Make a link' }).click();
  const link = await members(ada).getByLabel('The link', { exact: true }).inputValue();
  await isForEverybody(ada.page, 'team-people');
  await ada.closes(members(ada));
  await bob.page.goto(link);
  await notes(bob).getByRole('link', { name: /^Menu/ }).waitFor();
  assert.equal(await notes(bob).getByLabel('Notebook').evaluate(field => field.selectedOptions[0].label), 'The kitchen');
  await bob.opens('Menu');
  await bob.caret('Soup'.length);
  await bob.page.keyboard.type(' and bread');
  await ada.sees('Soup and bread');
  await bob.write('Shopping', 'Flour');
  await ada.page.evaluate(() => dispatchEvent(new Event('focus')));
  await ada.opens('Shopping');
  await ada.sees('Flour');
  await isForEverybody(bob.page, 'team-member-dark');
});

test('a note of the team says that it is theirs, and a member leaves what is not', async () => {
  await ada.page.getByRole('button', { name: 'Share', exact: true }).click();
  await ada.sharing.getByText('by their team').first().waitFor();
  await ada.closes();
  await opensMembers(bob);
  await members(bob).getByText('Ada').or(members(bob).getByText('ada')).first().waitFor();
  assert.equal(await members(bob).getByLabel('Name of the team').count(), 0);
  await bob.closes(members(bob));
});

test('made a viewer there, they read; let go, they have none of it', async () => {
  await opensMembers(ada);
  await members(ada).getByLabel('Role of bob').selectOption('Can view');
  await bob.page.getByText('You can view this').waitFor();
  assert.equal(await notes(bob).getByRole('button', { name: 'New note' }).isDisabled(), true);
  await members(ada).getByRole('button', { name: 'Remove bob' }).click();
  await bob.page.getByText('This note is not shared with you any more').waitFor();
  await notes(bob).getByRole('link', { name: /^Menu/ }).waitFor({ state: 'detached' });
  assert.equal(await notes(bob).getByLabel('Notebook').count(), 0);
  await members(ada).getByLabel('Name of the team').fill('Kitchen & bar');
  await members(ada).getByRole('button', { name: 'Rename' }).click();
  await ada.page.getByRole('dialog', { name: 'People in “Kitchen & bar”' }).waitFor();
});

test('a team that is deleted leaves each their own, and comes back whole', async () => {
  await members(ada).getByRole('button', { name: 'Delete the team' }).click();
  await ada.page.getByText('Its notes are theirs who made them').waitFor();
  await notes(ada).getByRole('link', { name: /^Menu/ }).waitFor();
  assert.equal(await notes(ada).getByLabel('Notebook').count(), 0);
  await ada.page.getByRole('button', { name: 'Undo' }).last().click();
  await notes(ada).getByLabel('Notebook').waitFor();
  await chooses(ada, 'Kitchen & bar');
  await notes(ada).getByRole('link', { name: /^Shopping/ }).waitFor();
});
