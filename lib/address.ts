// Addresses as the systems compare them: one spelling each, and whether two of them overlap.
import { URL } from 'node:url';

/**
 * An address in its one canonical spelling; an IPv4-mapped one as IPv4, but for the wildcard: a system tells ::ffff:0.0.0.0
 * from 0.0.0.0 by the family of its socket.
 */
export interface Canonical {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Where a socket is bound, as a rule of sharing sees it. */
export interface Local extends Canonical {
  /** Undefined if it is not told: it may cover IPv4 then. */
  readonly ipv6Only: boolean | undefined;
}

const UNSPECIFIED: Canonical = { address: '::', family: 6 };
/** Every address of IPv4, on a socket of IPv6. */
const MAPPED_ANY: Canonical = { address: '::ffff:0.0.0.0', family: 4 };

// isIP() would have Node compile its pattern of IPv6 addresses, which takes 5 ms; the host has been checked.
export function canonical(host: string): Canonical {
  // Every listener without a host comes here, and a URL takes longer than the rest of its way.
  if (host === '::') return UNSPECIFIED;
  if (!host.includes(':')) return { address: host, family: 4 };
  const [literal = '', zone] = host.split('%');
  const address = new URL(`http://[${literal}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(address);
  if (mapped === null) return { address: zone === undefined ? address : `${address}%${zone}`, family: 6 };
  const bytes = [mapped[1], mapped[2]]
    .map((group) => Number.parseInt(group as string, 16))
    .flatMap((n) => [n >> 8, n & 255]);
  return bytes.some((byte) => byte !== 0) ? { address: bytes.join('.'), family: 4 } : MAPPED_ANY;
}

/** An address and a port as a URL has them: `127.0.0.1:3000`, `[::1]:3000`. */
export function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The bytes of a literal without a zone: 4 of IPv4, 16 of IPv6. */
export function addressBytes(literal: string): number[] {
  if (!literal.includes(':')) return literal.split('.').map(Number);
  const [head = '', tail] = literal.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const zeros = new Array<number>(8 - left.length - right.length).fill(0);
  return [...left, ...zeros, ...right].flatMap((group) => [group >> 8, group & 0xff]);
}

/** Whether it is the unspecified address: 0.0.0.0, ::ffff:0.0.0.0 or ::. */
export function isAny(address: string): boolean {
  return address === '::' || address === '0.0.0.0' || isMappedAny(address);
}

/** Whether it is every address of IPv4, on a socket of IPv6. */
export function isMappedAny(address: string): boolean {
  return address === MAPPED_ANY.address;
}

// A zone that is not told may be any, and one may be written by its number and the other by its name.
function isSameAddress(one: string, other: string): boolean {
  const [address, zone] = one.split('%');
  const [otherAddress, otherZone] = other.split('%');
  if (address !== otherAddress) return false;
  if (zone === undefined || otherZone === undefined || zone === otherZone) return true;
  return /^\d+$/.test(zone) !== /^\d+$/.test(otherZone);
}

function covers(any: Local, other: Local): boolean {
  return isAny(any.address) && (any.family === other.family || (any.family === 6 && !any.ipv6Only));
}

/** Whether some connection may be meant for both: a dual-stack :: covers IPv4 too. */
export function overlap(one: Local, other: Local): boolean {
  if (covers(one, other) || covers(other, one)) return true;
  return one.family === other.family && isSameAddress(one.address, other.address);
}
