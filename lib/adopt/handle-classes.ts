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

/** What Node itself makes a server's handle with; `null` where it wants no address. */
type CreateServerHandle = (
  address: string | null,
  port: number | null,
  addressType: number | null,
  fd?: number,
) => TcpHandle | number;

// As they are while this module loads: a program, or our own hook, may replace them later.
const { _createServerHandle: createServerHandle } = net as unknown as { _createServerHandle?: CreateServerHandle };
const { connect } = net.Socket.prototype;

function isHandleClass(found: unknown): found is TcpClass {
  return typeof found === 'function' && typeof found.prototype?.open === 'function' && 'listen' in found.prototype;
}

// Connecting makes a socket create its handle at once: an accessor sees it, and ends the rest by throwing.
function fromConnect(): unknown {
  const socket = new net.Socket();
  let found: unknown;
  Object.defineProperty(socket, '_handle', {
    get: () => null,
    set(handle: TcpHandle | null) {
      found = handle?.constructor;
      handle?.close();
      throw new Error('not connected');
    },
  });
  try {
    // An address, because a name would make Node compile its pattern of IPv6 addresses, which takes 5 ms.
    (connect as (where: object) => unknown).call(socket, { host: '127.0.0.1', port: 1 });
  } catch {
    // Its own.
  }
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

function attempt<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch {
    return undefined;
  }
}

let tcp: TcpClass | undefined;

// The class is the constructor of a handle that a server has anyway: nobody who watches Node's handles sees another one.
function firstHandle(socket: number): TcpHandle | undefined {
  const handle = attempt(() => createServerHandle?.(null, null, null, socket));
  if (typeof handle !== 'object' || !isHandleClass(handle.constructor)) return undefined;
  // A replacement may have given a handle of its own, which is not ours to close. Deno's show no number.
  if (handle.fd !== undefined && handle.fd >= 0 && handle.fd !== socket) return undefined;
  tcp = handle.constructor;
  return handle;
}

/**
 * Opens a listening Unix socket in the handle that Node makes a server of; undefined if that is none.
 * @throws Error `ENOTSUP` where the runtime has no such handle
 */
export function openPipe(socket: number): TcpHandle | undefined {
  requireTcp();
  const handle = attempt(() => createServerHandle?.(null, null, null, socket));
  return typeof handle === 'object' && handle.fd === socket ? handle : undefined;
}

/** What the handles that `server.listen()` takes as they are have in common. */
export function tcpPrototype(): object {
  tcp ??= findClass();
  return tcp.prototype;
}

function findClass(): TcpClass {
  for (const find of [fromConnect, fromTls]) {
    const found = attempt(find);
    if (isHandleClass(found)) return found;
  }
  throw noHandle('TCP');
}

/**
 * Opens a socket in a handle for a server. The negative errno if Node refuses it; the socket is still the caller's then.
 * @throws Error `ENOTSUP` where the runtime has no such handle
 */
export function openInHandle(socket: number): TcpHandle | number {
  requireTcp();
  if (tcp === undefined) {
    // Node finds no kind of descriptor in a SOCKET.
    const first = process.platform === 'win32' ? undefined : firstHandle(socket);
    if (first !== undefined) return first;
    tcp = findClass();
  }
  const handle = new tcp(1);
  const error = handle.open(socket);
  if (error === 0) return handle;
  // Node never closes a handle because it was collected.
  handle.close();
  return error;
}

/** Opens a Unix socket in a handle for a server, as `openInHandle()` does. */
export function openPipeInHandle(socket: number): NodeHandle | number {
  requireTcp();
  return createServerHandle?.(null, null, null, socket) ?? -1;
}

/**
 * Where there is none, all that needs no adoption still works.
 * @throws Error `ENOTSUP` where the runtime has no handle that could adopt a socket (Bun)
 */
export function requireTcp(): void {
  if (createServerHandle === undefined) throw noHandle('TCP');
}

function noHandle(protocol: string): Error {
  // They give the name and a version of Node as their own.
  const { bun, deno, node } = process.versions;
  const runtime = bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node ${node}`;
  const message = `this runtime (${runtime}) shows no ${protocol} handle that could adopt a socket`;
  return Object.assign(new Error(message), { code: 'ENOTSUP' });
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
