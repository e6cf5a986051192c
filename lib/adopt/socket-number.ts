// Finds the number of the socket behind what Node gives a program: its descriptor, or its SOCKET on Windows.
import type dgram from 'node:dgram';
import net from 'node:net';
import { addon, type Handle } from '../addon.ts';
import { codeOf, noHandle, systemError, wrongType } from '../errors.ts';
import { system } from '../platform.ts';
import { dgramState, type NodeHandle } from './handle-classes.ts';

/** The sockets of Node's own whose options can be read and set. */
export type NodeSocket = net.Socket | net.Server | dgram.Socket;

/** The part of a handle that tells where its socket is. */
interface NumberedHandle extends Partial<NodeHandle> {
  /** What a TLS handle wraps. */
  readonly _parent?: NumberedHandle;
  ref?(): void;
  unref?(): void;
  hasRef?(): boolean;
}

interface HandleOwner {
  readonly _handle?: NumberedHandle | null;
}

// A handle keeps its socket until it is closed, and Node forgets the handle then.
const onWindows = new WeakMap<NumberedHandle, Handle>();

function references(): Map<number, number> {
  const list = addon.loopSockets();
  if (typeof list === 'number') throw systemError({ code: codeOf(list), syscall: 'uv_walk' });
  const found = new Map<number, number>();
  for (let at = 0; at < list.length; at += 2) found.set(list[at] as number, list[at + 1] as number);
  return found;
}

/**
 * Node shows no SOCKET of its own on Windows. The one of this handle is the one whose reference to the loop moves when the
 * handle's does, which nobody else sees, because it moves back before anything else runs.
 */
function byReference(handle: NumberedHandle): Handle {
  const { ref, unref, hasRef } = handle;
  if (ref === undefined || unref === undefined || hasRef === undefined) return -1;
  const before = references();
  const was = hasRef.call(handle);
  (was ? unref : ref).call(handle);
  const after = references();
  (was ? ref : unref).call(handle);
  for (const [socket, isReferenced] of after) if (before.get(socket) !== isReferenced) return socket;
  return -1;
}

function numberOnWindows(handle: NumberedHandle): Handle {
  let inner = handle;
  while (inner._parent !== undefined) inner = inner._parent;
  // What was opened natively shows its number here too.
  if (inner.fd !== undefined && inner.fd >= 0) return inner.fd;
  const known = onWindows.get(inner);
  if (known !== undefined) return known;
  const socket = byReference(inner);
  if (socket !== -1) onWindows.set(inner, socket);
  return socket;
}

const BEFORE_CONNECT = 'it opens when it connects; connect({ port, host, socketOptions }) sets options before that';
const BEFORE_LISTEN = 'it opens when it listens; listen(server, { port, socketOptions }) sets options before that';
const BEFORE_BIND = 'it opens when it is bound; bindUdp(socket, { port, socketOptions }) sets options before that';
const WORKER = 'the primary of this cluster holds it; listen() of this package gives a worker a socket of its own';
const PIPE = 'a named pipe of Windows has no socket';

function unreachable(handle: NumberedHandle | null | undefined, unopened: string): Error {
  if (handle === null || handle === undefined || handle.constructor.name !== 'Pipe') {
    return noHandle(handle && typeof handle.fd !== 'number' ? WORKER : unopened);
  }
  return noHandle(system === 'windows' ? PIPE : unopened);
}

function unopened(socket: NodeSocket): string {
  if (socket instanceof net.Socket) return socket.destroyed ? 'it is destroyed' : BEFORE_CONNECT;
  return socket instanceof net.Server ? BEFORE_LISTEN : BEFORE_BIND;
}

function handleOf(socket: NodeSocket): NumberedHandle | null | undefined {
  if (socket instanceof net.Socket || socket instanceof net.Server) return (socket as HandleOwner)._handle;
  if (isDatagram(socket)) return dgramState(socket).handle as NumberedHandle | undefined;
  throw wrongType('socket', 'a net.Socket, net.Server, dgram.Socket, BoundSocket or descriptor', socket);
}

/**
 * @throws TypeError `ERR_INVALID_ARG_TYPE`
 * @throws Error `ERR_SOCKET_NO_HANDLE` for a socket that is not open yet, or no more, or that another process holds
 */
export function numberOfSocket(socket: NodeSocket | number): Handle {
  if (typeof socket === 'number' && Number.isInteger(socket) && socket >= 0 && socket < 2 ** 32) return socket;
  const handle = handleOf(socket as NodeSocket);
  if (handle !== null && handle !== undefined) {
    const number = system === 'windows' ? numberOnWindows(handle) : handle.fd;
    if (number !== undefined && number >= 0) return number;
  }
  throw unreachable(handle, unopened(socket as NodeSocket));
}

function isDatagram(value: unknown): value is dgram.Socket {
  return value instanceof process.getBuiltinModule('node:dgram').Socket;
}
