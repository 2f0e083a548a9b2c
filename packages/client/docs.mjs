// Makes `docs/api.md` from the types: `npm run docs`. With `--check` it writes nothing and fails where the file is not what the types give.
//
// By TypeScript's own API, whose version 7 no documentation tool reads yet. It is not stable, so the version in package.json is exact.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SyntaxKind } from 'typescript/unstable/ast';
import { API, SymbolFlags } from 'typescript/unstable/sync';

const here = fileURLToPath(new URL('.', import.meta.url));
const FILE = 'docs/api.md';
const ENTRIES = {
  timeweft: 'src/index.ts',
  'timeweft/svelte': 'src/svelte/index.ts',
  'timeweft/react': 'src/react/index.ts',
  'timeweft/text': 'src/text/index.ts',
  'timeweft/trpc': 'src/trpc/index.ts',
};
/** In this order; what has none of these kinds is a mistake. */
const KINDS = ['function', 'interface', 'type', 'class'];

const api = new API({ cwd: here });
const project = api.updateSnapshot({ openProjects: [`${here}tsconfig.build.json`] }).getProject(`${here}tsconfig.build.json`);
const { checker, program } = project;

const METHODS = [SyntaxKind.MethodSignature, SyntaxKind.MethodDeclaration];

/** Every public name, with its entry point: what links can lead to. */
const known = new Map();
const entries = Object.entries(ENTRIES).map(([name, file]) => {
  const source = program.getSourceFile(here + file);
  const items = checker.getExportsOfModule(checker.getSymbolAtLocation(source)).map(exported => item(exported));
  for (const { name: one } of items) known.set(one, anchor(one));
  items.sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || (a.name < b.name ? -1 : 1));
  return { name, items };
});
const undocumented = [];
const text = write();
api.close();

if (undocumented.length) fail(`these public names have no doc comment: ${undocumented.join(', ')}`);
if (!process.argv.includes('--check')) {
  mkdirSync(`${here}docs`, { recursive: true });
  writeFileSync(here + FILE, text);
} else if (!existsSync(here + FILE) || readFileSync(here + FILE, 'utf8') !== text) {
  fail(`${FILE} is not what the types say: \`npm run docs\` makes it anew`);
}

/** What is exported, and where it is declared. */
function item(exported) {
  const symbol = exported.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
  const nodes = symbol.declarations.map(declaration => declaration.resolve(project));
  const [node] = nodes;
  const { kind } = node;
  const isFunction = kind === SyntaxKind.FunctionDeclaration || kind === SyntaxKind.VariableDeclaration;
  const what = isFunction ? 'function' : kind === SyntaxKind.InterfaceDeclaration ? 'interface' : kind === SyntaxKind.TypeAliasDeclaration ? 'type' : 'class';
  return { name: exported.name, kind: what, symbol, nodes };
}

function write() {
  const out = [
    '# API reference', '',
    'Made from the types in `src` by `npm run docs`; not to be edited. The [README](../README.md) is the place to begin.', '',
    ...entries.flatMap(({ name, items }) => [`- [\`${name}\`](#${anchor(name)}): ${items.map(one => `[${one.name}](#${anchor(one.name)})`).join(', ')}`]), '',
  ];
  for (const { name, items } of entries) {
    out.push(`## ${name}`, '', '```js', `import { … } from '${name}'`, '```', '');
    for (const one of items) out.push(`### ${one.name}`, '', ...written(one));
  }
  return `${out.join('\n').replace(/\n{3,}/g, '\n\n').trimEnd()}\n`;
}

function written({ name, kind, symbol, nodes }) {
  const [node] = nodes;
  if (kind === 'type') return [...code([source(node).replace(/^export /, '').replace(/;$/, '')]), ...comment(symbol, name)];
  if (kind !== 'function') return [...code([head(node)]), ...comment(symbol, name), ...members(name, node)];
  // Of overloads the last is the implementation, which nobody sees.
  const shown = nodes.filter(one => !one.body || nodes.length === 1).map(one => signature(name, one.initializer ?? one));
  return [...code(shown), ...comment(symbol, name)];
}

/** `interface Entity<T = unknown>`, `class ClosedError extends TimeweftError`. */
function head(node) {
  const all = source(node);
  return all.slice(0, all.indexOf('{')).replace(/^export /, '').trim();
}

/** First a table of what can be read, then each method; where there is little to say of any, the methods too are in the table. */
function members(owner, node) {
  const symbols = new Map();
  for (const member of node.members) {
    const name = member.name && source(member.name);
    if (member.kind === SyntaxKind.Constructor) {
      // Errors are not for apps to make.
      if (!node.heritageClauses) symbols.set('constructor', [member]);
      // `constructor(readonly tag: number)`
      for (const parameter of member.parameters) if (parameter.modifiers) symbols.set(source(parameter.name), [parameter]);
    } else if (name && !name.startsWith('#')) symbols.set(name, [...(symbols.get(name) ?? []), member]);
  }
  const rows = [];
  const methods = [];
  for (const [name, nodes] of symbols) {
    const [first] = nodes;
    if (first.kind === SyntaxKind.Constructor) {
      methods.push(...code([`new ${signature(owner, first)}`]));
      continue;
    }
    const { text: says, tags } = described(checker.getSymbolAtLocation(first.name), `${owner}.${name}`);
    if (METHODS.includes(first.kind)) {
      const lines = nodes.map(one => signature(name, one));
      methods.push({ row: `| \`${cell(lines.join('; '))}\` | | ${cell(says)} |`, isBrief: says.length < 100 && !tags.length });
      methods.push(`#### ${owner}.${name}()`, '', ...code(lines), ...prose(says, tags));
    } else {
      const [byDefault] = tags.filter(tag => tag.name === 'default').map(tag => ` Default: \`${plain(tag.text)}\`.`);
      const mayBeSet = owner.endsWith('Options') || /\breadonly\b/.test(source(first).split(name)[0]) ? '' : ' May be set.';
      rows.push(`| \`${name}${first.postfixToken ? '?' : ''}\` | \`${cell(source(first.type))}\` | ${cell(says)}${byDefault ?? ''}${mayBeSet} |`);
    }
  }
  const brief = methods.filter(one => one.row);
  const inTable = brief.every(({ isBrief }) => isBrief);
  if (inTable) rows.push(...brief.map(({ row }) => row));
  return [...(rows.length ? ['| | type | |', '|---|---|---|', ...rows, ''] : []), ...(inTable && brief.length ? [] : methods.filter(one => !one.row))];
}

function signature(name, { typeParameters, parameters, type }) {
  const generic = typeParameters?.length ? `<${typeParameters.map(source).join(', ')}>` : '';
  const inside = parameters.map(({ name: parameter, type: of, questionToken, initializer }) => {
    // What is taken apart on the way in needs a name.
    const called = parameter.kind === SyntaxKind.ObjectBindingPattern ? 'props' : source(parameter);
    return `${called}${questionToken || initializer ? '?' : ''}: ${source(of)}`;
  });
  return `${name}${generic}(${inside.join(', ')})${type ? `: ${source(type)}` : ''}`;
}

function comment(symbol, name) {
  const { text: says, tags } = described(symbol, name);
  return prose(says, tags);
}

/** What a doc comment says, then what is thrown, then examples. */
function prose(says, tags) {
  const of = wanted => tags.filter(tag => tag.name === wanted).map(tag => plain(tag.text));
  return [
    says, '',
    ...of('throws').map(one => `- Throws ${linked(one).replace(/\.?$/, '.')}`), '',
    ...of('example').flatMap(one => code([one], one.startsWith('<') ? 'svelte' : /<\/|\/>/.test(one) ? 'tsx' : 'ts')),
  ];
}

function described(symbol, name) {
  const says = linked(plain(checker.getDocumentationCommentOfSymbol(symbol) ?? ''));
  if (!says) undocumented.push(name);
  return { text: says, tags: checker.getJsDocTagsOfSymbol(symbol) };
}

function plain(parts) {
  return (typeof parts === 'string' ? parts : (parts ?? []).map(part => part.text).join('')).trim();
}

/** Public names become links, `Entity` and `Entity.set` alike. */
function linked(text) {
  return text.replace(/(?<!-)(`?)\b([A-Z]\w*)(\.\w+)?\b\1(?!`)/g, (whole, _, name, member = '') => (known.has(name) ? `[\`${name}${member}\`](#${known.get(name)})` : whole));
}

/** As GitHub makes them of headings. */
function anchor(heading) {
  return heading.toLowerCase().replace(/[^\w-]/g, '');
}

function code(lines, language = 'ts') {
  return [`\`\`\`${language}`, ...lines, '```', ''];
}

function cell(text) {
  return text.replaceAll('|', '\\|').replace(/\s*\n\s*/g, ' ');
}

function source(node) {
  const file = node.getSourceFile();
  return file.text.slice(node.getStart(file), node.end);
}

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}
