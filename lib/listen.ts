// listen(): resolves the name, binds exactly, hands the socket to the server and waits for 'listening'.
import net, { type AddressInfo, type Server } from 'node:net';
import { onAbort } from './abort.ts';
import { requireTcp } from './adopt/handle-classes.ts';
import { resolveHost } from './adopt/resolve-host.ts';
import type { Refused } from './bind/places.ts';
import {
  type AnyListenOptions,
  type Asked,
  isName,
  type ListenOptions,
  type PathListenOptions,
  type Ports,
  type ReadBindOptions,
  readListenOptions,
} from './bind/request.ts';
import { BoundSocket } from './bound-socket.ts';
import {
  aborted,
  alreadyListening,
  asListenError,
  notRunning,
  type SystemError,
  withRemedy,
  wrongType,
  wrongValue,
} from './errors.ts';
import { type Frames, framesBelow, withFrames } from './frames.ts';
import { refusedErrorLater } from './inspect/refusal.ts';
import { bare, has, own } from './own.ts';
import { bindPathWithin } from './path-wait.ts';
import { system } from './platform.ts';
import { serverOf } from './suggestions.ts';
import { checkPipe, waitForPipe } from './unix/pipes.ts';
import { pathErrorLater } from './unix/refusal.ts';
import type { PathRefused } from './unix/socket.ts';
import { bindWithin } from './wait.ts';

/**
 * Makes a server (net, http, https, http2, tls) listen on an address that nobody else can share or take.
 *
 * A name stands for the one address that the running Node would choose. Without a host, the address is `::` for both
 * families, and `0.0.0.0` only if the machine has no IPv6. In a cluster worker, the socket belongs to that worker.
 *
 * If the server does not take your BoundSocket, it stays yours.
 *
 * Takes the first port of a list that it can bind; with `wait`, the port that is free first.
 *
 * @example const { port } = await listen(server, { port: portRange(3000, 3999) })
 * @returns the address, once the server is listening
 * @throws what `new BoundSocket()` throws. A refusal of the system has `syscall: 'listen'`, like Node's own listen(),
 * and the exact call in `cause`. The server emits it as 'error' too, if that has a listener. With `wait`, it is the
 * refusal of the last attempt, and its message ends with the time waited.
 * @throws Error `ERR_SERVER_ALREADY_LISTEN`; `ERR_SERVER_NOT_RUNNING` if the server is closed before it is listening;
 * `AbortError` if `signal`, or that of `wait`, is aborted before that; `ENOTSUP` where the runtime cannot adopt a
 * socket (Bun)
 */
export function listen(server: Server, options: Ports | ListenOptions): Promise<AddressInfo>;
/**
 * Makes a server listen on a Unix socket. Replaces the file of a socket on which nobody listens any more, and no other
 * file; `server.close()` removes the file while it is this server's (docs/unix-sockets.md).
 *
 * - Linux: abstract names too.
 * - Windows: a named pipe; this server creates its first instance.
 * @returns the path, once the server is listening
 * @throws what `new BoundSocket({ path })` throws, and for a port `listen()`: `EADDRINUSE`, `EACCES`, `ENAMETOOLONG`,
 * `ERR_SERVER_ALREADY_LISTEN`, `ERR_SERVER_NOT_RUNNING`, `ERR_INVALID_ARG_TYPE`, `ERR_INCOMPATIBLE_OPTION_PAIR`,
 * `ENOTSUP`
 */
export function listen(server: Server, options: PathListenOptions): Promise<string>;
/**
 * Makes a server listen on a socket that is bound already. If the server does not take it, it stays yours.
 * @returns the address (of a Unix socket, the path), once the server is listening
 * @throws TypeError `ERR_INVALID_ARG_TYPE`; Error `ERR_SOCKET_HANDLE_ADOPTED`, `ERR_SERVER_ALREADY_LISTEN`,
 * `ERR_SERVER_NOT_RUNNING`, `EADDRINUSE` for a reservation, `ENOTSUP` where the runtime cannot adopt a socket (Bun)
 */
export function listen<A extends AddressInfo | string>(server: Server, options: BoundSocket<A>): Promise<A>;
/**
 * Takes the arguments of any of the others, for a port.
 * @throws what these throw: `EADDRINUSE`, `EACCES`, `ERR_INVALID_ARG_TYPE`, …
 */
export function listen(server: Server, options: BoundSocket | Ports | ListenOptions): Promise<AddressInfo>;
export async function listen(
  server: Server,
  options: Ports | AnyListenOptions | BoundSocket<AddressInfo | string>,
  ...rest: unknown[]
): Promise<AddressInfo | string> {
  // First: where it has none, an http server need not be a net.Server either.
  requireTcp();
  if (!(server instanceof net.Server))
    throw withRemedy(wrongType('server', 'an instance of net.Server', server), serverOf(server));
  if (rest.length > 0) throw wrongValue('arguments', rest, 'must be a server and one of options: { port, host, … }');
  const asked = options instanceof BoundSocket ? undefined : readListenOptions(options);
  const signal = asked?.signal;
  if (signal?.aborted) throw aborted(signal.reason);
  if (server.listening) throw alreadyListening();

  if (asked?.bind.path !== undefined && system === 'windows') return listenOnPipe(server, asked);
  const opening = asked === undefined ? (options as BoundSocket<AddressInfo | string>) : open(server, asked);
  const bound = opening instanceof BoundSocket ? opening : await opening;
  try {
    if (signal?.aborted) throw aborted(signal.reason);
    await adopt(server, bound, signal);
  } catch (error) {
    if (bound !== options) bound.discard();
    throw error;
  }
  return addressOf(server);
}

// A caller that gets an error must not be left with a server that listens.
function addressOf(server: Server): AddressInfo | string {
  try {
    const address = server.address();
    if (address === null) throw notRunning();
    return address;
  } catch (error) {
    server.close();
    throw error;
  }
}

/** libuv itself makes the first instance of a named pipe, which nobody can have at the same time, and Node adopts no other. */
async function listenOnPipe(server: Server, { bind, signal, limit }: Asked): Promise<string> {
  const { path, backlog } = checkPipe(bind);
  await waitForPipe(path, limit, signal);
  if (signal?.aborted) throw aborted(signal.reason);
  if (server.listening) throw alreadyListening();
  // exclusive: a cluster worker would ask its primary to listen instead.
  await adopt(server, bare({ path, exclusive: true, ...(backlog !== undefined && { backlog }) }), signal);
  return addressOf(server) as string;
}

type Bound = BoundSocket<AddressInfo | string>;

// Without a name and a wait there is no moment between the call of listen() and the socket.
function open(server: Server, asked: Asked): Bound | Promise<Bound> {
  const { bind, limit } = asked;
  if (bind.path === undefined) {
    if (bind.protocol === 'udp') throw wrongValue('options.protocol', 'udp', 'is for bindUdp()');
    if (bind.reserve) throw wrongValue('options.reserve', true, 'is for new BoundSocket(): listen() listens');
  }
  return isName(bind.host) || limit.timeout > 0 ? openLater(server, asked) : openNow(server, bind);
}

function openNow(server: Server, bind: ReadBindOptions): Bound | Promise<never> {
  const opened = openOrThrow(server, bind);
  // Only now is the caller still there to be seen.
  return opened instanceof BoundSocket ? opened : refuse(server, opened, framesBelow(listen));
}

function openOrThrow(server: Server, bind: ReadBindOptions): Bound | Refused | PathRefused {
  try {
    return BoundSocket.open(bind);
  } catch (error) {
    throw announced(server, error, framesBelow(listen));
  }
}

async function refuse(server: Server, refused: Refused | PathRefused, frames: Frames): Promise<never> {
  const error = await (has(refused, 'path') ? pathErrorLater(refused) : refusedErrorLater(refused));
  throw announced(server, error, frames);
}

async function openLater(server: Server, { bind, signal, limit }: Asked): Promise<Bound> {
  const frames = framesBelow(listen);
  const closing = new AbortController();
  const onClose = () => closing.abort();
  server.once('close', onClose);
  try {
    const signals = [closing.signal, signal, limit.signal].filter((one) => one !== undefined);
    const until = { ...limit, signal: AbortSignal.any(signals) };
    if (bind.path !== undefined) return await bindPathWithin(bind, until);
    const host = isName(bind.host) ? await resolveHost(bind.host) : bind.host;
    return await bindWithin({ ...bind, host }, until);
  } catch (error) {
    throw closing.signal.aborted ? withFrames(notRunning(), frames) : announced(server, error, frames);
  } finally {
    server.off('close', onClose);
  }
}

// Start files test `syscall` for 'listen' before they explain a conflict, so the system's refusals say so.
function announced(server: Server, error: unknown, frames: Frames): unknown {
  if (typeof own(error as SystemError, 'errno') !== 'number') return withFrames(error, frames);
  const isName = (error as SystemError).syscall === 'getaddrinfo';
  // What the cause adds is the call that failed: its frames are the same.
  const refusal = withFrames(isName ? error : asListenError(withFrames(error as SystemError, () => '')), frames);
  if (server.listenerCount('error') > 0) server.emit('error', refusal);
  return refusal;
}

function adopt(server: Server, bound: object, signal: AbortSignal | undefined): Promise<void> {
  const frames = framesBelow(listen);
  return new Promise((resolve, reject) => {
    const settle = (done: () => void) => () => {
      server.off('listening', onListening).off('close', onClose).off('error', onError);
      done();
    };
    const onListening = settle(resolve);
    const onClose = settle(() => reject(withFrames(signal?.aborted ? aborted(signal.reason) : notRunning(), frames)));
    const onError = (error: Error) => settle(() => reject(error))();
    server.once('listening', onListening).once('close', onClose).once('error', onError);
    try {
      server.listen(bound);
    } catch (error) {
      settle(() => reject(error))();
      return;
    }
    // Node ignores a signal where it is given a handle.
    if (signal === undefined) return;
    server.once(
      'close',
      onAbort(signal, () => server.close()),
    );
  });
}
