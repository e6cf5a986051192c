// The hook behind exactbind/register: every TCP listen by port of an unmodified program goes through the exact bind.
import net, { type Server } from 'node:net';
import { addon } from '../addon.ts';
import { isWithoutIpv6, type Refused } from '../bind/places.ts';
import { DEFAULT_BACKLOG } from '../bind/plan.ts';
import type { BindRequest } from '../bind/request.ts';
import { type Bound, bind } from '../bind/socket.ts';
import { errnoOf, notSupported } from '../errors.ts';
import { addReport, reportOn } from '../inspect/refusal.ts';
import type { TcpHandle } from './handle-classes.ts';
import { hasNetPermission } from './permission.ts';
import { adoptTcp } from './tcp.ts';

/** What setupListenHandle() of Node uses of a handle before it has told success from failure. */
interface FailedHandle {
  listen(): number;
  close(): void;
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

function exactAt(host: string, port: number, backlog: number | undefined, flags: number): Bound | Refused {
  // It has been checked; net.isIP() would have Node compile its pattern of IPv6 addresses, which takes 5 ms.
  const family = host.includes(':') ? 6 : 4;
  const request: BindRequest = {
    port,
    host,
    ipv6Only: (flags & IPV6_ONLY) !== 0 && family === 6,
    // Whatever else the program passes, listen() of Node will apply; the socket must not wait for it unlistening.
    backlog: Number(backlog) >= 1 && Number(backlog) < 2 ** 31 ? Number(backlog) : DEFAULT_BACKLOG,
    protocol: 'tcp',
    sharing: 'exclusive',
    leftovers: 'reuse',
    reserve: false,
    socketOptions: undefined,
    guard: false,
    acceptPartial: false,
  };
  return bind(request);
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
  if ('socket' in dual || dual.refusal.code === 'EADDRINUSE') return dual;
  // Node tries 0.0.0.0 after every refusal but a conflict, and reports that.
  if (isWithoutIpv6(dual.refusal)) return exactAt('0.0.0.0', port, backlog, flags);
  return { ...dual, place: { ...dual.place, host: '0.0.0.0', family: 4 } };
}

/** The handle of Node's around a socket, or the errno of a refusal. */
function handleOf(bound: Bound | Refused): TcpHandle | number {
  if ('refusal' in bound) return errnoOf(bound.refusal.code);
  try {
    const { how, early: connections, guard } = bound;
    return adoptTcp(bound.socket, { late: { settings: how.afterListen, connections }, guard });
  } catch (error) {
    addon.close(bound.socket);
    if (bound.guard !== undefined) addon.close(bound.guard);
    // Thrown here it would end the program: Node calls this where nobody can catch it.
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    return errno;
  }
}

/**
 * Adds the report to the error that Node makes of a refusal; returns what ends that. Node hands the error to
 * process.nextTick() before listen() returns: there it can be met without a listener for 'error', whose absence ends the
 * program, and without a frame in anybody's stack.
 */
function meetError(refused: Refused): () => void {
  const report = reportOn(refused);
  const { nextTick } = process;
  const meet: typeof nextTick = (callback, ...args) => {
    const error = args.find((arg) => (arg as NodeJS.ErrnoException | null)?.code === refused.refusal.code);
    if (error instanceof Error && report !== undefined) addReport(error, report);
    nextTick(callback, ...args);
  };
  Reflect.set(process, 'nextTick', meet);
  return () => Reflect.set(process, 'nextTick', nextTick);
}

/** Replaces Node's own bind of TCP ports in this thread; a second call changes nothing more. */
export function installHook(): void {
  const prototype = net.Server.prototype as unknown as { _listen2: Listen2 };
  // Node keeps this name "to avoid breaking code that wraps this method": arguments, names and the cluster's decision
  // are behind us when it is called.
  const listen2 = prototype._listen2;
  if (typeof listen2 !== 'function')
    throw notSupported('exactbind/register', `${process.release.name} ${process.version} has no hook for it`);
  prototype._listen2 = function (address, port, addressType, backlog, fd, flags) {
    if (this._handle || !isExact(address, port, fd, flags)) {
      listen2.call(this, address, port, addressType, backlog, fd, flags);
      return;
    }
    const bound = exact(address, port, backlog, flags);
    const handle = handleOf(bound);
    // Node builds its own error from a handle that fails.
    this._handle = typeof handle === 'number' ? { listen: () => handle, close: () => {} } : handle;
    const end = 'refusal' in bound ? meetError(bound) : undefined;
    try {
      listen2.call(this, bound.place.host, port, bound.place.family, backlog, fd, flags);
    } finally {
      end?.();
    }
  };

  // The primary of a cluster with SCHED_NONE binds for its workers here.
  const internals = net as unknown as { _createServerHandle: CreateServerHandle };
  const createServerHandle = internals._createServerHandle;
  internals._createServerHandle = (address, port, addressType, fd, flags) => {
    if (!isExact(address, port, fd, flags)) return createServerHandle(address, port, addressType, fd, flags);
    return handleOf(exact(address, port, undefined, flags));
  };
}
