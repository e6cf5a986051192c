// Stops a server or a UDP socket without closing the kernel's queue, lets it go on, and finds what it has accepted.
import type dgram from 'node:dgram';
import fs from 'node:fs';
import net, { type Server } from 'node:net';
import { clearInterval } from 'node:timers';
import { addon, type Handle } from '../addon.ts';
import { codeOf, nameOfErrno, notSupported, systemError } from '../errors.ts';
import { closeFileWith } from '../unix/socket.ts';
import { closeWith } from './close-with.ts';
import {
  dgramState,
  type NodeHandle,
  openInHandle,
  openPipeInHandle,
  type TcpHandle,
  type UdpHandle,
} from './handle-classes.ts';
import { type Origin, originOf, remember } from './origin.ts';

/** A handle as a server uses it. */
interface ServerHandle extends TcpHandle {
  onconnection?: unknown;
  hasRef?(): boolean;
  unref?(): void;
}

interface OwnedHandle {
  [owner: symbol]: unknown;
}

interface ServerInside {
  _handle: ServerHandle | null;
}

interface DatagramHandle extends UdpHandle {
  recvStart(): number;
  recvStop(): number;
}

/** What Node keeps of a connection that it has accepted. */
export interface Accepted extends net.Socket {
  readonly server?: unknown;
  /** The answer that is being made. */
  readonly _httpMessage?: Answer | null;
  readonly [key: symbol]: unknown;
}

interface Answer {
  readonly headersSent: boolean;
  shouldKeepAlive: boolean;
  hasHeader(name: string): boolean;
  removeHeader(name: string): void;
}

export function handleOfServer(server: Server): ServerHandle | null {
  return (server as unknown as ServerInside)._handle;
}

/** What is known of a socket that this package opened; undefined of others. */
export function originOfServer(server: Server): Origin | undefined {
  const handle = handleOfServer(server);
  return handle === null ? undefined : originOf(handle);
}

export function originOfDatagrams(socket: dgram.Socket): Origin | undefined {
  const { handle } = dgramState(socket);
  return handle === undefined ? undefined : originOf(handle);
}

/** @throws Error `ENOTSUP` for a Unix socket of Node's own, whose file it removes with the handle */
export function requireStoppable(server: Server): void {
  const handle = handleOfServer(server);
  if (handle?.constructor.name === 'TCP' || originOfServer(server) !== undefined) return;
  const why =
    'Node has bound the path of this server, and removes its file: listen(server, { path }) of this package does not';
  throw notSupported('offerSockets', why, 'sendmsg');
}

/** A server that has stopped accepting, and is none the wiser: it still counts as listening. */
export interface Stopped {
  /** Accepts again. */
  resume(backlog: number): void;
}

// A second descriptor takes the place of the first: the queue belongs to both, and to no poll while nobody listens on it.
export function stopAccepting(server: Server): Stopped {
  const handle = handleOfServer(server);
  if (handle?.fd === undefined) throw systemError({ code: 'EBADF', syscall: 'dup' });
  const copy = addon.duplicate(handle.fd);
  if (copy === -1) throw systemError({ code: codeOf(addon.status[0] as number), syscall: 'dup' });
  const origin = originOf(handle);
  const path = origin?.request === undefined ? origin?.bound : undefined;
  const standIn = (path === undefined ? openInHandle(copy) : openPipeInHandle(copy)) as ServerHandle | number;
  if (typeof standIn === 'number') {
    fs.closeSync(copy);
    throw systemError({ code: nameOfErrno(standIn), syscall: 'open' });
  }
  for (const symbol of Object.getOwnPropertySymbols(handle)) {
    if (symbol.description === 'owner_symbol')
      (standIn as unknown as OwnedHandle)[symbol] = (handle as unknown as OwnedHandle)[symbol];
  }
  standIn.onconnection = handle.onconnection;
  if (handle.hasRef?.() === false) standIn.unref?.();
  if (origin !== undefined) remember(standIn, origin);
  if (origin?.bound.guard !== undefined) closeWith(standIn, origin.bound.guard);
  if (path !== undefined) closeFileWith(standIn, path);
  (server as unknown as ServerInside)._handle = standIn;
  // Not its own close(), which would close the guard too.
  (Object.getPrototypeOf(handle) as NodeHandle).close.call(handle);
  return {
    resume(backlog) {
      // The program may have closed it meanwhile.
      if (handleOfServer(server) !== standIn) return;
      const error = (Object.getPrototypeOf(standIn) as TcpHandle).listen.call(standIn, backlog);
      if (error !== 0) throw systemError({ code: nameOfErrno(error), syscall: 'listen' });
    },
  };
}

/** Closes a listener and nothing else: neither idle connections, nor what checks the time limits of requests. */
export function closeListener(server: Server): void {
  net.Server.prototype.close.call(server);
}

/** Ends what checks the time limits of an HTTP server, which its own close() would have ended. */
export function endChecks(server: Server): void {
  const inside = server as unknown as Record<symbol, NodeJS.Timeout | undefined>;
  for (const symbol of Object.getOwnPropertySymbols(server)) {
    if (symbol.description === 'http.server.connectionsCheckingInterval') clearInterval(inside[symbol]);
  }
}

export function stopReceiving(socket: dgram.Socket): void {
  (dgramState(socket).handle as DatagramHandle | undefined)?.recvStop();
}

export function receiveAgain(socket: dgram.Socket): void {
  (dgramState(socket).handle as DatagramHandle | undefined)?.recvStart();
}

/** The connections that a server has accepted and that are open. */
export function connectionsOf(server: Server): Accepted[] {
  const { _getActiveHandles: active } = process as unknown as { _getActiveHandles?(): unknown[] };
  const found = active?.call(process) ?? [];
  return found.filter(
    (one): one is Accepted => one instanceof net.Socket && (one as Accepted).server === server && !one.destroyed,
  );
}

/** Has the answer that is being made on a connection be its last, if it does not say otherwise already. */
export function answerLast(answer: Answer | null | undefined): void {
  if (!answer || answer.headersSent) return;
  // Else what the program has set decides.
  if (answer.hasHeader('connection')) answer.removeHeader('connection');
  answer.shouldKeepAlive = false;
}

/** The part of an Http2Session that ends it. */
export interface Session {
  readonly closed: boolean;
  readonly destroyed: boolean;
  goaway(code: number, lastStream?: number): void;
  ping(callback: (error: Error | null) => void): boolean;
  close(): void;
  once(event: 'close', listener: () => void): unknown;
}

export function isSession(value: unknown): value is Session {
  return typeof value === 'object' && typeof (value as Partial<Session> | null)?.goaway === 'function';
}

/** The HTTP/2 sessions that Node itself remembers of a server: from 24 on. */
export function sessionsOf(server: Server): Session[] {
  const inside = server as unknown as Record<symbol, unknown>;
  for (const symbol of Object.getOwnPropertySymbols(server)) {
    const found = inside[symbol];
    if (symbol.description === 'sessions' && found instanceof Set) return [...found].filter(isSession);
  }
  return [];
}

/** A handle for the listener of an offer, which was bound natively: Node removes no file when it closes it. */
export function adoptControl(socket: Handle): NodeHandle {
  const handle = openPipeInHandle(socket);
  if (typeof handle === 'number') throw systemError({ code: nameOfErrno(handle), syscall: 'open' });
  addon.release(socket);
  return handle;
}
