// What a socket is that another process has made: its kind, its address, and what may be promised of it.
import { addon, type Handle } from '../addon.ts';
import { adoptBound } from '../adopt/udp.ts';
import { codeOf, type Failure } from '../errors.ts';
import { has } from '../own.ts';
import { system } from '../platform.ts';
import type { Promised, Protocol } from '../systems/system.ts';
import { type Place, placeOf } from './places.ts';
import { compiledFor } from './plan.ts';
import { type BindRequest, DEFAULTS } from './request.ts';
import type { Bound } from './socket.ts';

const {
  SOL_SOCKET = 0,
  SO_TYPE = 0,
  SO_REUSEADDR = 0,
  SO_REUSEPORT,
  SO_PEERNAME,
  SOCK_STREAM,
  SOCK_DGRAM,
} = addon.constants;
const { SO_ACCEPTCONN = 0, SO_DOMAIN, AF_INET, AF_INET6, AF_UNIX } = addon.constants;
const { IPPROTO_IPV6 = 0, IPV6_V6ONLY = 0, IPPROTO_TCP = 0, TCP_INFO = 0 } = addon.constants;

// struct tcp_info (include/uapi/linux/tcp.h); of a listener: its backlog.
const SACKED = 28;

/** The kinds of socket that can be taken over. */
export type Kind = { readonly protocol: Protocol } & (
  | { readonly address: string; readonly family: 4 | 6; readonly port: number; readonly ipv6Only: boolean }
  | { readonly path: string }
);

export type PortKind = Exclude<Kind, { readonly path: string }>;

const numberOf = (handle: Handle, level: number, option: number) => addon.numberIn(handle, level, option, 0);

const isOn = (handle: Handle, option: number | undefined) =>
  option !== undefined && numberOf(handle, SOL_SOCKET, option) !== 0;

// Linux refuses to write less than it was asked for (sk_getsockopt() in net/core/sock.c): the family is always there.
function isConnected(handle: Handle): boolean {
  return SO_PEERNAME !== undefined && typeof addon.get(handle, SOL_SOCKET, SO_PEERNAME, 2) !== 'number';
}

const CONNECTED = 'it is a connection, of a unit with Accept=yes: only Accept=no passes the listening socket';

/** Of a socket of a type that is told. */
function streamFailure(handle: Handle): Failure | undefined {
  if (isConnected(handle)) return { code: 'EISCONN', syscall: 'getpeername', remark: CONNECTED };
  // macOS has no getter for it.
  if (typeof addon.get(handle, SOL_SOCKET, SO_ACCEPTCONN, 4) === 'number' || isOn(handle, SO_ACCEPTCONN))
    return undefined;
  return { code: 'EINVAL', syscall: 'getsockopt', option: 'SO_ACCEPTCONN', remark: 'it does not listen' };
}

/** What a descriptor is, or why it is nothing that can be taken over. */
export function kindOf(handle: Handle): Kind | Failure {
  const type = addon.get(handle, SOL_SOCKET, SO_TYPE, 4);
  if (typeof type === 'number') return { code: codeOf(type), syscall: 'getsockopt', option: 'SO_TYPE' };
  const number = numberOf(handle, SOL_SOCKET, SO_TYPE);
  const protocol = number === SOCK_STREAM ? 'tcp' : number === SOCK_DGRAM ? 'udp' : undefined;
  const family = SO_DOMAIN === undefined ? undefined : numberOf(handle, SOL_SOCKET, SO_DOMAIN);
  const isKnown = family === undefined || family === AF_INET || family === AF_INET6 || family === AF_UNIX;
  if (protocol === undefined || !isKnown || (protocol === 'udp' && family === AF_UNIX)) {
    const remark = `no socket of type ${number} and family ${family} can be taken over`;
    return { code: 'ENOTSUP', syscall: 'getsockopt', remark };
  }
  const failure = protocol === 'tcp' ? streamFailure(handle) : undefined;
  if (failure !== undefined) return failure;
  const local = addon.localAddress(handle);
  if (typeof local === 'number') return { code: codeOf(local), syscall: 'getsockname' };
  if (local === null) {
    const path = addon.localPath(handle);
    return typeof path === 'number' ? { code: codeOf(path), syscall: 'getsockname' } : { protocol, path };
  }
  const ipv6Only = local.family === 6 && numberOf(handle, IPPROTO_IPV6, IPV6_V6ONLY) !== 0;
  return { protocol, ...local, ipv6Only };
}

/** What any socket with that option lets others do. */
const CAVEATS = {
  tcp: 'the socket was made with SO_REUSEPORT: another process of its user can bind the port too, and share its connections',
  udp: 'the socket was made with SO_REUSEADDR or SO_REUSEPORT: another process can bind the port too, and take its datagrams',
} as const;

function promiseOf(handle: Handle, protocol: Protocol, usual: Promised): Promised {
  const isShared = isOn(handle, SO_REUSEPORT) || (protocol === 'udp' && isOn(handle, SO_REUSEADDR));
  return isShared ? { exclusivity: 'partial', caveat: CAVEATS[protocol] } : usual;
}

/** A socket of a port, as if it had been bound here. */
export interface Existing {
  readonly request: BindRequest;
  readonly bound: Bound;
}

/** Takes over a socket of TCP or UDP that has been looked at; nothing of it changes. A failure leaves it as it was. */
export function existing(handle: Handle, kind: PortKind): Existing {
  const { protocol, address, port, ipv6Only } = kind;
  const told = protocol === 'tcp' && system === 'linux' ? addon.numberIn(handle, IPPROTO_TCP, TCP_INFO, SACKED) : 0;
  // Node would listen again with its own number, and a smaller one delays clients by a second.
  const backlog = told > 0 ? told : undefined;
  const request: BindRequest = { ...DEFAULTS, port, host: address, protocol, ipv6Only, backlog, acceptPartial: true };
  const place: Place = placeOf(request);
  const compiled = compiledFor(request, place);
  // What has listened for long needs nothing that follows listen().
  const how = { ...compiled, policy: { ...compiled.policy, afterListen: [] } };
  const { exclusivity, caveat } = promiseOf(handle, protocol, how.policy);
  const bound: Bound = {
    socket: handle,
    udp: protocol === 'udp' ? adoptBound(handle, place.family) : undefined,
    guard: undefined,
    place,
    how,
    outcome: undefined,
    promise: caveat === undefined ? { exclusivity } : { exclusivity, caveat },
    stranger: undefined,
    ...(backlog === undefined ? {} : { inheritance: { backlog, ticketKeys: undefined } }),
  };
  return { request, bound };
}

export const isFailure = (found: Kind | Failure): found is Failure => has(found, 'syscall');
