// Finds the classes of Node's own TCP and UDP handles, which no public module exports.
import dgram from 'node:dgram';
import net from 'node:net';
import tls from 'node:tls';

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

export type UdpHandle = NodeHandle;

/** 1 is TCPConstants.SERVER: what asynchronous hooks call a TCPSERVERWRAP. */
type TcpClass = new (type: 1) => TcpHandle;
type UdpClass = new () => UdpHandle;

const noop = (): void => {};

// Connecting makes a socket create its handle before it looks the name up; the lookup never answers, so there is no
// descriptor, no system call and no DNS. Measured on Node 20.19 to 26.10, with and without --permission.
function fromSocket(): unknown {
  const socket = new net.Socket();
  socket.on('error', noop);
  socket.connect({ host: 'unused.invalid', port: 1, lookup: noop as never });
  const found = (socket as unknown as { _handle?: object })._handle?.constructor;
  socket.destroy();
  return found;
}

// In case somebody has replaced Socket.prototype.connect before this module was loaded.
function fromTls(): unknown {
  const socket = new tls.TLSSocket(null as never, {});
  const found = (socket as unknown as { _handle?: { _parent?: object } })._handle?._parent?.constructor;
  socket.destroy();
  return found;
}

function isHandleClass(found: unknown): found is TcpClass {
  return typeof found === 'function' && typeof found.prototype?.open === 'function' && 'listen' in found.prototype;
}

function findTcp(): TcpClass {
  const found = fromSocket();
  if (isHandleClass(found)) return found;
  const other = fromTls();
  if (isHandleClass(other)) return other;
  const message = `this runtime (${process.release.name} ${process.version}) shows no TCP handle that could adopt a socket`;
  throw Object.assign(new Error(message), { code: 'ENOTSUP' });
}

/** Found while loading: a program may patch `connect` later. */
export const TCP: TcpClass = findTcp();

let udp: UdpClass | undefined;

/** dgram keeps its handle under a symbol, so that DEP0112's warning about `_handle` stays silent. */
export function udpClass(): UdpClass {
  if (udp !== undefined) return udp;
  const socket = dgram.createSocket('udp4');
  for (const symbol of Object.getOwnPropertySymbols(socket)) {
    const state = (socket as unknown as Record<symbol, { handle?: UdpHandle } | undefined>)[symbol];
    if (typeof state?.handle?.open === 'function') udp = state.handle.constructor as UdpClass;
  }
  socket.close();
  if (udp !== undefined) return udp;
  const message = `this runtime (${process.release.name} ${process.version}) shows no UDP handle that could adopt a socket`;
  throw Object.assign(new Error(message), { code: 'ENOTSUP' });
}
