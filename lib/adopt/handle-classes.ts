// Finds the classes of Node's own TCP and UDP handles, which no public module exports.
import type dgram from 'node:dgram';
import net from 'node:net';
import { bare } from '../own.ts';

/** The part of Node's TCP and UDP handles that adoption needs. */
export interface NodeHandle {
  readonly fd?: number;
  /** Takes over a descriptor (a SOCKET on Windows). 0, or a negative errno. */
  open(fd: number): number;
  close(callback?: () => void): void;
}

export interface TcpHandle extends NodeHandle {
  listen(backlog: number): number;
}

export interface UdpHandle extends NodeHandle {
  connect(address: string, port: number): number;
  connect6(address: string, port: number): number;
}

/** 1 is TCPConstants.SERVER: what asynchronous hooks call a TCPSERVERWRAP. */
type TcpClass = new (type: 1) => TcpHandle;
type UdpClass = new () => UdpHandle;

const noop = (): void => {};

// Connecting makes a socket create its handle at once and call connect(2) in the next tick, which destroy() forestalls:
// no descriptor, no system call. An address, because a name would make Node compile its pattern of IPv6 addresses,
// which takes 5 ms. Measured on Node 20.19 to 26.10, with and without --permission.
function fromSocket(): unknown {
  const socket = new net.Socket();
  socket.on('error', noop);
  socket.connect({ host: '127.0.0.1', port: 1 });
  const found = (socket as unknown as { _handle?: object })._handle?.constructor;
  socket.destroy();
  return found;
}

// In case somebody has replaced Socket.prototype.connect before this module was loaded.
function fromTls(): unknown {
  // Loaded only here: it takes longer than the whole package.
  const tls = process.getBuiltinModule('node:tls');
  const socket = new tls.TLSSocket(null as never, {});
  const found = (socket as unknown as { _handle?: { _parent?: object } })._handle?._parent?.constructor;
  socket.destroy();
  return found;
}

function isHandleClass(found: unknown): found is TcpClass {
  return typeof found === 'function' && typeof found.prototype?.open === 'function' && 'listen' in found.prototype;
}

function findTcp(): TcpClass | undefined {
  const found = fromSocket();
  if (isHandleClass(found)) return found;
  const other = fromTls();
  return isHandleClass(other) ? other : undefined;
}

function noHandle(protocol: string): Error {
  // They give the name and a version of Node as their own.
  const { bun, deno, node } = process.versions;
  const runtime = bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node ${node}`;
  const message = `this runtime (${runtime}) shows no ${protocol} handle that could adopt a socket`;
  return Object.assign(new Error(message), { code: 'ENOTSUP' });
}

// Found while loading: a program may patch `connect` later.
const tcp = findTcp();

/** Where there is none, all that needs no adoption still works. */
export function tcpClass(): TcpClass {
  if (tcp === undefined) throw noHandle('TCP');
  return tcp;
}

/** What dgram remembers of a socket, under a symbol; the documented names are those of createSocket()'s options. */
export interface DgramState {
  readonly handle?: UdpHandle;
  readonly reuseAddr?: boolean;
  readonly reusePort?: boolean;
  readonly ipv6Only?: boolean;
}

/** Empty where the runtime keeps it elsewhere. */
export function dgramState(socket: dgram.Socket): DgramState {
  for (const symbol of Object.getOwnPropertySymbols(socket)) {
    const state = (socket as unknown as Record<symbol, DgramState | undefined>)[symbol];
    if (typeof state?.handle?.open === 'function') return state;
  }
  return bare({});
}

let udp: UdpClass | undefined;

/** Not through `socket._handle`, of which DEP0112 warns. */
export function udpClass(): UdpClass {
  if (udp !== undefined) return udp;
  const socket = process.getBuiltinModule('node:dgram').createSocket('udp4');
  const { handle } = dgramState(socket);
  // Deno's remembers the address that a descriptor had when it was opened, which is none.
  if (typeof handle?.fd === 'number') udp = handle.constructor as UdpClass;
  socket.close();
  if (udp !== undefined) return udp;
  throw noHandle('UDP');
}
