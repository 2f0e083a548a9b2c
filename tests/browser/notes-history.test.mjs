// The history of a note that was written in for long: nothing freezes, what is shown is what was written.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Person, Writer, profiles, serve } from './notes.mjs';
import { picture } from './setup.mjs';

/** How many versions the note has; with less than 1,000 the overview loads nearly all of them. */
const VERSIONS = Number(process.env.TIMEWEFT_VERSIONS ?? 5_000);
/** The longest that the page may be busy at a time, in milliseconds. */
const FREEZE = 100;
/** How long a place may take to be shown once one stays there. */
const SHOWN = 5_000;
const ID = 'long';

/** A text of forty paragraphs, in each version one of which is another. */
const PARAGRAPHS = 40;
const paragraph = (place, version) => `Paragraph ${place}, as ${author(version)} wrote it in version ${version}: the weft goes over and under the warp, row after row.`;
const author = version => (Math.floor(version / 50) % 2 ? 'bob' : 'ada');
function written(version) {
  const places = Array.from({ length: PARAGRAPHS }, (_, place) => {
    const last = version - ((version - place) % PARAGRAPHS + PARAGRAPHS) % PARAGRAPHS;
    return paragraph(place, Math.max(1, last));
  });
  return places.join('\n\n');
}

const { folder, remove } = profiles();
let server, ada, page, slider;
let forOpening = 0;
/** The version that took longest to be shown once it was where one stayed, and how long that was. */
let slowest = { version: 0, time: 0 };
const times = [];

before(async () => {
  server = await serve();
  const writers = { ada: await Writer.signIn(server.url, 'ada'), bob: await Writer.signIn(server.url, 'bob') };
  let { meta } = await writers.ada.ask('POST', 'page', { id: ID, value: { title: 'A long note', blob: written(1) } });
  times.push(meta.validFrom);
  await writers.ada.ask('PUT', `page:${ID}/people/${writers.bob.personId}`, { role: 'editor' });
  const began = performance.now();
  for (let version = 2; version <= VERSIONS; version++) {
    const diff = { blob: written(version) };
    ({ meta } = await writers[author(version)].ask('PATCH', `page:${ID}`, { diff }, { 'If-Unmodified-Since': meta.validFrom }));
    times.push(meta.validFrom);
  }
  assert.equal(meta.version, VERSIONS);
  console.log(`writing ${VERSIONS} versions: ${Math.round(performance.now() - began)} ms`);
  ada = await Person.signIn(server, folder, 'ada');
  ({ page } = ada);
  await page.goto(`${server.url}/#/n/${ID}`);
  await ada.text.waitFor();
  slider = page.getByRole('slider', { name: 'Version' });
});

after(async () => {
  await ada?.context.close();
  await server?.stop();
  remove();
  console.log(`the slowest of what was shown: version ${slowest.version} of ${VERSIONS}, after ${slowest.time} ms`);
  assert.deepEqual(ada?.errors, []);
});

/** Does something, and looks at how long the page was busy at a time meanwhile and what it asked for. */
async function watched(what, action) {
  const asked = [];
  const note = request => request.url().includes(`/page:${ID}`) && asked.push(new URL(request.url()));
  page.on('request', note);
  await page.evaluate(() => {
    window.tasks = [];
    window.observer = new PerformanceObserver(list => window.tasks.push(...list.getEntries().map(({ duration }) => Math.round(duration))));
    window.observer.observe({ type: 'longtask' });
  });
  const began = performance.now();
  await action();
  const time = Math.round(performance.now() - began);
  const tasks = await page.evaluate(async () => {
    await new Promise(next => setTimeout(next, 100));
    window.observer.disconnect();
    return window.tasks;
  });
  page.off('request', note);
  const pages = asked.filter(({ pathname }) => pathname.endsWith('/history'));
  const loaded = pages.reduce((all, { searchParams }) => all + Number(searchParams.get('limit')), 0);
  console.log(`${what}: ${time} ms, ${asked.length} requests, of them ${pages.length} for at most ${loaded} versions; long tasks ${tasks.join(', ') || 'none'}`);
  const longest = Math.max(0, ...tasks);
  assert.ok(longest <= FREEZE, `${what}: the page was busy for ${longest} ms at a time`);
  return { asked, loaded };
}

const position = () => slider.evaluate(input => input.valueAsNumber);

/** Waits until that version is shown, and compares all of it. */
async function shows(version) {
  const began = performance.now();
  const format = new Intl.NumberFormat('en-US').format;
  await page.getByText(`Version ${format(version)} of ${format(VERSIONS)}`).waitFor({ timeout: SHOWN });
  const article = page.getByRole('article');
  await page.waitForFunction(() => document.querySelector('article')?.ariaBusy !== 'true', undefined, { timeout: SHOWN });
  const time = Math.round(performance.now() - began);
  if (time > slowest.time) slowest = { version, time };
  const text = await article.evaluate(shown => {
    const copy = shown.cloneNode(true);
    for (const gone of copy.querySelectorAll('.legend, h3, del')) gone.remove();
    return copy.textContent.trim();
  });
  assert.equal(text, written(version), `the text of version ${version}`);
  assert.equal(await page.locator('.about strong').textContent(), author(version) === 'ada' ? 'You' : 'Somebody');
}

test('opening shows the newest version and asks for no page of the history before that', async () => {
  const { asked, loaded } = await watched('opening', async () => {
    await page.getByRole('link', { name: 'History' }).click();
    await slider.waitFor();
    await shows(VERSIONS);
  });
  const first = asked.findIndex(({ searchParams }) => searchParams.has('asOf'));
  forOpening = loaded;
  assert.ok(asked.slice(0, first).every(({ pathname }) => !pathname.endsWith('/history')), 'the value comes first');
});

test('what was changed is marked, with what was there before', async () => {
  const version = VERSIONS;
  assert.match(await page.locator('article ins').allTextContents().then(texts => texts.join(' ')), new RegExp(String(version)));
  assert.match(await page.locator('article del').allTextContents().then(texts => texts.join(' ')), new RegExp(String(version - PARAGRAPHS)));
});

test('who wrote where is shown of the whole, and a part of the history is loaded for it', async () => {
  const { loaded } = await watched('the overview', async () => {
    await page.waitForFunction(parts => new Set([...document.querySelectorAll('svg rect')].map(rect => rect.getAttribute('x'))).size >= parts, 38, { timeout: 30_000 });
  });
  // Long pages only where the pace that the note was written at changed much.
  assert.ok(forOpening + loaded < VERSIONS * 0.8, `${forOpening + loaded} versions were asked for`);
  await picture(page, 'notes-long-history');
});

test('dragged from end to end the thumb follows at once, and what is shown is where it stays', async () => {
  const { asked } = await watched('dragging', async () => {
    const box = await slider.boundingBox();
    const thumb = 22;
    const [left, right, y] = [box.x + thumb / 2, box.x + box.width - thumb / 2, box.y + box.height / 2];
    const at = part => left + (right - left) * part;
    await page.mouse.move(at(1), y);
    await page.mouse.down();
    const steps = 60;
    const goTo = async (from, to) => {
      for (let step = 1; step <= steps; step++) {
        const part = from + ((to - from) * step) / steps;
        await page.mouse.move(at(part), y);
        // What the pointer is at is not waited for.
        const off = Math.abs((await position()) - (1 + (VERSIONS - 1) * part));
        assert.ok(off <= VERSIONS / 100, `the thumb is ${off} versions away from the pointer`);
      }
    };
    await goTo(1, 0);
    await shows(1);
    await goTo(0, 0.5);
    await page.waitForTimeout(50);
    await shows(await position());
    await goTo(0.5, 1);
    await goTo(1, 0.25);
    await page.mouse.up();
    await shows(await position());
  });
  const values = asked.filter(({ searchParams }) => searchParams.has('asOf')).length;
  assert.ok(values < 240, `${values} values were asked for on 240 places`);
});

test('the keyboard steps from version to version, by pages, and to both ends', async () => {
  await watched('the keyboard', async () => {
    await slider.focus();
    await page.keyboard.press('Home');
    await shows(1);
    for (let n = 0; n < 30; n++) await page.keyboard.press('ArrowRight');
    await shows(31);
    await page.keyboard.press('PageUp');
    await shows(31 + Math.round(VERSIONS / 50));
    await page.keyboard.press('PageDown');
    await page.keyboard.press('ArrowLeft');
    await shows(30);
    await page.keyboard.press('End');
    await shows(VERSIONS);
    await page.keyboard.press('ArrowLeft');
    await shows(VERSIONS - 1);
  });
  const said = await slider.getAttribute('aria-valuetext');
  assert.match(said, new RegExp(`^Version ${new Intl.NumberFormat('en-US').format(VERSIONS - 1)} of .*, (You|Somebody), Today`));
});

test('a date leads to what was there then', async () => {
  // To the second is what the field has.
  const second = times[Math.floor(VERSIONS / 3)].slice(0, 19);
  const version = times.findLastIndex(time => time <= `${second}.000000Z`) + 1;
  await watched('a date', async () => {
    const local = await page.evaluate(text => {
      const date = new Date(text);
      return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
    }, `${second}Z`);
    await page.getByLabel('As of').fill(local);
    await page.getByLabel('As of').press('Tab');
    await shows(Math.max(1, version));
  });
  const [mark, box] = await Promise.all([page.locator('article .text ins').first().boundingBox(), page.getByRole('article').boundingBox()]);
  assert.ok(mark.y >= box.y && mark.y + mark.height <= box.y + box.height, 'what was changed is in view, far down in the text');
});

test('in the dark and on a phone it fits', async () => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture(page, 'notes-long-history-dark');
  await page.setViewportSize({ width: 390, height: 780 });
  await picture(page, 'notes-long-history-phone');
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 390);
  await page.setViewportSize({ width: 1100, height: 800 });
  await page.emulateMedia({ colorScheme: 'light' });
});

test('an old version comes back, and undo takes that back', async () => {
  await slider.focus();
  await page.keyboard.press('Home');
  await shows(1);
  await page.getByRole('button', { name: 'Restore this version' }).click();
  await ada.sees(written(1));
  await ada.saved();
  await page.getByRole('list', { name: 'Messages' }).getByRole('button', { name: 'Undo' }).click();
  await ada.sees(written(VERSIONS));
});
