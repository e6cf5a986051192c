// listen(): resolves the name, binds exactly, hands the socket to the server and waits for 'listening'.
import { addAbortListener } from 'node:events';
import net, { type AddressInfo, isIP, type Server } from 'node:net';
import { resolveHost } from './adopt/resolve-host.ts';
import { BoundSocket } from './bound-socket.ts';
import { aborted, alreadyListening, asListenError, notRunning, type SystemError, wrongType, wrongValue } from './errors.ts';
import { type BindOptions, checkPort, type ListenOptions } from './options.ts';

/** Splits what only the hand-over needs from what binds, and takes a bare port. */
export function splitOptions(options: number | string | ListenOptions): [BindOptions, AbortSignal | undefined] {
  if (typeof options !== 'object' || options === null) return [{ port: checkPort(options) }, undefined];
  const { signal, ...bind } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw wrongType('options.signal', 'an instance of AbortSignal', signal);
  }
  return [bind, signal];
}

/**
 * Makes a server (net, http, https, http2, tls) listen on an address that nobody else can share or take.
 *
 * A name gives the one address that the running Node would choose for it; without a host it is `::` for both families,
 * and `0.0.0.0` only where the machine has no IPv6. In a cluster worker the socket is the worker's own.
 *
 * @returns the address, once the server is listening
 * @throws what `new BoundSocket()` throws; a refusal of the system has `syscall: 'listen'`, as with Node's own listen(),
 * and the exact call in `cause`. It is emitted as 'error' on the server too, if somebody listens for it.
 * @throws Error `ERR_SERVER_ALREADY_LISTEN`; `AbortError` if `signal` is aborted before the server is listening
 */
export async function listen(server: Server, options: number | string | ListenOptions): Promise<AddressInfo> {
  if (!(server instanceof net.Server)) throw wrongType('server', 'an instance of net.Server', server);
  const [bind, signal] = splitOptions(options);
  if (bind.protocol === 'udp') throw wrongValue('options.protocol', 'udp', 'is for bindUdp()');
  if (bind.reserve) throw wrongValue('options.reserve', true, 'is for new BoundSocket(): listen() listens');
  if (signal?.aborted) throw aborted(signal.reason);
  if (server.listening) throw alreadyListening();

  const bound = await open(server, bind, signal);
  try {
    await adopt(server, bound, signal);
  } catch (error) {
    // Still ours if the server has begun to listen elsewhere meanwhile.
    bound[Symbol.dispose]();
    throw error;
  }
  return server.address() as AddressInfo;
}

async function open(server: Server, bind: BindOptions, signal: AbortSignal | undefined): Promise<BoundSocket> {
  try {
    const options = await withAddress(bind);
    if (signal?.aborted) throw aborted(signal.reason);
    return new BoundSocket(options);
  } catch (error) {
    throw announced(server, error);
  }
}

async function withAddress(bind: BindOptions): Promise<BindOptions> {
  const { host } = bind;
  return typeof host === 'string' && host !== '' && isIP(host) === 0 ? { ...bind, host: await resolveHost(host) } : bind;
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
