// listen(): resolves the name, binds exactly, hands the socket to the server and waits for 'listening'.
import net, { type AddressInfo, type Server } from 'node:net';
import { onAbort } from './abort.ts';
import { requireTcp } from './adopt/handle-classes.ts';
import { resolveHost } from './adopt/resolve-host.ts';
import type { Refused } from './bind/places.ts';
import {
  type Asked,
  isName,
  type ListenOptions,
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
import { framesBelow, withFrames } from './frames.ts';
import { refusedErrorLater } from './inspect/refusal.ts';
import { own } from './own.ts';
import { serverOf } from './suggestions.ts';
import { bindWithin } from './wait.ts';

/**
 * Makes a server (net, http, https, http2, tls) listen on an address that nobody else can share or take.
 *
 * A name gives the one address that the running Node would choose for it; without a host it is `::` for both families,
 * and `0.0.0.0` only where the machine has no IPv6. In a cluster worker the socket is the worker's own.
 *
 * A BoundSocket that was made before stays the caller's if the server does not take it.
 *
 * Of a list of ports it takes the first that can be bound; with `wait`, the one that is free first.
 *
 * @example const { port } = await listen(server, { port: portRange(3000, 3999) })
 * @returns the address, once the server is listening
 * @throws what `new BoundSocket()` throws; a refusal of the system has `syscall: 'listen'`, as with Node's own listen(),
 * and the exact call in `cause`. It is emitted as 'error' on the server too, if somebody listens for it. With `wait`, it
 * is the refusal of the last attempt, and its message ends with the time waited.
 * @throws Error `ERR_SERVER_ALREADY_LISTEN`; `ERR_SERVER_NOT_RUNNING` if the server is closed before it is listening;
 * `AbortError` if `signal`, or that of `wait`, is aborted before that; `ENOTSUP` where the runtime cannot adopt a
 * socket (Bun)
 */
export function listen(server: Server, options: Ports | ListenOptions): Promise<AddressInfo>;
/**
 * Makes a server listen on a socket that was bound before, which stays the caller's if the server does not take it.
 * @returns the address, once the server is listening
 * @throws TypeError `ERR_INVALID_ARG_TYPE`; Error `ERR_SOCKET_HANDLE_ADOPTED`, `ERR_SERVER_ALREADY_LISTEN`,
 * `ERR_SERVER_NOT_RUNNING`, `EADDRINUSE` for a reservation, `ENOTSUP` where the runtime cannot adopt a socket (Bun)
 */
export function listen(server: Server, options: BoundSocket | Ports | ListenOptions): Promise<AddressInfo>;
export async function listen(
  server: Server,
  options: Ports | ListenOptions | BoundSocket,
  ...rest: unknown[]
): Promise<AddressInfo> {
  // First: where it has none, an http server need not be a net.Server either.
  requireTcp();
  if (!(server instanceof net.Server))
    throw withRemedy(wrongType('server', 'an instance of net.Server', server), serverOf(server));
  if (rest.length > 0) throw wrongValue('arguments', rest, 'must be a server and one of options: { port, host, … }');
  const asked = options instanceof BoundSocket ? undefined : readListenOptions(options);
  const signal = asked?.signal;
  if (signal?.aborted) throw aborted(signal.reason);
  if (server.listening) throw alreadyListening();

  const opening = asked === undefined ? (options as BoundSocket) : open(server, asked);
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

// Whoever is told that it failed must not be left with a server that listens.
function addressOf(server: Server): AddressInfo {
  try {
    const address = server.address();
    if (address === null) throw notRunning();
    return address as AddressInfo;
  } catch (error) {
    server.close();
    throw error;
  }
}

// Without a name and a wait there is no moment between the call of listen() and the socket.
function open(server: Server, asked: Asked): BoundSocket | Promise<BoundSocket> {
  const { bind, limit } = asked;
  if (bind.protocol === 'udp') throw wrongValue('options.protocol', 'udp', 'is for bindUdp()');
  if (bind.reserve) throw wrongValue('options.reserve', true, 'is for new BoundSocket(): listen() listens');
  return isName(bind.host) || limit.timeout > 0 ? openLater(server, asked) : openNow(server, bind);
}

function openNow(server: Server, bind: ReadBindOptions): BoundSocket | Promise<never> {
  const opened = openOrThrow(server, bind);
  // Only now is the caller still there to be seen.
  return opened instanceof BoundSocket ? opened : refuse(server, opened, framesBelow(listen));
}

function openOrThrow(server: Server, bind: ReadBindOptions): BoundSocket | Refused {
  try {
    return BoundSocket.open(bind);
  } catch (error) {
    throw announced(server, error, framesBelow(listen));
  }
}

async function refuse(server: Server, refused: Refused, frames: string | undefined): Promise<never> {
  throw announced(server, await refusedErrorLater(refused), frames);
}

async function openLater(server: Server, { bind, signal, limit }: Asked): Promise<BoundSocket> {
  const frames = framesBelow(listen);
  const closing = new AbortController();
  const onClose = () => closing.abort();
  server.once('close', onClose);
  try {
    const host = isName(bind.host) ? await resolveHost(bind.host) : bind.host;
    const signals = [closing.signal, signal, limit.signal].filter((one) => one !== undefined);
    return await bindWithin({ ...bind, host }, { ...limit, signal: AbortSignal.any(signals) });
  } catch (error) {
    throw closing.signal.aborted ? notRunning() : announced(server, error, frames);
  } finally {
    server.off('close', onClose);
  }
}

// Start files test `syscall` for 'listen' before they explain a conflict, so the system's refusals say so.
function announced(server: Server, error: unknown, frames: string | undefined): unknown {
  if (typeof own(error as SystemError, 'errno') !== 'number') return error;
  const isName = (error as SystemError).syscall === 'getaddrinfo';
  // What the cause adds is the call that failed: its frames are the same.
  const refusal = isName ? error : withFrames(asListenError(withFrames(error as SystemError, '')), frames);
  if (server.listenerCount('error') > 0) server.emit('error', refusal);
  return refusal;
}

function adopt(server: Server, bound: BoundSocket, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (done: () => void) => () => {
      server.off('listening', onListening).off('close', onClose).off('error', onError);
      done();
    };
    const onListening = settle(resolve);
    const onClose = settle(() => reject(signal?.aborted ? aborted(signal.reason) : notRunning()));
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
