// Looks for sockets of other users that can take what is meant for ours without ever listening, by the list of sockets.
//
// Linux: such a socket was bound by bind() itself, and is bound still, or connected, or about to connect. What a listener has
// accepted is harmless: disconnected, it loses the port.
import { networkInterfaces } from 'node:os';
import type { SocketRow } from '../addon.ts';
import { endpoint, isAny, type Local, overlap } from '../address.ts';
import {
  BOUND_EXPLICITLY,
  existingOf,
  isConnection,
  isWhole,
  LISTENING,
  listSockets,
  STATE,
  UNSETTLED,
} from '../socket-list.ts';
import type { Promised } from '../systems/system.ts';
import type { Place, Refusal } from './places.ts';
import type { BindRequest } from './request.ts';

/** What was promised, and who has come to light. */
export interface Found {
  readonly promise: Promised;
  readonly stranger: string | undefined;
}

const numberOf = (address: string) => address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);

/** Whether an IPv4 address belongs to many: connect() then takes the route's own address in its place. */
function isOfMany(address: string): boolean {
  const number = numberOf(address);
  if (number >= numberOf('224.0.0.0')) return true;
  const interfaces = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return interfaces.some(({ family, netmask, address: own }) => {
    if (family !== 'IPv4') return false;
    const hosts = 2 ** 32 - 1 - numberOf(netmask);
    return hosts > 0 && number - (number % (hosts + 1)) + hosts === number && number - hosts === networkOf(own, hosts);
  });
}

function networkOf(address: string, hosts: number): number {
  const number = numberOf(address);
  return number - (number % (hosts + 1));
}

function mayComeOver(row: SocketRow, own: Local): boolean {
  const { state, uid, isOpen } = row;
  if (!isOpen || state === STATE.LISTEN || uid === process.geteuid?.()) return false;
  const { family, address, ipv6Only } = existingOf(row);
  // Listed as IPv4 it cannot reach IPv6; as IPv6 it reaches both, unless it is V6ONLY.
  const takesIpv4 = own.family === 4 || (isAny(own.address) && own.ipv6Only !== true);
  if (!takesIpv4 && row.family === 4) return false;
  if (own.family === 4 && row.family === 6 && ipv6Only === true) return false;
  if (isConnection(row) || overlap({ address, family, ipv6Only }, own)) return true;
  return takesIpv4 && family === 4 && isOfMany(address);
}

function ownOf({ ipv6Only }: BindRequest, { address, addressFamily: family }: Place): Local {
  return { address, family, ipv6Only };
}

function isHolder(row: SocketRow, own: Local): boolean {
  return !isConnection(row) && row.state !== STATE.SYN_SENT && overlap(existingOf(row), own);
}

function inWords({ address, uid, remoteAddress, remotePort = 0 }: SocketRow, port: number): string {
  const to = remoteAddress === undefined ? '' : ` connected to ${endpoint(remoteAddress, remotePort)}`;
  return `a socket of uid ${uid} on ${endpoint(address, port)}${to} can take connections that are meant for this one`;
}

/** Whether somebody listens beside ours, which listens: a process of the same user, who was let in with it. */
export function hasCompany(request: BindRequest, place: Place, port: number): boolean {
  const { sockets } = listSockets({ protocol: 'tcp', port }, LISTENING);
  const own = ownOf(request, place);
  return sockets.filter((row) => overlap(existingOf(row), own)).length > 1;
}

/**
 * Looks once ours is bound, and listens if it is to: from then on nobody can come who is not there.
 * @returns `EADDRINUSE` where another user's socket is bound to what ours covers
 */
export function lookForStrangers(request: BindRequest, place: Place, port: number, promise: Promised): Found | Refusal {
  const asked = { protocol: request.protocol, port };
  // Never joined from lists made state by state: who is FIN_WAIT1 in one is FIN_WAIT2 in the next, and in neither.
  const lists = [listSockets(asked, UNSETTLED), listSockets(asked, BOUND_EXPLICITLY)];
  const own = ownOf(request, place);
  const rows = lists.flatMap(({ sockets }) => sockets).filter((row) => mayComeOver(row, own));
  if (rows.some((row) => isHolder(row, own))) return { code: 'EADDRINUSE', syscall: 'bind' };
  const [stranger] = rows;
  if (stranger !== undefined) {
    const sentence = inWords(stranger, port);
    return { promise: { exclusivity: 'partial', caveat: sentence }, stranger: sentence };
  }
  if (promise.exclusivity === 'partial' || lists.every((list) => isWhole(list, request.protocol))) {
    return { promise, stranger: undefined };
  }
  const caveat =
    'this kernel does not list bound sockets, so a socket of another user on the port may have been missed';
  return { promise: { exclusivity: 'partial', caveat }, stranger: undefined };
}
