// Makes a Unix socket Node's: server.listen() takes its handle, and server.address() gives its path.
import net, { type Server } from 'node:net';
import { addon, type Handle } from '../addon.ts';
import { DEFAULT_BACKLOG } from '../bind/plan.ts';
import { systemError } from '../errors.ts';
import { bare, give } from '../own.ts';
import { type NodeHandle, openPipe, type TcpHandle, tcpPrototype } from './handle-classes.ts';
import { type Inheritance, inherited } from './tcp.ts';

/** What a Unix socket brings along. */
export interface PipeBelongings {
  /** As server.address() gives it. */
  readonly path: string;
  /** Used where the caller of listen() passes none. */
  readonly backlog: number | undefined;
  readonly inheritance: Inheritance | undefined;
  /** Is told the backlog that it listens with at last. */
  readonly onListen: (backlog: number) => void;
}

/** Has something done whenever a handle is closed, before that. */
export function beforeClose(handle: NodeHandle, run: () => void): void {
  const { close } = handle;
  handle.close = (callback) => {
    run();
    close.call(handle, callback);
  };
}

const shapes = new WeakMap<object, object>();

/**
 * server.listen() takes a handle as it is if it is a TCP handle by its prototypes; of any other it takes the descriptor, which
 * a cluster worker sends to its primary, where it means another file. So for the time of that call there is a TCP handle's
 * prototype behind the pipe's own, which shows nothing of it.
 */
function shapeOf(pipe: object): object {
  const known = shapes.get(pipe);
  if (known !== undefined) return known;
  const tcp = tcpPrototype();
  const hidden = Reflect.ownKeys(tcp).map((name) => [name, bare({ value: undefined, configurable: true })] as const);
  const shape = Object.create(tcp, Object.fromEntries(hidden));
  Object.defineProperties(shape, Object.getOwnPropertyDescriptors(pipe));
  shapes.set(pipe, shape);
  return shape;
}

/** net.Server keeps the path of a pipe for address(), and is known to its handle under a symbol of Node's. */
function tellPath(handle: object, path: string): void {
  for (const symbol of Object.getOwnPropertySymbols(handle)) {
    const owner = (handle as Record<symbol, unknown>)[symbol];
    if (owner instanceof net.Server) give(owner as Server & { _pipeName?: string }, { _pipeName: path });
  }
}

/**
 * Wraps a listening Unix socket; from here on Node closes it, and removes no file: libuv does that by name, whosever it is by
 * then, but only of what it has bound itself.
 * @throws Error `EINVAL` if the descriptor is not the socket it was; `ENOTSUP` where the runtime has no such handle
 */
export function adoptPipe(socket: Handle, { path, backlog, inheritance, onListen }: PipeBelongings): TcpHandle {
  const handle = openPipe(socket);
  if (handle === undefined) throw systemError({ code: 'EINVAL', syscall: 'open' });
  addon.release(socket);
  const prototype = Object.getPrototypeOf(handle);
  const { listen } = handle;
  Object.setPrototypeOf(handle, shapeOf(prototype));
  handle.listen = (asked) => {
    // net.Server has its handle by now.
    Object.setPrototypeOf(handle, prototype);
    tellPath(handle, path);
    const wanted = asked === DEFAULT_BACKLOG && backlog !== undefined ? backlog : asked;
    const given = inheritance === undefined ? wanted : inherited(handle, inheritance, wanted);
    onListen(given);
    return listen.call(handle, given);
  };
  return handle;
}
