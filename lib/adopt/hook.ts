// The hook behind exactbind/register: every TCP listen by port of an unmodified program goes through the exact bind.
import { AsyncResource } from 'node:async_hooks';
import net, { type Server } from 'node:net';
import { debuglog } from 'node:util';
import { addon } from '../addon.ts';
import { isWithoutIpv6, placeOf, type Refused } from '../bind/places.ts';
import { DEFAULT_BACKLOG } from '../bind/plan.ts';
import { type BindRequest, DEFAULTS } from '../bind/request.ts';
import { type Bound, bind } from '../bind/socket.ts';
import { errnoOf, nameOfErrno, notSupported } from '../errors.ts';
import { addReport, reportOn, reportOnLater } from '../inspect/refusal.ts';
import type { PortReport } from '../inspect/report.ts';
import { has } from '../own.ts';
import { handleOfPath } from '../unix/socket.ts';
import type { TcpHandle } from './handle-classes.ts';
import { takeInheritedAt, takeInheritedPath } from './inherited.ts';
import { remember } from './origin.ts';
import { hasNetPermission } from './permission.ts';
import { checkPrimary } from './primary.ts';
import { original, replacing } from './replaced.ts';
import { adoptTcp, lateOf } from './tcp.ts';

/** What setupListenHandle() of Node uses of a handle before it has told success from failure. */
interface FailedHandle {
  listen(): number;
  close(): void;
  getAsyncId(): number;
}

interface ListeningServer extends Server {
  _handle: TcpHandle | FailedHandle | null;
}

type Listen2 = (
  this: ListeningServer,
  address: string | null | undefined,
  port: number | null | undefined,
  addressType: number | null | undefined,
  backlog: number | undefined,
  fd: number | undefined,
  flags: number | undefined,
) => void;

type CreateServerHandle = (
  address: string | null | undefined,
  port: number,
  addressType: number,
  fd: number | undefined,
  flags: number | undefined,
) => TcpHandle | number;

// uv.h: UV_TCP_IPV6ONLY, UV_TCP_REUSEPORT.
const IPV6_ONLY = 1;
const REUSE_PORT = 2;

/** Whether Node is asked for a TCP port, and not for a path, a descriptor or a port shared through SO_REUSEPORT. */
function isExact(address: unknown, port: unknown, fd: unknown, flags = 0): port is number {
  if (typeof port !== 'number' || port < 0 || typeof fd === 'number' || (flags & REUSE_PORT) !== 0) return false;
  // A replaced dns.lookup() may have answered anything: Node has its own error for it.
  return (!address || net.isIP(address as string) !== 0) && hasNetPermission();
}

function requestAt(host: string, port: number, backlog: number | undefined, flags: number): BindRequest {
  // It has been checked; net.isIP() would have Node compile its pattern of IPv6 addresses, which takes 5 ms.
  const family = host.includes(':') ? 6 : 4;
  return {
    ...DEFAULTS,
    port,
    host,
    ipv6Only: (flags & IPV6_ONLY) !== 0 && family === 6,
    // Whatever else the program passes, listen() of Node will apply; the socket must not wait for it unlistening.
    backlog: Number(backlog) >= 1 && Number(backlog) < 2 ** 31 ? Number(backlog) : DEFAULT_BACKLOG,
  };
}

function exactAt(host: string, port: number, backlog: number | undefined, flags: number): Bound | Refused {
  const request = requestAt(host, port, backlog, flags);
  return (port === 0 ? undefined : inheritedAt(request)) ?? bind(request);
}

/** The socket that whoever started this process has opened for this address, and for no other. */
function inheritedAt(request: BindRequest): Bound | undefined {
  // Only then is the file loaded that knows more. A program that takes over its sockets itself has cleared it.
  if (process.env['LISTEN_FDS'] === undefined) return undefined;
  return takeInheritedAt(placeOf(request), request.port, request.ipv6Only)?.bound;
}

/** The Unix socket that whoever started this process has opened at a path: its handle, which removes no file. */
function inheritedPath(address: unknown, port: unknown, fd: unknown): TcpHandle | undefined {
  if (process.env['LISTEN_FDS'] === undefined || port !== -1 || typeof fd === 'number') return undefined;
  if (typeof address !== 'string' || !hasNetPermission()) return undefined;
  const bound = takeInheritedPath(address);
  return bound === undefined ? undefined : handleOfPath(bound);
}

function exact(
  address: string | null | undefined,
  port: number,
  backlog: number | undefined,
  flags = 0,
): Bound | Refused {
  // Node treats an empty host as none.
  if (address) return exactAt(address, port, backlog, flags);
  const dual = exactAt('::', port, backlog, flags);
  if (has(dual, 'socket') || dual.refusal.code === 'EADDRINUSE') return dual;
  // Node tries 0.0.0.0 after every refusal but a conflict, and reports that.
  if (isWithoutIpv6(dual.refusal)) return exactAt('0.0.0.0', port, backlog, flags);
  return { ...dual, place: { ...dual.place, host: '0.0.0.0', family: 4 } };
}

/** The handle of Node's around a socket, or the errno of a refusal. */
function handleOf(bound: Bound | Refused, port: number): TcpHandle | number {
  if (has(bound, 'refusal')) return errnoOf(bound.refusal.code);
  try {
    const { socket, how, guard, inheritance } = bound;
    const handle = adoptTcp(socket, { backlog: undefined, late: lateOf(socket, how, port), guard, inheritance });
    remember(handle, { request: DEFAULTS, bound });
    return handle;
  } catch (error) {
    addon.close(bound.socket);
    if (bound.guard !== undefined) addon.close(bound.guard);
    // Thrown here it would end the program: Node calls this where nobody can catch it.
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    return errno;
  }
}

const debug = debuglog('exactbind');

/** Has an error of Node's explained. A library that makes its own out of the message drops that: NODE_DEBUG has it still. */
function explainError(error: Error, report: PortReport): void {
  addReport(error, report);
  const { message, heldBy, remedy } = error as Error & { heldBy: string; remedy?: string };
  debug('%s: %s', message, remedy === undefined ? heldBy : `${heldBy}; ${remedy}`);
}

/** A handle from which Node builds its own error, and what runs as its consequence. */
function failedHandle(errno: number): { handle: FailedHandle; scope: AsyncResource } {
  const scope = new AsyncResource('TCPSERVERWRAP');
  return { handle: { listen: () => errno, close: () => {}, getAsyncId: () => scope.asyncId() }, scope };
}

type EmitError = (server: ListeningServer, error: NodeJS.ErrnoException) => void;

/** An error of Node's that waits for its explanation, before it is emitted. */
interface Waiting {
  /** Emits it after all, as it is known now. */
  readonly release: () => void;
}

const waiting = new Map<object, Waiting>();

// Errors come in the order in which they were made.
let last: Promise<unknown> = Promise.resolve();

/** Emits an error in the place of its process.nextTick(), once it is explained; at once where nobody can wait. */
function emitExplained(refused: Refused, error: Error, server: object, emit: () => void): void {
  let isEmitted = false;
  const release = (report: PortReport | undefined) => {
    if (isEmitted) return;
    isEmitted = true;
    waiting.delete(server);
    if (report !== undefined) explainError(error, report);
    emit();
  };
  waiting.set(server, { release: () => release(reportOn(refused)) });
  last = Promise.all([reportOnLater(refused), last]).then(([report]) => release(report));
}

/** Leaves the stack to Node and to the program. */
function hideOurs(error: Error): void {
  const { stack } = error;
  if (typeof stack !== 'string') return;
  error.stack = stack.replace(/\n {4}at [^\n]*\b_listen2 \((?!node:)[^\n]*/, '');
}

/**
 * Has the error that Node makes of a refusal explained; returns what ends that. Node hands the error to process.nextTick()
 * before listen() returns: there it can be met without a listener for 'error', whose absence ends the program, and without
 * a frame in anybody's stack.
 */
function meetError(refused: Refused, server: ListeningServer, scope: AsyncResource): () => void {
  // Jest gives its tests a copy, and Node looks at its own.
  const process = globalThis.process.getBuiltinModule('node:process');
  const { nextTick } = process;
  const meet = (callback: EmitError, ...args: Parameters<EmitError>) => {
    const [, error] = args;
    // By its code: where a runner has contexts of its own, it is no instance of this Error.
    if (args[0] !== server || error?.code !== refused.refusal.code) return nextTick(callback, ...args);
    hideOurs(error);
    // The error's listener sees the storage of its listen(), and the server's handle as its cause, as with Node.
    emitExplained(refused, error, server, () => scope.runInAsyncScope(nextTick, process, callback, ...args));
  };
  Reflect.set(process, 'nextTick', meet);
  return () => Reflect.set(process, 'nextTick', nextTick);
}

type Shared = (error: number | undefined, handle: TcpHandle | null) => void;

interface ClusterWorker {
  readonly isWorker: boolean;
  _getServer?: (server: ListeningServer, options: SharedOptions, listenOn: Shared) => void;
}

interface SharedOptions {
  readonly address: string | null;
  readonly port: number | null;
  readonly fd?: number | null;
  readonly flags?: number;
}

/** Lets `emit` run, and the error that the server emits meanwhile be explained. */
function emitWith(report: PortReport, server: ListeningServer, emit: () => void): void {
  const own = Object.getOwnPropertyDescriptor(server, 'emit');
  const original = server.emit as (...args: unknown[]) => boolean;
  const restore = () => {
    if (own === undefined) Reflect.deleteProperty(server, 'emit');
    else Object.defineProperty(server, 'emit', own);
  };
  Reflect.set(server, 'emit', (event: string, ...args: unknown[]) => {
    const [error] = args;
    if (event === 'error' && typeof error === 'object' && error !== null) {
      restore();
      explainError(error as Error, report);
    }
    return original.call(server, event, ...args);
  });
  try {
    emit();
  } finally {
    restore();
  }
}

/** In a cluster worker, has explained what the primary was refused: it tells the worker a number. */
function explainShared(): void {
  // A process that is no worker need not load it.
  const cluster = process.send && (process.getBuiltinModule('node:cluster') as unknown as ClusterWorker);
  const getServer = cluster?.isWorker ? cluster._getServer : undefined;
  if (cluster === undefined || typeof getServer !== 'function') return;
  cluster._getServer = (server, options, listenOn) => {
    const { address, port, fd, flags = 0 } = options;
    getServer.call(cluster, server, options, (errno, handle) => {
      if (!errno || !isExact(address, port, fd, flags)) {
        listenOn(errno, handle);
        return;
      }
      const request = requestAt(address || '::', port, undefined, flags);
      const refusal = { code: nameOfErrno(errno), syscall: 'bind' };
      const listen = () => listenOn(errno, handle);
      reportOnLater({ request, place: placeOf(request), refusal }).then((report) => {
        // Not in the promise: an error that nobody listens for is an uncaught exception, and no rejection.
        process.nextTick(() => {
          if (report === undefined) listen();
          else emitWith(report, server, listen);
        });
      });
    });
  };
}

type OnListen = (server: Server) => void;

let observe: OnListen | undefined;

/** Has each server told that listens, before it emits 'listening'. */
export function onListen(observer: OnListen): void {
  observe = observer;
}

/** Replaces Node's own bind of TCP ports in this thread; a second call changes nothing more. */
export function installHook(): void {
  checkPrimary();
  const prototype = net.Server.prototype as unknown as {
    _listen2: Listen2;
    _emitCloseIfDrained: (this: object) => void;
  };
  // Node keeps this name "to avoid breaking code that wraps this method": arguments, names and the cluster's decision
  // are behind us when it is called.
  const listen2 = original(prototype._listen2);
  if (typeof listen2 !== 'function')
    throw notSupported('exactbind/register', `${process.release.name} ${process.version} has no hook for it`);
  const listenExactly: Listen2 = function (address, port, addressType, backlog, fd, flags) {
    // The error of the attempt before comes before whatever becomes of this one.
    waiting.get(this)?.release();
    if (this._handle || !isExact(address, port, fd, flags)) {
      this._handle ??= inheritedPath(address, port, fd) ?? null;
      listen2.call(this, address, port, addressType, backlog, fd, flags);
      if (this.listening) observe?.(this);
      return;
    }
    const bound = exact(address, port, backlog, flags);
    const handle = handleOf(bound, port);
    const failed = typeof handle === 'number' ? failedHandle(handle) : undefined;
    this._handle = failed?.handle ?? (handle as TcpHandle);
    const end = failed && has(bound, 'refusal') ? meetError(bound, this, failed.scope) : undefined;
    try {
      listen2.call(this, bound.place.host, port, bound.place.family, backlog, fd, flags);
    } finally {
      end?.();
    }
    if (typeof handle !== 'number') observe?.(this);
  };
  prototype._listen2 = replacing(listenExactly, listen2);

  // close() comes here, whatever the kind of the server, before it has 'close' emitted: the error comes first.
  const emitCloseIfDrained = prototype._emitCloseIfDrained;
  prototype._emitCloseIfDrained = function () {
    waiting.get(this)?.release();
    emitCloseIfDrained.call(this);
  };

  explainShared();

  // The primary of a cluster with SCHED_NONE binds for its workers here.
  const internals = net as unknown as { _createServerHandle: CreateServerHandle };
  const createServerHandle = original(internals._createServerHandle);
  const createExactly: CreateServerHandle = (address, port, addressType, fd, flags) => {
    if (!isExact(address, port, fd, flags))
      return inheritedPath(address, port, fd) ?? createServerHandle(address, port, addressType, fd, flags);
    return handleOf(exact(address, port, undefined, flags), port);
  };
  internals._createServerHandle = replacing(createExactly, createServerHandle);
}
