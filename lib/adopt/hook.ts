// The hook behind exactbind/register: every TCP listen by port of an unmodified program goes through the exact bind.
import net, { type Server } from 'node:net';
import { type Bound, bind, type Refused } from '../bind.ts';
import { errnoOf } from '../errors.ts';
import { DEFAULT_BACKLOG } from '../open.ts';
import type { BindRequest } from '../options.ts';
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
function isExact(port: unknown, fd: unknown, flags = 0): port is number {
  return typeof port === 'number' && port >= 0 && typeof fd !== 'number' && (flags & REUSE_PORT) === 0 && hasNetPermission();
}

function exact(address: string | null | undefined, port: number, backlog: number | undefined, flags = 0): Bound | Refused {
  const request: BindRequest = {
    port,
    // Node treats an empty host as none.
    host: address || undefined,
    ipv6Only: (flags & IPV6_ONLY) !== 0 && address !== '0.0.0.0' && !net.isIPv4(address ?? ''),
    backlog: backlog || DEFAULT_BACKLOG,
    protocol: 'tcp',
    sharing: 'exclusive',
    leftovers: 'reuse',
    reserve: false,
    socketOptions: undefined,
    acceptPartial: false,
  };
  return bind(request);
}

/** Replaces Node's own bind of TCP ports in this thread; a second call changes nothing more. */
export function installHook(): void {
  const prototype = net.Server.prototype as unknown as { _listen2: Listen2 };
  // Node keeps this name "to avoid breaking code that wraps this method": arguments, names and the cluster's decision
  // are behind us when it is called.
  const listen2 = prototype._listen2;
  prototype._listen2 = function (address, port, addressType, backlog, fd, flags) {
    if (this._handle || !isExact(port, fd, flags)) {
      listen2.call(this, address, port, addressType, backlog, fd, flags);
      return;
    }
    const bound = exact(address, port, backlog, flags);
    if ('socket' in bound) {
      this._handle = adoptTcp(bound.socket, undefined);
      listen2.call(this, bound.place.host, port, bound.place.family, backlog, fd, flags);
      return;
    }
    // Node builds its own error from a handle that fails.
    const errno = errnoOf(bound.refusal.code);
    this._handle = { listen: () => errno, close: () => {} };
    // Where :: was refused for any reason but a conflict, Node tries 0.0.0.0 and reports that.
    const isFallback = !address && bound.refusal.code !== 'EADDRINUSE';
    const place = isFallback ? ({ host: '0.0.0.0', family: 4 } as const) : bound.place;
    listen2.call(this, place.host, port, place.family, backlog, fd, flags);
  };

  // The primary of a cluster with SCHED_NONE binds for its workers here.
  const internals = net as unknown as { _createServerHandle: CreateServerHandle };
  const createServerHandle = internals._createServerHandle;
  internals._createServerHandle = (address, port, addressType, fd, flags) => {
    if (!isExact(port, fd, flags)) return createServerHandle(address, port, addressType, fd, flags);
    const bound = exact(address, port, undefined, flags);
    return 'socket' in bound ? adoptTcp(bound.socket, undefined) : errnoOf(bound.refusal.code);
  };
}
