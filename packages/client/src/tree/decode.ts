/**
 * Values and patches from CBOR, as docs/protocol.md says that servers and hosts write it; frozen as they are made, so that what comes out is a tree.
 *
 * Only what we write is read: definite lengths, no records, no references. Whatever else there is, is an error and not a guess.
 */

import { TimeweftError } from '../errors.js';
import { NOTHING, REMOVE, type ArrayStep, type EntryStep, type Patch, type TextStep } from './patch.js';
import { LITTLE, ordered, put, RawTypedArray, TYPED_TAGS } from './value.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });
/** Twice what a server takes. */
const MAX_DEPTH = 512;

type Constructor = { new (buffer: ArrayBuffer): object; readonly BYTES_PER_ELEMENT: number };
/** By tag; not all browsers have one for each. */
const TYPED = new Map(Object.entries(TYPED_TAGS).map(([name, tag]) => [tag, (globalThis as unknown as Record<string, Constructor | undefined>)[name]]));

/** Diffs among what is told of versions (`previousValues`), as they are in JSON. */
const FORMS = new Map([[64001, '$text'], [64002, '$array'], [64003, '$replace'], [64008, '$increment'], [64009, '$entries']]);

class Reader {
  readonly #view: DataView;
  #at = 0;
  #depth = 0;
  /** The argument of the last head; a bigint in `#big` when it has eight bytes. */
  #argument = 0;
  #big: bigint | undefined;

  readonly bytes: Uint8Array;

  constructor({ buffer, byteOffset, byteLength }: Uint8Array) {
    // Of a Node `Buffer` `slice` would not copy.
    this.bytes = new Uint8Array(buffer, byteOffset, byteLength);
    this.#view = new DataView(buffer, byteOffset, byteLength);
  }

  whole<T>(read: (reader: this) => T): T {
    try {
      const item = read(this);
      if (this.#at !== this.bytes.length) throw bad('there is more after the end');
      return item;
    } catch (error) {
      if (error instanceof TimeweftError) throw error;
      throw bad((error as Error).message, { cause: error });
    }
  }

  /** The major type; simple values and floats are left to the caller. */
  #head(): number {
    const first = this.#view.getUint8(this.#at++);
    const info = first & 31;
    this.#big = undefined;
    if (info < 24) this.#argument = info;
    else if (info === 24) this.#argument = this.#view.getUint8(this.#skip(1));
    else if (info === 25) this.#argument = this.#view.getUint16(this.#skip(2));
    else if (info === 26) this.#argument = this.#view.getUint32(this.#skip(4));
    else if (info === 27) {
      this.#big = this.#view.getBigUint64(this.#skip(8));
      this.#argument = Number(this.#big);
    } else throw bad(`head ${first.toString(16)}`);
    return first >> 5;
  }

  #expect(type: number): void {
    if (this.#head() !== type) throw bad(`no type ${type}`);
  }

  #skip(count: number): number {
    const at = this.#at;
    this.#at += count;
    return at;
  }

  /** How many items there are; each takes a byte at least, so a lying count can't ask for memory. */
  #count(least = 1): number {
    const count = this.#argument;
    if (count * least > this.bytes.length - this.#at) throw bad('it ends too soon');
    return count;
  }

  #inside<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw bad(`deeper than ${MAX_DEPTH} levels`);
    const item = read();
    this.#depth -= 1;
    return item;
  }

  value(): unknown {
    const first = this.#view.getUint8(this.#at);
    if (first >= 0xe0) return this.#simple(first);
    switch (this.#head()) {
      case 0:
        return this.#big ?? this.#argument;
      case 1:
        return this.#big === undefined ? -1 - this.#argument : -1n - this.#big;
      case 2:
        return this.#bytes();
      case 3:
        return this.#text();
      case 4:
        return this.#inside(() => Object.freeze(this.#items()));
      case 5:
        return this.#inside(() => this.#object());
      default:
        return this.#inside(() => this.#tagged(this.#argument));
    }
  }

  #simple(first: number): unknown {
    this.#at += 1;
    switch (first) {
      case 0xf4:
        return false;
      case 0xf5:
        return true;
      case 0xf6:
        return null;
      case 0xf7:
        return undefined;
      case 0xf9:
        return half(this.#view.getUint16(this.#skip(2)));
      case 0xfa:
        return this.#view.getFloat32(this.#skip(4));
      case 0xfb:
        return this.#view.getFloat64(this.#skip(8));
      default:
        throw bad(`simple value ${first.toString(16)}`);
    }
  }

  #bytes(): Uint8Array {
    const length = this.#count();
    return this.bytes.slice(this.#at, this.#skip(length) + length);
  }

  #text(): string {
    const length = this.#count();
    const start = this.#skip(length);
    if (length < 24) {
      let text = '';
      for (let i = start; i < this.#at; i += 1) {
        const byte = this.bytes[i]!;
        if (byte > 0x7f) return utf8.decode(this.bytes.subarray(start, this.#at));
        text += String.fromCharCode(byte);
      }
      return text;
    }
    return utf8.decode(this.bytes.subarray(start, this.#at));
  }

  #items(): unknown[] {
    const count = this.#count();
    const items = new Array<unknown>(count);
    for (let i = 0; i < count; i += 1) items[i] = this.value();
    return items;
  }

  #key(): string {
    this.#expect(3);
    return this.#text();
  }

  #object(): object {
    const count = this.#count(2);
    const object: Record<string, unknown> = {};
    for (let i = 0; i < count; i += 1) put(object, this.#key(), this.value());
    return Object.freeze(ordered(object));
  }

  #tagged(tag: number): unknown {
    switch (tag) {
      case 1:
        return new Date(millis(Number(this.value())));
      case 2:
      case 3: {
        const bytes = this.value();
        if (!(bytes instanceof Uint8Array)) throw bad('a bigint that is no bytes');
        let hex = '0x0';
        for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
        return tag === 2 ? BigInt(hex) : -1n - BigInt(hex);
      }
      case 258:
        this.#expect(4);
        return new Set(this.#items());
      case 259: {
        this.#expect(5);
        const count = this.#count(2);
        const map = new Map<unknown, unknown>();
        for (let i = 0; i < count; i += 1) map.set(this.value(), this.value());
        return map;
      }
      default: {
        if (tag >= 64 && tag <= 87) return this.#typed(tag);
        const name = FORMS.get(tag);
        if (name) return Object.freeze({ [name]: this.value() });
        throw bad(`tag ${tag}`);
      }
    }
  }

  #typed(tag: number): unknown {
    this.#expect(2);
    const bytes = this.#bytes();
    if (tag === 64) return bytes;
    // 72 is both: bytes have no order.
    const isLittle = TYPED.has(tag) && (tag & 7) >= 4 || tag === 72;
    const Array = TYPED.get(isLittle ? tag : tag + 4);
    if (!Array || bytes.length % Array.BYTES_PER_ELEMENT !== 0) return new RawTypedArray(tag, bytes);
    if (isLittle !== LITTLE) for (let i = 0, size = Array.BYTES_PER_ELEMENT; i < bytes.length; i += size) bytes.subarray(i, i + size).reverse();
    return new Array(bytes.buffer as ArrayBuffer);
  }

  /** A map whose member `diff` is a patch. */
  answer(): unknown {
    if (this.#view.getUint8(this.#at) >> 5 !== 5) return this.value();
    this.#head();
    const count = this.#count(2);
    const answer: Record<string, unknown> = {};
    for (let i = 0; i < count; i += 1) {
      const key = this.#key();
      put(answer, key, key === 'diff' || key === 'exact' ? this.patch() : this.value());
    }
    return answer;
  }

  patch(): Patch {
    const first = this.#view.getUint8(this.#at);
    if (first === 0xf7) {
      this.#at += 1;
      return REMOVE;
    }
    if (first >> 5 === 5) {
      this.#head();
      return this.#inside(() => this.#patches());
    }
    const start = this.#at;
    if (first >> 5 === 6) {
      this.#head();
      switch (this.#argument) {
        case 64001:
          return { kind: 'text', steps: this.#steps(() => this.#textStep()) };
        case 64002:
          return this.#inside(() => ({ kind: 'array', steps: this.#steps(() => this.#arrayStep()) }));
        case 64003:
          return { kind: 'replace', value: this.value() };
        case 64008: {
          // By how much, or an array of that and of what it then is.
          const said = this.value();
          const [by, to] = Array.isArray(said) ? (said as unknown[]) : [said];
          if (!isNumber(by) || (to !== undefined && !isNumber(to))) throw bad('an increment by something else than a number');
          return to === undefined ? { kind: 'increment', by } : { kind: 'increment', by, to };
        }
        case 64009:
          // Which steps there are, `apply` sees to.
          return this.#inside(() => ({ kind: 'entries', steps: this.#steps(() => this.#arrayStep() as EntryStep) }));
      }
      this.#at = start;
    }
    return { kind: 'value', value: this.value() };
  }

  #patches(): Patch {
    const count = this.#count(2);
    if (count === 0) return NOTHING;
    const members = new Map<string, Patch>();
    for (let i = 0; i < count; i += 1) members.set(this.#key(), this.patch());
    return { kind: 'map', members };
  }

  #steps<T>(step: () => T): T[] {
    this.#expect(4);
    return Array.from({ length: this.#count() }, step);
  }

  #textStep(): TextStep {
    const step = this.value();
    if (typeof step === 'string' || typeof step === 'number') return step;
    const { insert, joins } = Object(step) as { insert?: unknown; joins?: unknown };
    if (typeof insert !== 'string' || typeof joins !== 'number') throw bad('a step that is neither length nor text');
    return { insert, joins };
  }

  #arrayStep(): ArrayStep {
    if (this.#view.getUint8(this.#at) >> 5 === 5) return this.#inside(() => this.#stepMap());
    const step = this.value();
    if (Array.isArray(step)) return { insert: step };
    if (typeof step !== 'number') throw bad('a step that is neither length nor insert');
    return step;
  }

  #stepMap(): ArrayStep {
    this.#head();
    const step: Record<string, unknown> = {};
    for (let left = this.#count(2); left > 0; left -= 1) {
      const key = this.#key();
      const part = key === 'at' ? this.patch() : this.value();
      if (typeof part !== (STEP_PARTS[key] ?? '') || (key === 'insert' && !Array.isArray(part))) throw bad(`"${key}" in a step of edits`);
      step[key] = part;
    }
    if (!['insert', 'at', 'take', 'put'].some(key => key in step)) throw bad('a map among edits that says nothing');
    return step as unknown as ArrayStep;
  }
}

/** What a step that is a map may have in it. */
const STEP_PARTS: Record<string, string | undefined> = { insert: 'object', at: 'object', joins: 'number', take: 'number', put: 'number', count: 'number' };

const isNumber = (value: unknown): value is number | bigint => typeof value === 'number' || typeof value === 'bigint';

const bad = (what: string, options?: ErrorOptions): TimeweftError => new TimeweftError('bad-cbor', `what came is no CBOR of ours: ${what}`, options);

/** Whole milliseconds of seconds, the fraction by itself, so that every date comes back from the nearest number of seconds. */
const millis = (seconds: number): number => Math.trunc(seconds) * 1000 + Math.round((seconds % 1) * 1000);

const half = (bits: number): number => {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 0x3ff];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
};

/** The tree of a value in CBOR. Where a diff is in it, it is in the JSON form of docs/protocol.md. */
export const decodeValue = (bytes: Uint8Array): unknown => new Reader(bytes).whole(reader => reader.value());

/** What the server answers over HTTP: the same, but what it calls `diff` is a patch. */
export const decodeAnswer = (bytes: Uint8Array): unknown => new Reader(bytes).whole(reader => reader.answer());

/** A patch in CBOR. */
export const decodePatch = (bytes: Uint8Array): Patch => new Reader(bytes).whole(reader => reader.patch());
