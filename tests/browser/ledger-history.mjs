// Whether the history of an entity is one: what each version says of the one before leads back to it.

import assert from 'node:assert/strict';
import { sorted } from './client.mjs';
import { read } from './scene.mjs';

const isMap = value => typeof value === 'object' && value !== null && !Array.isArray(value);
const only = (diff, name) => isMap(diff) && name in diff && Object.keys(diff).length === 1;
const isUndefined = value => only(value, '$undefined');

/** Applies a diff of JSON that has none of the forms that only some clients know. */
export function applied(base, diff) {
  if (only(diff, '$replace')) return diff.$replace;
  if (only(diff, '$text')) {
    let [made, at] = ['', 0];
    for (const step of diff.$text) {
      assert.ok(typeof step === 'string' || Number.isInteger(step), `no plain step: ${JSON.stringify(step)}`);
      if (typeof step === 'string') made += step;
      else if (step < 0) at -= step;
      else made += base.slice(at, (at += step));
    }
    return made + base.slice(at);
  }
  if (only(diff, '$array')) {
    const made = [];
    let at = 0;
    for (const step of diff.$array) {
      assert.ok(Array.isArray(step) || Number.isInteger(step) || only(step, 'at'), `no plain step: ${JSON.stringify(step)}`);
      if (Array.isArray(step)) made.push(...step);
      else if (isMap(step)) made.push(applied(base[at++], step.at));
      else if (step < 0) at -= step;
      else made.push(...base.slice(at, (at += step)));
    }
    return [...made, ...base.slice(at)];
  }
  if (!isMap(diff)) return diff;
  if (Array.isArray(base)) {
    const made = [...base];
    for (const [index, inside] of Object.entries(diff)) if (!isUndefined(inside)) made[index] = applied(base[index], inside);
    let end = made.length;
    while (end > 0 && isUndefined(diff[end - 1])) end -= 1;
    return made.slice(0, end).map((item, index) => (isUndefined(diff[index]) ? undefined : item));
  }
  const made = isMap(base) ? { ...base } : {};
  for (const [key, inside] of Object.entries(diff)) {
    if (isUndefined(inside)) delete made[key];
    else made[key] = applied(made[key], inside);
  }
  return made;
}

/** Looks at `count` neighbours among the versions, spread over all, and at the newest. Returns how many versions there were. `isGathered`: some are not there any more. */
export async function checkHistory(somebody, id, count, isGathered) {
  const versions = [];
  for (let before = ''; ;) {
    const page = await read(somebody, id, `/history?limit=500${before && `&before=${before}`}`);
    versions.push(...page.versions);
    if (!page.more) break;
    before = page.versions.at(-1).validFrom;
  }
  const numbers = versions.map(({ version }) => version);
  if (isGathered) {
    assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => b - a), 'versions are counted');
    assert.ok(numbers.length < numbers[0], 'some became one');
  } else {
    assert.deepEqual(numbers, versions.map((_, n) => versions.length - n), 'versions are counted without a gap');
  }
  for (let n = 0; n < Math.min(count, versions.length - 1); n += 1) {
    const at = Math.floor((n * (versions.length - 1)) / count);
    const [later, earlier] = [versions[at], versions[at + 1]];
    assert.equal(earlier.validTo, later.validFrom);
    const [now, before] = await Promise.all([later, earlier].map(async ({ validFrom }) => (await read(somebody, id, `?asOf=${validFrom}`)).value));
    const back = applied(now, later.previousValues);
    assert.deepEqual(sorted(back), sorted(before), `version ${later.version} of ${id} leads back to the one before by ${JSON.stringify(later.previousValues)}`);
  }
  return numbers[0];
}
