// listen(): resolves the name, binds exactly, hands the socket to the server and waits for 'listening'.
import { addAbortListener } from 'node:events';
import net, { type AddressInfo, isIP, type Server } from 'node:net';
import { resolveHost } from './adopt/resolve-host.ts';
import { BoundSocket } from './bound-socket.ts';
import {
  aborted,
  alreadyListening,
  asListenError,
  notRunning,
  type SystemError,
  wrongType,
  wrongValue,
} from './errors.ts';
import { type BindOptions, checkPort, type ListenOptions } from './options.ts';

/** Splits what only the hand-over needs from what binds, and takes a bare port. */
export function splitOptions(options: number | string | ListenOptions): [BindOptions, AbortSignal | undefined] {
  if (typeof options !== 'object' || options === null) return [{ port: checkPort(options) }, undefined];
  const { signal } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw wrongType('options.signal', 'an instance of AbortSignal', signal);
  }
  return [replacing(options, { signal: undefined }), signal];
}

/** The same options but for some. A copy would lose those that a class has as accessors, and listen on a random port. */
export function replacing(options: BindOptions, others: ListenOptions): BindOptions {
  return Object.assign(Object.create(options) as BindOptions, others);
}

/**
 * Makes a server (net, http, https, http2, tls) listen on an address that nobody else can share or take.
 *
 * A name gives the one address that the running Node would choose for it; without a host it is `::` for both families,
 * and `0.0.0.0` only where the machine has no IPv6. In a cluster worker the socket is the worker's own.
 *
 * A BoundSocket that was made before stays the caller's if the server does not take it.
 *
 * @returns the address, once the server is listening
 * @throws what `new BoundSocket()` throws; a refusal of the system has `syscall: 'listen'`, as with Node's own listen(),
 * and the exact call in `cause`. It is emitted as 'error' on the server too, if somebody listens for it.
 * @throws Error `ERR_SERVER_ALREADY_LISTEN`; `ERR_SERVER_NOT_RUNNING` if the server is closed before it is listening;
 * `AbortError` if `signal` is aborted before that
 */
export async function listen(
  server: Server,
  options: number | string | ListenOptions | BoundSocket,
  ...rest: never[]
): Promise<AddressInfo> {
  if (!(server instanceof net.Server)) throw wrongType('server', 'an instance of net.Server', server);
  if (rest.length > 0) throw wrongValue('arguments', rest, 'must be a server and one of options: { port, host, … }');
  const [bind, signal] = options instanceof BoundSocket ? [options, undefined] : splitOptions(options);
  if (signal?.aborted) throw aborted(signal.reason);
  if (server.listening) throw alreadyListening();

  const bound = bind instanceof BoundSocket ? bind : open(server, isName(bind.host) ? await named(server, bind) : bind);
  try {
    if (signal?.aborted) throw aborted(signal.reason);
    await adopt(server, bound, signal);
  } catch (error) {
    if (bound !== options) bound[Symbol.dispose]();
    throw error;
  }
  const address = server.address();
  if (address === null) throw notRunning();
  return address as AddressInfo;
}

// Without a name there is no moment between the call of listen() and the socket.
function open(server: Server, bind: BindOptions): BoundSocket {
  if (bind.protocol === 'udp') throw wrongValue('options.protocol', 'udp', 'is for bindUdp()');
  if (bind.reserve) throw wrongValue('options.reserve', true, 'is for new BoundSocket(): listen() listens');
  try {
    return new BoundSocket(bind);
  } catch (error) {
    throw announced(server, error);
  }
}

/** Whether a host has to be looked up; what is no host at all is left to the check of options. */
export function isName(host: unknown): host is string {
  return typeof host === 'string' && host !== '' && isIP(host) === 0;
}

async function named(server: Server, bind: BindOptions): Promise<BindOptions> {
  let isClosed = false;
  const onClose = () => {
    isClosed = true;
  };
  server.once('close', onClose);
  try {
    const host = await resolveHost(bind.host as string);
    if (isClosed) throw notRunning();
    return replacing(bind, { host });
  } catch (error) {
    throw announced(server, error);
  } finally {
    server.off('close', onClose);
  }
}

// Start files test `syscall` for 'listen' before they explain a conflict, so the system's refusals say so.
function announced(server: Server, error: unknown): unknown {
  const { errno, syscall } = error as SystemError;
  if (typeof errno !== 'number') return error;
  const refusal = syscall === 'getaddrinfo' ? error : asListenError(error as SystemError);
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
    const listener = addAbortListener(signal, () => server.close());
    server.once('close', () => listener[Symbol.dispose]());
  });
}
