// Makes a native TCP socket Node's: wraps it in the handle that net.Server listens with.
import { addon, type Handle } from '../addon.ts';
import { type Compiled, DEFAULT_BACKLOG } from '../bind/plan.ts';
import { nameOfErrno, systemError } from '../errors.ts';
import { bare } from '../own.ts';
import { closeWith } from './close-with.ts';
import { type NodeHandle, openInHandle, type TcpHandle } from './handle-classes.ts';

/** What Node calls for each connection; it is kept as a property of the handle. */
type OnConnection = (this: TcpHandle, status: number, client: NodeHandle | undefined) => void;

/** Settings that the first connections may lack: so many get them when they are accepted. */
export interface Late {
  readonly settings: Int32Array;
  readonly connections: number;
}

const { IPPROTO_TCP = 0, TCP_INFO = 0 } = addon.constants;
// struct tcp_info (include/uapi/linux/tcp.h); of a listener: how many connections wait to be accepted.
const UNACKED = 24;

/**
 * What the connections that wait may have missed: they were quicker than the settings that follow listen(). On a port that
 * the system chose that is harmless: the next start gets another one.
 */
export function lateOf(socket: Handle, { afterListen, policy }: Compiled, port: number): Late | undefined {
  if (policy.afterListen.length === 0 || port === 0) return undefined;
  return { settings: afterListen, connections: addon.numberIn(socket, IPPROTO_TCP, TCP_INFO, UNACKED) };
}

/** What a socket brings along from the process that had it before. */
export interface Inheritance {
  /** A smaller one would turn away who is waiting. */
  readonly backlog: number;
  /** So that sessions of TLS go on. */
  readonly ticketKeys: Buffer | undefined;
}

/** What a socket brings along. */
export interface Belongings {
  /** Used where the caller of listen() passes none. */
  readonly backlog: number | undefined;
  readonly late: Late | undefined;
  /** Closed with it. */
  readonly guard: Handle | undefined;
  readonly inheritance?: Inheritance | undefined;
}

/**
 * Wraps a socket; from here on Node closes it. A failure leaves it with its owner.
 *
 * net.Server calls listen(2) on the handle again, with a backlog that is only ever positional.
 * @throws Error `EBADF`, `EEXIST`, `ENOTSOCK` if the descriptor is not the socket it was; `ENOTSUP` where the runtime has
 * no such handle (Bun)
 */
export function adoptTcp(socket: Handle, { backlog, late, guard, inheritance }: Belongings): TcpHandle {
  const handle = openInHandle(socket);
  if (typeof handle === 'number') throw systemError({ code: nameOfErrno(handle), syscall: 'open' });
  addon.release(socket);
  if (backlog !== undefined) {
    const { listen } = handle;
    handle.listen = (asked) => listen.call(handle, asked === DEFAULT_BACKLOG ? backlog : asked);
  }
  if (inheritance !== undefined) inherit(handle, inheritance);
  if (late !== undefined && late.connections > 0) applyLate(handle, late.settings, late.connections);
  if (guard !== undefined) closeWith(handle, guard);
  return handle;
}

interface TlsServer {
  /** Of the program's own options. */
  readonly ticketKeys?: Buffer;
  setTicketKeys?(keys: Buffer): void;
}

function inherit(handle: TcpHandle, inheritance: Inheritance): void {
  const { listen } = handle;
  handle.listen = (asked) => listen.call(handle, inherited(handle, inheritance, asked));
}

/** Gives a server that is about to listen what its socket has brought; returns the backlog. Node has told the handle its server. */
export function inherited(handle: TcpHandle, { backlog, ticketKeys }: Inheritance, asked: number): number {
  const server = ownerOf(handle) as TlsServer | undefined;
  if (ticketKeys !== undefined && server?.ticketKeys === undefined) server?.setTicketKeys?.(ticketKeys);
  return Math.max(asked, backlog);
}

/** The server that listens with a handle. */
export function ownerOf(handle: object): unknown {
  const symbol = Object.getOwnPropertySymbols(handle).find(({ description }) => description === 'owner_symbol');
  return symbol === undefined ? undefined : (handle as { [owner: symbol]: unknown })[symbol];
}

function applyLate(handle: TcpHandle, settings: Int32Array, connections: number): void {
  let left = connections;
  let callback: OnConnection | undefined;
  const watched: PropertyDescriptor = {
    configurable: true,
    get: () => callback,
    set(given: OnConnection) {
      callback = function (status, client) {
        if (client?.fd !== undefined) addon.set(client.fd, settings);
        if (--left === 0) Object.defineProperty(handle, 'onconnection', bare({ value: given, writable: true }));
        given.call(this, status, client);
      };
    },
  };
  Object.defineProperty(handle, 'onconnection', bare(watched));
}
