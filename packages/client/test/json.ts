/** The JSON form of values and patches (docs/protocol.md), in which vectors are written. */

import type { ArrayStep, EntryStep, Patch, TextStep } from '../src/tree/patch.js';
import { kindOf, put } from '../src/tree/value.js';

const SPECIAL = ['$undefined', '$text', '$array', '$replace', '$increment', '$entries'];

/** An object's only key, if it means something. */
const only = (json: object): string | undefined => {
  const [key, ...rest] = Object.keys(json);
  return rest.length === 0 && key !== undefined && (SPECIAL.includes(key) || key.startsWith('$$')) ? key : undefined;
};

export const valueFromJson = (json: unknown): unknown => {
  if (Array.isArray(json)) return json.map(valueFromJson);
  if (typeof json !== 'object' || json === null) return json;
  const special = only(json);
  if (special === '$undefined') return undefined;
  const object: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(json)) put(object, special?.startsWith('$$') ? key.slice(1) : key, valueFromJson(item));
  return object;
};

export const patchFromJson = (json: unknown): Patch => {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return { kind: 'value', value: valueFromJson(json) };
  const special = only(json);
  const [inside] = Object.values(json) as unknown[];
  switch (special) {
    case '$undefined':
      return { kind: 'remove' };
    case '$replace':
      return { kind: 'replace', value: valueFromJson(inside) };
    case '$text':
      return { kind: 'text', steps: inside as TextStep[] };
    case '$array':
      return { kind: 'array', steps: (inside as unknown[]).map(stepFromJson) };
    case '$entries':
      return { kind: 'entries', steps: (inside as unknown[]).map(stepFromJson) as EntryStep[] };
    case '$increment':
      return { kind: 'increment', by: inside as number };
    default:
      return { kind: 'map', members: new Map(Object.entries(json).map(([key, change]) => [special ? key.slice(1) : key, patchFromJson(change)])) };
  }
};

const stepFromJson = (step: unknown): ArrayStep => {
  if (typeof step === 'number') return step;
  if (Array.isArray(step)) return { insert: step.map(valueFromJson) };
  const parts = Object.entries(step as object) as [string, unknown][];
  const read = (key: string, part: unknown) => (key === 'at' ? patchFromJson(part) : key === 'insert' ? valueFromJson(part) : part);
  return Object.fromEntries(parts.map(([key, part]) => [key, read(key, part)])) as unknown as ArrayStep;
};

/** Deeply unfrozen and with other identities. */
export const copy = (value: unknown): unknown => {
  switch (kindOf(value)) {
    case 'array':
      return (value as unknown[]).map(copy);
    case 'object': {
      const object: Record<string, unknown> = {};
      for (const key of Object.keys(value as object)) put(object, key, copy((value as Record<string, unknown>)[key]));
      return object;
    }
    case 'map':
      return new Map([...(value as Map<unknown, unknown>)].map(([key, item]) => [copy(key), copy(item)]));
    case 'set':
      return new Set([...(value as Set<unknown>)].map(copy));
    default:
      return value;
  }
};
