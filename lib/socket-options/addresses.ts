// The values that are addresses: one of IPv4, a membership of a multicast group, a socket's.
import { isIPv4, isIPv6 } from 'node:net';
import { URL } from 'node:url';
import { addressBytes } from '../address.ts';
import { wrongValue } from '../errors.ts';
import type { System } from '../platform.ts';
import { type Codec, IS_64_BIT, integer, LITTLE, readOnly, record, setOnly, words } from './codec.ts';
import type { GroupSourceMembership, Ipv6Membership, PathMtu, SocketAddress, SourceMembership } from './values.ts';

const AF_INET = 2;
const AF_INET6: Record<System, number> = { linux: 10, darwin: 30, windows: 23 };

function ipv4(name: string, value: unknown): number[] {
  if (typeof value !== 'string' || !isIPv4(value)) throw wrongValue(name, value, 'must be an IPv4 address');
  return addressBytes(value);
}

function ipv6(name: string, value: unknown): number[] {
  if (typeof value !== 'string' || !isIPv6(value) || /[.%]/.test(value)) {
    throw wrongValue(name, value, 'must be an IPv6 address without a zone');
  }
  return addressBytes(value);
}

/** The address of an IPv4 or IPv6 literal as a sockaddr_storage of `system`. */
function storage(name: string, value: unknown, system: System): Uint8Array {
  const isV6 = typeof value === 'string' && isIPv6(value);
  const bytes = new Uint8Array(128);
  const view = new DataView(bytes.buffer);
  const family = isV6 ? AF_INET6[system] : AF_INET;
  if (system === 'darwin') bytes.set([isV6 ? 28 : 16, family]);
  else view.setUint16(0, family, LITTLE);
  if (isV6) bytes.set(ipv6(name, value), 8);
  else bytes.set(ipv4(name, value), 4);
  return bytes;
}

function addressAt(bytes: DataView, at: number, system: System): SocketAddress {
  const family = system === 'darwin' ? bytes.getUint8(at + 1) : bytes.getUint16(at, LITTLE);
  const port = bytes.getUint16(at + 2);
  if (family !== AF_INET6[system]) return { address: dotted(bytes, at + 4), family: 'IPv4', port };
  const groups = [0, 2, 4, 6, 8, 10, 12, 14].map((offset) => bytes.getUint16(at + 8 + offset).toString(16));
  return { address: new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1), family: 'IPv6', port };
}

function dotted(bytes: DataView, at: number): string {
  return [0, 1, 2, 3].map((offset) => bytes.getUint8(at + offset)).join('.');
}

// struct group_req: an index, then one or two addresses, aligned as each system does.
function group(name: string, index: unknown, system: System, ...addresses: Uint8Array[]): Uint8Array {
  const from = system === 'windows' || (system === 'linux' && IS_64_BIT) ? 8 : 4;
  const bytes = new Uint8Array(from + addresses.length * 128);
  bytes.set(words(integer(`${name}.interface`, index, 0, 2 ** 31 - 1)));
  for (const [at, address] of addresses.entries()) bytes.set(address, from + at * 128);
  return bytes;
}

/** By the type's name in the table. */
export const ADDRESSES = {
  in_addr: {
    length: 4,
    encode: (name, value) => new Uint8Array(ipv4(name, value)),
    decode: (bytes) => dotted(bytes, 0),
  },
  ip_mreq: {
    length: 8,
    encode(name, value) {
      const { group, interface: at = '0.0.0.0' } = record(name, value, '{ group, interface? }');
      return new Uint8Array([...ipv4(`${name}.group`, group), ...ipv4(`${name}.interface`, at)]);
    },
    ...setOnly,
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
    ...setOnly,
  },
  ipv6_mreq: {
    length: 20,
    encode(name, value) {
      const { group, interface: at = 0 } = record(name, value, '{ group, interface? }') as Partial<Ipv6Membership>;
      const index = integer(`${name}.interface`, at, 0, 2 ** 31 - 1);
      return new Uint8Array([...ipv6(`${name}.group`, group), ...words(index)]);
    },
    ...setOnly,
  },
  group_req: {
    length: 0,
    encode(name, value, system) {
      const { group: at, interface: index = 0 } = record(
        name,
        value,
        '{ group, interface? }',
      ) as Partial<Ipv6Membership>;
      return group(name, index, system, storage(`${name}.group`, at, system));
    },
    ...setOnly,
  },
  group_source_req: {
    length: 0,
    encode(name, value, system) {
      const shape = '{ group, source, interface? }';
      const { group: at, source, interface: index = 0 } = record(name, value, shape) as Partial<GroupSourceMembership>;
      const [first, second] = [storage(`${name}.group`, at, system), storage(`${name}.source`, source, system)];
      return group(name, index, system, first, second);
    },
    ...setOnly,
  },
  sockaddr: { length: 128, ...readOnly, decode: (bytes, system): SocketAddress => addressAt(bytes, 0, system) },
  mtuinfo: {
    length: 32,
    ...readOnly,
    decode: (bytes, system): PathMtu => ({
      address: addressAt(bytes, 0, system).address,
      mtu: bytes.getUint32(28, LITTLE),
    }),
  },
} satisfies Record<string, Codec>;
