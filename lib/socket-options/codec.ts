// What the codecs of values are made of: integers, words, and the objects among the values.
import { outOfRange, wrongType } from '../errors.ts';
import { hasName, readOnce } from '../options-once.ts';
import type { System } from '../platform.ts';

export interface Codec {
  /** Bytes to ask getsockopt() for. */
  readonly length: number;
  encode(name: string, value: unknown, system: System): Uint8Array;
  /** `given` is the length that the system wrote; what follows reads as zeros. */
  decode(bytes: DataView, system: System, given: number): unknown;
}

// All systems that Node-API binaries are built for here are little-endian in their socket structures' host-order fields
// or tell so through the platform itself.
export const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

export const IS_64_BIT = !['arm', 'ia32', 'mips', 'mipsel', 'ppc', 's390'].includes(process.arch);

export function integer(name: string, value: unknown, low: number, high: number): number {
  if (typeof value !== 'number') throw wrongType(name, 'of type number', value);
  if (!Number.isInteger(value) || value < low || value > high) {
    throw outOfRange(name, `an integer >= ${low} and <= ${high}`, value);
  }
  return value;
}

export function words(...values: number[]): Uint8Array {
  return new Uint8Array(new Int32Array(values).buffer);
}

// What the objects among the values can have.
const FIELDS = {
  group: true,
  source: true,
  interface: true,
  onoff: true,
  linger: true,
  low: true,
  high: true,
  time: true,
  interval: true,
  rtt: true,
  retransmissions: true,
} satisfies Record<string, true>;

type Fields = { readonly [Name in keyof typeof FIELDS]?: unknown };

/** A value as it is now: who gave it may change it later, or answer otherwise the next time it is read. */
export function copied(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  return hasName(value, Symbol.iterator) ? value : readOnce<Fields>(value, FIELDS);
}

export function record(name: string, value: unknown, shape: string): Fields {
  if (typeof value !== 'object' || value === null) throw wrongType(name, `an object ${shape}`, value);
  return readOnce<Fields>(value, FIELDS);
}

export function number(low: number, high: number): Codec {
  return {
    length: 4,
    encode: (name, value) => words(integer(name, value, low, high)),
    decode: (bytes) => (low < 0 ? bytes.getInt32(0, LITTLE) : bytes.getUint32(0, LITTLE)),
  };
}

// The table says what is read and what is set, and access.ts keeps to it.
export const setOnly = { decode: neverRead };
export const readOnly = { encode: neverSet };

export function short(bytes: 1 | 2): Codec {
  return {
    length: bytes,
    encode: (name, value) => words(integer(name, value, 0, 256 ** bytes - 1)).slice(0, bytes),
    decode: (view) => (bytes === 1 ? view.getUint8(0) : view.getUint16(0, LITTLE)),
  };
}

export function listOf(view: DataView, count: number): number[] {
  return Array.from({ length: count }, (_, index) => view.getUint32(index * 4, LITTLE));
}

function neverRead(): never {
  throw new TypeError('this value is only ever set');
}

function neverSet(): never {
  throw new TypeError('this value is only ever read');
}
