#!/usr/bin/env node
// `timeweft types FILE [OUT]`: TypeScript of what an app declares of its types (docs/operations.md of the server, "Types and admins").

import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

const USAGE = 'timeweft types timeweft.types.json [src/timeweft.types.d.ts]: writes the file, or without one to stdout';

/** Schemas say what may be more; a type in TypeScript is there to find what is misspelt. */
const OPTIONS = { bannerComment: '', additionalProperties: false, style: { singleQuote: true, printWidth: 120 } };

const typesOf = async (file, text) => {
  const { compile } = await import('json-schema-to-typescript').catch(() => {
    throw new Error('json-schema-to-typescript is not installed, which makes the types: npm install --save-dev json-schema-to-typescript');
  });
  const declared = Object.entries(parsed(file, text)).filter(([kind]) => kind !== '$schema');
  const parts = [];
  const members = [];
  const known = new Map();
  for (const [kind, { schema } = {}] of declared) {
    const name = kind.split('-').map(part => part.charAt(0).toUpperCase() + part.slice(1)).join('');
    // A title would be the name otherwise.
    const made = schema === undefined ? `export type ${name} = unknown;\n` : await compile({ ...schema, title: undefined }, name, OPTIONS);
    for (const [, other] of made.matchAll(/^export (?:interface|type) (\w+)/gm)) {
      if (known.has(other)) throw new Error(`${file}: ${known.get(other)} and ${kind} both have a type \`${other}\`: give one of the two another name`);
      known.set(other, kind);
    }
    parts.push(made);
    members.push(`    ${kind.includes('-') ? `'${kind}'` : kind}: ${name};`);
  }
  return `// Made by \`timeweft types\` from ${basename(file)}, which is what is to be changed.

import 'timeweft';

${parts.join('\n')}
declare module 'timeweft' {
  interface Types {
${members.join('\n')}
  }
}
`;
};

const parsed = (file, text) => {
  try {
    const types = JSON.parse(text);
    if (types && typeof types === 'object' && !Array.isArray(types)) return types;
  } catch (cause) {
    throw new Error(`${file} is no JSON: ${cause.message}`, { cause });
  }
  throw new Error(`${file} is an object of types by their names`);
};

const main = async ([command, file, out, ...more]) => {
  if (command !== 'types' || !file || more.length) throw new Error(USAGE);
  const made = await typesOf(file, readFileSync(file, 'utf8'));
  if (out) writeFileSync(out, made);
  else process.stdout.write(made);
};

main(process.argv.slice(2)).catch(error => {
  console.error(`error: ${error.message}`);
  process.exit(1);
});
