// What a socket is, in words that another process makes the same socket of again.
import type { AddressInfo, Server } from 'node:net';
import { addon, type Handle } from '../addon.ts';
import { closeWith } from '../adopt/close-with.ts';
import type { Origin } from '../adopt/origin.ts';
import { adoptBound } from '../adopt/udp.ts';
import { placeOf } from '../bind/places.ts';
import { compiledFor, DEFAULT_BACKLOG } from '../bind/plan.ts';
import { type BindRequest, DEFAULTS } from '../bind/request.ts';
import type { Bound } from '../bind/socket.ts';
import { BoundSocket } from '../bound-socket.ts';
import { codeOf, systemError } from '../errors.ts';
import { system } from '../platform.ts';
import type { BindOutcome, Leftovers, Sharing } from '../systems/system.ts';
import { describePath, keysFrom, revivePath } from './carried-path.ts';
import { type Carried, type CarriedPort, malformed } from './protocol.ts';

const { SOL_SOCKET = 0, SO_TYPE = 0, SO_ACCEPTCONN = 0, SOCK_STREAM = 0, SOCK_DGRAM = 0 } = addon.constants;
const { IPPROTO_TCP = 0, TCP_INFO = 0, IPPROTO_IPV6 = 0, IPV6_V6ONLY = 0 } = addon.constants;

// struct tcp_info (include/uapi/linux/tcp.h); of a listener: how many connections may wait.
const SACKED = 28;

const NOT_OURS = 'it was opened by Node or by another program, not by this package';

function backlogOf(socket: Handle, request: BindRequest | undefined): number {
  const read = system === 'linux' ? addon.numberIn(socket, IPPROTO_TCP, TCP_INFO, SACKED) : 0;
  return read || request?.backlog || DEFAULT_BACKLOG;
}

/** @throws Error `EBADF`, `ENOTSOCK` if it was closed underneath */
export function describe(
  name: string,
  socket: Handle,
  origin: Origin | undefined,
  ticketKeys: Buffer | undefined,
): Carried {
  if (origin !== undefined && origin.request === undefined) return describePath(name, socket, origin.bound, ticketKeys);
  const local = addon.localAddress(socket);
  if (local === null || typeof local === 'number')
    throw systemError({ code: typeof local === 'number' ? codeOf(local) : 'ENOTSOCK', syscall: 'getsockname' });
  const listening = addon.numberIn(socket, SOL_SOCKET, SO_ACCEPTCONN, 0) !== 0;
  const { request, bound } = origin ?? {};
  return {
    name,
    protocol: addon.numberIn(socket, SOL_SOCKET, SO_TYPE, 0) === SOCK_STREAM ? 'tcp' : 'udp',
    ...local,
    listening,
    backlog: listening ? backlogOf(socket, request) : (request?.backlog ?? DEFAULT_BACKLOG),
    guarded: bound?.guard !== undefined,
    ipv6Only: local.family === 6 && addon.numberIn(socket, IPPROTO_IPV6, IPV6_V6ONLY, 0) !== 0,
    sharing: request?.sharing ?? 'raw',
    leftovers: request?.leftovers ?? 'reuse',
    acceptPartial: request?.acceptPartial ?? true,
    outcome: bound?.outcome ?? null,
    exclusivity: bound?.promise.exclusivity ?? 'partial',
    caveat: bound === undefined ? NOT_OURS : (bound.promise.caveat ?? null),
    ticketKeys: ticketKeys?.toString('base64') ?? null,
  };
}

/** The keys by which a TLS server knows its sessions again. */
export function ticketKeysOf(server: Server): Buffer | undefined {
  const { getTicketKeys } = server as Server & { getTicketKeys?(): Buffer };
  return getTicketKeys?.call(server);
}

/**
 * Refuses a descriptor that is not the socket it is said to be.
 * @throws Error `ERR_EXACTBIND_HANDOVER_PROTOCOL`
 */
function checkKind(socket: Handle, carried: CarriedPort): void {
  const { protocol, listening } = carried;
  const local = addon.localAddress(socket);
  if (local === null || typeof local === 'number') throw malformed('a descriptor that is no TCP or UDP socket');
  const type = addon.numberIn(socket, SOL_SOCKET, SO_TYPE, 0);
  if (type !== (protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM)) throw malformed(`a socket that is not ${protocol}`);
  if (local.address !== carried.address || local.port !== carried.port)
    throw malformed('a socket that is bound to another address');
  if (listening !== (addon.numberIn(socket, SOL_SOCKET, SO_ACCEPTCONN, 0) !== 0))
    throw malformed(listening ? 'a socket that does not listen' : 'a socket that listens');
}

function requestOf(carried: CarriedPort): BindRequest {
  const { port, address: host, ipv6Only, backlog, protocol, listening, acceptPartial } = carried;
  return {
    ...DEFAULTS,
    port,
    host,
    ipv6Only,
    backlog,
    protocol,
    sharing: carried.sharing as Sharing,
    leftovers: carried.leftovers as Leftovers,
    reserve: protocol === 'tcp' && !listening,
    guard: carried.guarded,
    acceptPartial,
  };
}

/**
 * Makes a socket of this process of what has come. On failure the descriptors stay the caller's.
 * @throws Error `ERR_EXACTBIND_HANDOVER_PROTOCOL`
 */
export function revive(carried: Carried, socket: Handle, guard: Handle | undefined): BoundSocket<AddressInfo | string> {
  if (carried.protocol === 'unix') return new BoundSocket<string>(undefined, revivePath(carried, socket));
  checkKind(socket, carried);
  const { listening, protocol, caveat, ticketKeys, backlog } = carried;
  const request = requestOf(carried);
  const place = placeOf(request);
  const compiled = compiledFor(request, place);
  // What has listened for long needs nothing that follows listen().
  const how = listening ? { ...compiled, policy: { ...compiled.policy, afterListen: [] } } : compiled;
  const udp = protocol === 'udp' ? adoptBound(socket, place.family) : undefined;
  if (udp !== undefined && guard !== undefined) closeWith(udp, guard);
  const bound: Bound = {
    socket,
    udp,
    guard,
    place,
    how,
    outcome: (carried.outcome ?? undefined) as BindOutcome | undefined,
    promise: { exclusivity: carried.exclusivity as 'full' | 'partial', ...(caveat === null ? {} : { caveat }) },
    stranger: undefined,
    ...(listening ? { inheritance: { backlog, ticketKeys: keysFrom(ticketKeys) } } : {}),
  };
  return new BoundSocket(undefined, { request, bound });
}
