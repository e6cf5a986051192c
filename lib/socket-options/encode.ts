// Turns an option's value into the bytes that setsockopt() takes, and the bytes of getsockopt() into a value.
import { TextDecoder, TextEncoder } from 'node:util';
import { outOfRange, wrongType, wrongValue } from '../errors.ts';
import type { System } from '../platform.ts';
import { ADDRESSES } from './addresses.ts';
import {
  type Codec,
  IS_64_BIT,
  integer,
  LITTLE,
  listOf,
  number,
  readOnly,
  record,
  setOnly,
  short,
  words,
} from './codec.ts';
import { CONNECTION_INFO, readFields, TCP_INFO, TCP_INFO_V2 } from './fields.ts';
import type {
  InitialRto,
  KeepAliveValues,
  Linger,
  MemInfo,
  MtuDiscovery,
  PortRange,
  Ucred,
  ValueTypes,
  Xucred,
} from './values.ts';

export type ValueType = keyof ValueTypes;

// XNU counts SO_LINGER in clock ticks (hz = 100) and keeps them in a short.
const DARWIN_HZ = 100;

const LONGEST_LINGER: Record<System, number> = {
  linux: 2 ** 31 - 1,
  darwin: Math.floor(32767 / DARWIN_HZ),
  windows: 65535,
};

function lingerOf(perSecond: Record<System, number>): Codec {
  return {
    length: 8,
    encode(name, value, system) {
      const { onoff, linger } = record(name, value, '{ onoff, linger }');
      if (typeof onoff !== 'boolean') throw wrongType(`${name}.onoff`, 'of type boolean', onoff);
      const seconds = integer(`${name}.linger`, linger, 0, LONGEST_LINGER[system]);
      if (system === 'windows') return new Uint8Array(new Uint16Array([onoff ? 1 : 0, seconds]).buffer);
      return words(onoff ? 1 : 0, seconds * perSecond[system]);
    },
    decode(bytes, system): Linger {
      if (system === 'windows') return { onoff: bytes.getUint16(0, LITTLE) !== 0, linger: bytes.getUint16(2, LITTLE) };
      return { onoff: bytes.getInt32(0, LITTLE) !== 0, linger: bytes.getInt32(4, LITTLE) / perSecond[system] };
    },
  };
}

// Milliseconds: a struct timeval, and a DWORD on Windows.
function timeout(isWide: boolean): Codec {
  return {
    length: 16,
    encode(name, value, system) {
      if (typeof value !== 'number') throw wrongType(name, 'of type number', value);
      const most = 2 ** 31 - 1;
      if (!(value >= 0 && value <= most)) throw outOfRange(name, `>= 0 and <= ${most}`, value);
      if (system === 'windows') return words(integer(name, value, 0, most));
      const micros = Math.round(value * 1000);
      if (micros / 1000 !== value) throw outOfRange(name, 'a number of whole microseconds', value);
      const parts = [Math.floor(micros / 1e6), micros % 1e6];
      return isWide ? new Uint8Array(new BigInt64Array(parts.map(BigInt)).buffer) : words(...parts);
    },
    decode(bytes, system) {
      if (system === 'windows') return bytes.getUint32(0, LITTLE);
      if (!isWide) return bytes.getInt32(0, LITTLE) * 1000 + bytes.getInt32(4, LITTLE) / 1000;
      // The second half of macOS's is 32 bits and padding.
      return Number(bytes.getBigInt64(0, LITTLE)) * 1000 + bytes.getInt32(LITTLE ? 8 : 12, LITTLE) / 1000;
    },
  };
}

const fieldsOf = (fields: string, length: number): Codec => ({
  length,
  ...readOnly,
  decode: (bytes, _, given) => readFields(fields, bytes, given, LITTLE),
});

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

// By their numbers.
const MTU_DISCOVERY: Record<'linux' | 'windows', readonly MtuDiscovery[]> = {
  linux: ['dont', 'want', 'do', 'probe', 'interface', 'omit'],
  windows: ['not-set', 'do', 'dont', 'probe'],
};

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
  linger: lingerOf({ linux: 1, darwin: DARWIN_HZ, windows: 1 }),
  linger_sec: lingerOf({ linux: 1, darwin: 1, windows: 1 }),
  uint8: short(1),
  uint16: short(2),
  pid: number(-(2 ** 31), 2 ** 31 - 1),
  timeval: timeout(IS_64_BIT),
  timeval64: timeout(true),
  // Even where nothing is read, the kernel wants an int.
  void: {
    length: 0,
    ...setOnly,
    encode(name, value) {
      if (value !== undefined) throw wrongType(name, 'undefined: the option has no value', value);
      return words(0);
    },
  },
  string: text(16),
  ifname: text(16),
  label: text(4096),
  uuid: {
    length: 16,
    ...readOnly,
    decode(bytes) {
      const digits = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('hex');
      return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    },
  },
  uint32_list: { length: 65536 - 4, ...readOnly, decode: (bytes, _, given) => listOf(bytes, given >> 2) },
  meminfo: {
    length: 36,
    ...readOnly,
    decode(bytes): MemInfo {
      const [rmemAlloc, rcvbuf, wmemAlloc, sndbuf, fwdAlloc, wmemQueued, optmem, backlog, drops] = listOf(bytes, 9) as [
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      return { rmemAlloc, rcvbuf, wmemAlloc, sndbuf, fwdAlloc, wmemQueued, optmem, backlog, drops };
    },
  },
  mtu_discover: {
    length: 4,
    encode(name, value, system) {
      if (typeof value !== 'string') return words(integer(name, value, -(2 ** 31), 2 ** 31 - 1));
      const known = MTU_DISCOVERY[system === 'windows' ? 'windows' : 'linux'];
      const found = known.indexOf(value as MtuDiscovery);
      if (found < 0) throw wrongValue(name, value, `must be a number or one of: '${known.join("', '")}'`);
      return words(found);
    },
    decode(bytes, system) {
      const found = bytes.getInt32(0, LITTLE);
      return MTU_DISCOVERY[system === 'windows' ? 'windows' : 'linux'][found] ?? found;
    },
  },
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
  ...ADDRESSES,
  ucred: {
    length: 12,
    ...readOnly,
    // What a socket without such a peer answers.
    decode(bytes): Ucred | null {
      const [pid = 0, uid = 0, gid = 0] = listOf(bytes, 3);
      return pid === 0 && uid === 2 ** 32 - 1 ? null : { pid, uid, gid };
    },
  },
  // struct xucred: version, uid, a short count, and as many groups.
  xucred: {
    length: 76,
    ...readOnly,
    decode(bytes): Xucred {
      const count = Math.min(16, Math.max(0, bytes.getInt16(8, LITTLE)));
      return { uid: bytes.getUint32(4, LITTLE), groups: listOf(bytes, 3 + count).slice(3) };
    },
  },
  tcp_info: fieldsOf(TCP_INFO, 512),
  tcp_connection_info: fieldsOf(CONNECTION_INFO, 512),
  tcp_info_v1: fieldsOf(TCP_INFO_V2, 152),
  tcp_keepalive: {
    length: 0,
    encode(name, value) {
      const { onoff, time, interval } = record(name, value, '{ onoff, time, interval }') as Partial<KeepAliveValues>;
      if (typeof onoff !== 'boolean') throw wrongType(`${name}.onoff`, 'of type boolean', onoff);
      const most = 2 ** 32 - 1;
      const times = [integer(`${name}.time`, time, 0, most), integer(`${name}.interval`, interval, 0, most)];
      return words(onoff ? 1 : 0, ...times);
    },
    ...setOnly,
  },
  tcp_initial_rto: {
    length: 0,
    encode(name, value) {
      const { rtt, retransmissions } = record(name, value, '{ rtt, retransmissions }') as Partial<InitialRto>;
      const times = integer(`${name}.rtt`, rtt, 0, 65535);
      return words(times | (integer(`${name}.retransmissions`, retransmissions, 0, 255) << 16));
    },
    ...setOnly,
  },
  bytes: buffer(4096),
  // Only ever set: its getter is SO_GET_FILTER.
  program: { ...buffer(0), ...setOnly },
};

function buffer(length: number): Codec {
  return {
    length,
    encode(name, value) {
      if (!(value instanceof Uint8Array)) throw wrongType(name, 'an instance of Buffer or Uint8Array', value);
      return value;
    },
    decode: (bytes, _, given) => Buffer.from(bytes.buffer, bytes.byteOffset, given),
  };
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
  return CODECS[type].decode(new DataView(whole.buffer), system, bytes.length);
}

/** Bytes to ask getsockopt() for. */
export function lengthOf(type: ValueType): number {
  return CODECS[type].length;
}
