/**
 * Values and patches to CBOR, as docs/protocol.md ("Values", "Tags") has it: what npm cbor-x reads with `structuredClone: true, useRecords: false`.
 *
 * Not cbor-x itself, though its tags are the format's: it renames a member called `__proto__`, loses −0, keeps what it is told of tags in one
 * place for a whole page, and is half of what a page should load before it shows something.
 */

import { InvalidValueError } from '../errors.js';
import type { ArrayStep, Patch } from './patch.js';
import { bytesOf, kindOf, LITTLE, RawTypedArray, TYPED_TAGS, type TypedArray } from './value.js';

const utf8 = new TextEncoder();

/** Kept from one message to the next, and not kept when it has grown beyond that. */
const KEPT = 1 << 16;

class Writer {
  #bytes = new Uint8Array(1 << 12);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  take(): Uint8Array {
    const made = this.#bytes.slice(0, this.#at);
    this.#at = 0;
    if (this.#bytes.length > KEPT) this.#grow(1 << 12);
    return made;
  }

  drop(): void {
    this.#at = 0;
  }

  #grow(size: number): void {
    const grown = new Uint8Array(size);
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  #room(count: number): void {
    if (this.#at + count > this.#bytes.length) this.#grow(Math.max(this.#bytes.length * 2, this.#at + count));
  }

  head(major: number, argument: number): void {
    this.#room(9);
    const type = major << 5;
    const bytes = this.#bytes;
    if (argument < 24) {
      bytes[this.#at++] = type | argument;
    } else if (argument < 0x100) {
      bytes[this.#at++] = type | 24;
      bytes[this.#at++] = argument;
    } else if (argument < 0x10000) {
      bytes[this.#at++] = type | 25;
      bytes[this.#at++] = argument >> 8;
      bytes[this.#at++] = argument;
    } else {
      bytes[this.#at++] = type | 26;
      this.#view.setUint32(this.#at, argument);
      this.#at += 4;
    }
  }

  simple(code: number): void {
    this.#room(1);
    this.#bytes[this.#at++] = code;
  }

  bytes(bytes: Uint8Array, major = 2): void {
    this.head(major, bytes.length);
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  text(text: string): void {
    const length = text.length;
    if (length < 24) {
      // Short ones are nearly always ASCII: written at once, taken back if not.
      this.#room(length + 1);
      const start = this.#at;
      this.#bytes[this.#at++] = 0x60 | length;
      let i = 0;
      for (; i < length; i += 1) {
        const unit = text.charCodeAt(i);
        if (unit > 0x7f) break;
        this.#bytes[this.#at++] = unit;
      }
      if (i === length) return;
      this.#at = start;
    }
    if (length > 1 << 10) return this.bytes(utf8.encode(text), 3);
    // Room for the longest head in front; moved up when it is shorter.
    this.#room(3 * length + 9);
    const { written } = utf8.encodeInto(text, this.#bytes.subarray(this.#at + 3));
    const from = this.#at + 3;
    this.head(3, written);
    this.#bytes.copyWithin(this.#at, from, from + written);
    this.#at += written;
  }

  number(value: number): void {
    if (Number.isInteger(value) && value >= -0x1_0000_0000 && value <= 0xffff_ffff && !Object.is(value, -0)) {
      if (value >= 0) this.head(0, value);
      else this.head(1, -1 - value);
      return;
    }
    this.#room(9);
    if (Object.is(Math.fround(value), value)) {
      this.#bytes[this.#at++] = 0xfa;
      this.#view.setFloat32(this.#at, value);
      this.#at += 4;
    } else {
      this.#bytes[this.#at++] = 0xfb;
      this.#view.setFloat64(this.#at, value);
      this.#at += 8;
    }
  }

  bigint(value: bigint): void {
    const negative = value < 0n;
    const magnitude = negative ? -1n - value : value;
    if (magnitude <= 0xffff_ffff_ffff_ffffn) {
      this.#room(9);
      this.#bytes[this.#at++] = negative ? 0x3b : 0x1b;
      this.#view.setBigUint64(this.#at, magnitude);
      this.#at += 8;
      return;
    }
    const digits = magnitude.toString(16);
    const hex = digits.length % 2 === 0 ? digits : `0${digits}`;
    this.head(6, negative ? 3 : 2);
    this.bytes(Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)));
  }

  value(value: unknown): void {
    switch (typeof value) {
      case 'string':
        return this.text(value);
      case 'number':
        return this.number(value);
      case 'boolean':
        return this.simple(value ? 0xf5 : 0xf4);
      case 'undefined':
        return this.simple(0xf7);
      case 'bigint':
        return this.bigint(value);
    }
    if (value === null) return this.simple(0xf6);
    switch (kindOf(value)) {
      case 'array':
        return this.array(value as unknown[]);
      case 'object': {
        const object = value as Record<string, unknown>;
        const keys = Object.keys(object);
        this.head(5, keys.length);
        for (const key of keys) {
          this.text(key);
          this.value(object[key]);
        }
        return;
      }
      case 'date':
        this.head(6, 1);
        return this.number((value as Date).getTime() / 1000);
      case 'set':
        this.head(6, 258);
        return this.array([...(value as Set<unknown>)]);
      case 'map':
        this.head(6, 259);
        this.head(5, (value as Map<unknown, unknown>).size);
        for (const [key, item] of value as Map<unknown, unknown>) {
          this.value(key);
          this.value(item);
        }
        return;
      case 'typed':
        return this.typed(value as TypedArray | RawTypedArray);
      default:
        throw new InvalidValueError('invalid-value', `CBOR has no ${typeof value}`);
    }
  }

  array(items: readonly unknown[]): void {
    this.head(4, items.length);
    for (let i = 0; i < items.length; i += 1) this.value(items[i]);
  }

  typed(array: TypedArray | RawTypedArray): void {
    if (array instanceof RawTypedArray) {
      this.head(6, array.tag);
      return this.bytes(array.bytes);
    }
    const tag = TYPED_TAGS[array[Symbol.toStringTag]];
    if (tag !== undefined) this.head(6, LITTLE || array.BYTES_PER_ELEMENT === 1 ? tag : tag - 4);
    this.bytes(bytesOf(array));
  }

  patch(patch: Patch): void {
    switch (patch.kind) {
      case 'remove':
        return this.simple(0xf7);
      case 'value':
        return this.value(patch.value);
      case 'replace':
        this.head(6, 64003);
        return this.value(patch.value);
      case 'map':
        this.head(5, patch.members.size);
        for (const [key, change] of patch.members) {
          this.text(key);
          this.patch(change);
        }
        return;
      case 'text':
        this.head(6, 64001);
        return this.array(patch.steps);
      case 'increment':
        this.head(6, 64008);
        return this.value(patch.to === undefined ? patch.by : [patch.by, patch.to]);
      default:
        this.head(6, patch.kind === 'array' ? 64002 : 64009);
        this.head(4, patch.steps.length);
        for (const step of patch.steps) this.#step(step);
    }
  }

  #step(step: ArrayStep): void {
    if (typeof step === 'number') return this.number(step);
    if ('insert' in step && !step.joins) return this.array(step.insert);
    const parts = Object.entries(step) as [string, unknown][];
    this.head(5, parts.length);
    for (const [key, part] of parts) {
      this.text(key);
      if (key === 'at') this.patch(part as Patch);
      else this.value(part);
    }
  }
}

const writer = new Writer();

const write = (what: (writer: Writer) => void): Uint8Array => {
  try {
    what(writer);
    return writer.take();
  } catch (error) {
    writer.drop();
    throw error;
  }
};

/** A value that `own` or `diff` has checked, in CBOR. */
export const encodeValue = (value: unknown): Uint8Array => write(writer => writer.value(value));

/** A patch in CBOR. */
export const encodePatch = (patch: Patch): Uint8Array => write(writer => writer.patch(patch));
