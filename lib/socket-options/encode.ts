// Turns an option's value into the bytes that setsockopt() takes, and the bytes of getsockopt() into a value.
import { isIPv4, isIPv6 } from 'node:net';
import { outOfRange, wrongType, wrongValue } from '../errors.ts';
import type { System } from '../platform.ts';
import type { Ipv6Membership, Linger, PortRange, SourceMembership, ValueTypes } from './values.ts';

export type ValueType = keyof ValueTypes;

interface Codec {
  /** Bytes to ask getsockopt() for. */
  readonly length: number;
  encode(name: string, value: unknown, system: System): Uint8Array;
  decode(bytes: DataView, system: System): unknown;
}

// All systems that Node-API binaries are built for here are little-endian in their socket structures' host-order fields
// or tell so through the platform itself.
const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

// XNU counts SO_LINGER in clock ticks (hz = 100) and keeps them in a short.
const DARWIN_HZ = 100;
const LONGEST_LINGER: Record<System, number> = {
  linux: 2 ** 31 - 1,
  darwin: Math.floor(32767 / DARWIN_HZ),
  windows: 65535,
};

function integer(name: string, value: unknown, low: number, high: number): number {
  if (typeof value !== 'number') throw wrongType(name, 'of type number', value);
  if (!Number.isInteger(value) || value < low || value > high) {
    throw outOfRange(name, `an integer >= ${low} and <= ${high}`, value);
  }
  return value;
}

function words(...values: number[]): Uint8Array {
  return new Uint8Array(new Int32Array(values).buffer);
}

function record(name: string, value: unknown, shape: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw wrongType(name, `an object ${shape}`, value);
  return value as Record<string, unknown>;
}

function ipv4(name: string, value: unknown): number[] {
  if (typeof value !== 'string' || !isIPv4(value)) throw wrongValue(name, value, 'must be an IPv4 address');
  return value.split('.').map(Number);
}

function ipv6(name: string, value: unknown): number[] {
  if (typeof value !== 'string' || !isIPv6(value) || /[.%]/.test(value)) {
    throw wrongValue(name, value, 'must be an IPv6 address without a zone');
  }
  const [head = '', tail] = value.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const zeros = new Array<number>(8 - left.length - right.length).fill(0);
  return [...left, ...zeros, ...right].flatMap((group) => [group >> 8, group & 0xff]);
}

function number(low: number, high: number): Codec {
  return {
    length: 4,
    encode: (name, value) => words(integer(name, value, low, high)),
    decode: (bytes) => (low < 0 ? bytes.getInt32(0, LITTLE) : bytes.getUint32(0, LITTLE)),
  };
}

function networkIndex(isHostOrder: (when: { system: System; reads: boolean }) => boolean): Codec {
  return {
    length: 4,
    encode(name, value, system) {
      const bytes = new Uint8Array(4);
      const index = integer(name, value, 0, 2 ** 24 - 1);
      new DataView(bytes.buffer).setUint32(0, index, LITTLE && isHostOrder({ system, reads: false }));
      return bytes;
    },
    decode: (bytes, system) => bytes.getUint32(0, LITTLE && isHostOrder({ system, reads: true })),
  };
}

const text = (length: number): Codec => ({
  length,
  encode(name, value) {
    if (typeof value !== 'string') throw wrongType(name, 'of type string', value);
    const bytes = new TextEncoder().encode(value);
    if (bytes.length >= length || bytes.includes(0)) {
      throw wrongValue(name, value, `must be shorter than ${length} bytes, without NUL`);
    }
    // With the NUL, which SO_BINDTODEVICE needs even for the empty name that unbinds.
    return new Uint8Array([...bytes, 0]);
  },
  decode(bytes) {
    const all = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const end = all.indexOf(0);
    return new TextDecoder().decode(end < 0 ? all : all.subarray(0, end));
  },
});

const CODECS: Record<ValueType, Codec> = {
  bool: {
    length: 4,
    encode(name, value) {
      if (typeof value !== 'boolean') throw wrongType(name, 'of type boolean', value);
      return words(value ? 1 : 0);
    },
    // macOS answers with the flag's bit, Windows sometimes with one byte.
    decode: (bytes) => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).some((byte) => byte !== 0),
  },
  int: number(-(2 ** 31), 2 ** 31 - 1),
  uint32: number(0, 2 ** 32 - 1),
  ifindex: number(0, 2 ** 31 - 1),
  // IP_UNICAST_IF: in network byte order on Linux and Windows, though Windows answers in host order.
  ifindex_be: networkIndex(({ system, reads }) => system === 'windows' && reads),
  // IPV6_UNICAST_IF: in network byte order on Linux alone.
  ifindex_be6: networkIndex(({ system }) => system === 'windows'),
  uint64: {
    length: 8,
    encode(name, value) {
      if (typeof value !== 'bigint') throw wrongType(name, 'of type bigint', value);
      if (value < 0n || value >= 1n << 64n) throw outOfRange(name, '>= 0n and < 2n ** 64n', value);
      return new Uint8Array(new BigUint64Array([value]).buffer);
    },
    decode: (bytes) => bytes.getBigUint64(0, LITTLE),
  },
  linger: {
    length: 8,
    encode(name, value, system) {
      const { onoff, linger } = record(name, value, '{ onoff, linger }');
      if (typeof onoff !== 'boolean') throw wrongType(`${name}.onoff`, 'of type boolean', onoff);
      const seconds = integer(`${name}.linger`, linger, 0, LONGEST_LINGER[system]);
      if (system === 'windows') return new Uint8Array(new Uint16Array([onoff ? 1 : 0, seconds]).buffer);
      return words(onoff ? 1 : 0, system === 'darwin' ? seconds * DARWIN_HZ : seconds);
    },
    decode(bytes, system): Linger {
      if (system === 'windows') return { onoff: bytes.getUint16(0, LITTLE) !== 0, linger: bytes.getUint16(2, LITTLE) };
      const linger = bytes.getInt32(4, LITTLE);
      return { onoff: bytes.getInt32(0, LITTLE) !== 0, linger: system === 'darwin' ? linger / DARWIN_HZ : linger };
    },
  },
  string: text(16),
  ifname: text(16),
  // One word: the low port in the lower half (ip(7), IP_LOCAL_PORT_RANGE).
  port_range: {
    length: 4,
    encode(name, value) {
      const { low, high } = record(name, value, '{ low, high }');
      return words(integer(`${name}.low`, low, 0, 65535) | (integer(`${name}.high`, high, 0, 65535) << 16));
    },
    decode(bytes): PortRange {
      const range = bytes.getUint32(0, LITTLE);
      return { low: range & 0xffff, high: range >>> 16 };
    },
  },
  in_addr: {
    length: 4,
    encode: (name, value) => new Uint8Array(ipv4(name, value)),
    decode: (bytes) => [0, 1, 2, 3].map((at) => bytes.getUint8(at)).join('.'),
  },
  ip_mreq: {
    length: 8,
    encode(name, value) {
      const { group, interface: at = '0.0.0.0' } = record(name, value, '{ group, interface? }');
      return new Uint8Array([...ipv4(`${name}.group`, group), ...ipv4(`${name}.interface`, at)]);
    },
    decode: neverRead,
  },
  ip_mreq_source: {
    length: 12,
    encode(name, value, system) {
      const membership = record(name, value, '{ group, source, interface? }') as Partial<SourceMembership>;
      const group = ipv4(`${name}.group`, membership.group);
      const source = ipv4(`${name}.source`, membership.source);
      const at = ipv4(`${name}.interface`, membership.interface ?? '0.0.0.0');
      return new Uint8Array(system === 'linux' ? [...group, ...at, ...source] : [...group, ...source, ...at]);
    },
    decode: neverRead,
  },
  ipv6_mreq: {
    length: 20,
    encode(name, value) {
      const { group, interface: at = 0 } = record(name, value, '{ group, interface? }') as Partial<Ipv6Membership>;
      const index = integer(`${name}.interface`, at, 0, 2 ** 31 - 1);
      return new Uint8Array([...ipv6(`${name}.group`, group), ...words(index)]);
    },
    decode: neverRead,
  },
};

// The table has no getter for memberships, so the types keep callers away from here.
function neverRead(): never {
  throw new TypeError('this value is only ever set');
}

/**
 * Encodes a value as setsockopt() of `system` takes it.
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; RangeError `ERR_OUT_OF_RANGE`
 */
export function encode(name: string, type: ValueType, value: unknown, system: System): Uint8Array {
  return CODECS[type].encode(name, value, system);
}

/** Decodes what getsockopt() of `system` wrote. */
export function decode(type: ValueType, bytes: Uint8Array, system: System): unknown {
  // A short answer (one byte for a bool on Windows, a truncated int) is read as if zeros followed.
  const { length } = CODECS[type];
  const whole = new Uint8Array(Math.max(length, bytes.length));
  whole.set(bytes);
  return CODECS[type].decode(new DataView(whole.buffer, 0, type === 'bool' ? bytes.length : whole.length), system);
}

/** Bytes to ask getsockopt() for. */
export function lengthOf(type: ValueType): number {
  return CODECS[type].length;
}
