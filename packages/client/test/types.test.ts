import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'bin/timeweft.mjs');
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');

const TYPES = {
  todo: {
    policy: 'org',
    schema: {
      title: 'Something to do',
      type: 'object',
      required: ['text'],
      properties: { text: { type: 'string' }, done: { type: 'boolean' }, tags: { type: 'array', items: { $ref: '#/$defs/tag' } } },
      $defs: { tag: { enum: ['home', 'work'] } },
    },
  },
  'shop-list': { schema: { type: 'array', items: { type: 'number' } } },
  note: { policy: 'org' },
};

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(root, 'test-types-'));
  const paths = { timeweft: [join(root, 'src/index.ts')], 'timeweft/react': [join(root, 'src/react/index.ts')] };
  const compilerOptions = { strict: true, noEmit: true, module: 'esnext', moduleResolution: 'bundler', target: 'es2022', lib: ['es2023', 'dom', 'dom.iterable'], types: [], skipLibCheck: true, paths };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['timeweft.types.d.ts', 'app.ts'] }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const made = (types: unknown, ...more: string[]) => {
  const file = join(folder, 'timeweft.types.json');
  writeFileSync(file, typeof types === 'string' ? types : JSON.stringify(types));
  return spawnSync(process.execPath, [bin, 'types', file, ...more], { encoding: 'utf8' });
};

const complaints = (app: string): string[] => {
  writeFileSync(join(folder, 'app.ts'), `import { createClient } from 'timeweft';\nconst client = createClient();\n${app}\n`);
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  return stdout.split('\n').filter(line => line.includes('error TS')).map(line => line.replace(/^.*?error /, ''));
};

describe('types of what an app declares', () => {
  beforeAll(() => {
    expect(made(TYPES, join(folder, 'timeweft.types.d.ts')).status).toBe(0);
  });

  test.each([
    ["client.entity('todo:x').set({ text: 'weave', done: true, tags: ['home'] });", []],
    ["client.entity('todo:x').set({ text: 'weave', dnoe: true });", ["TS2353: Object literal may only specify known properties, and 'dnoe' does not exist in type 'Todo'"]],
    ["client.entity('todo:x').set({ done: true });", ["TS2741: Property 'text' is missing"]],
    ["client.entity('todo:x').update(todo => { todo.tags = ['garden']; });", ['TS2322']],
    ["client.entity('shop-list:x').update(list => { list.push('tea'); });", ['TS2345']],
    ["const value: unknown = client.entity('note:x').get(); client.entity<{ a: 1 }>('other:x').set({ a: 1 });", []],
    ["client.entity<{ a: 1 }>('todo:x').set({ a: 1 });", []],
  ])('%s', (app, expected) => {
    const found = complaints(app);
    expect(found.length, found.join()).toBe(expected.length);
    expected.forEach((start, index) => expect(found[index]).toContain(start));
  });
});

test('what is no file of types says so', () => {
  expect(made('{')).toMatchObject({ status: 1, stderr: expect.stringContaining('timeweft.types.json is no JSON') });
  expect(made([])).toMatchObject({ status: 1, stderr: expect.stringContaining('an object of types by their names') });
  const item = { type: 'object', properties: { of: { $ref: '#/$defs/item' } }, $defs: { item: { type: 'object' } } };
  expect(made({ one: { schema: item }, two: { schema: item } }).stderr).toContain('one and two both have a type `Item`');
  expect(spawnSync(process.execPath, [bin], { encoding: 'utf8' })).toMatchObject({ status: 1, stderr: expect.stringContaining('timeweft types timeweft.types.json') });
});
