// bindUdp(): binds a dgram.Socket exactly.
import type { Socket } from 'node:dgram';
import { type AddressInfo, isIP } from 'node:net';
import { onAbort } from './abort.ts';
import { dgramState } from './adopt/handle-classes.ts';
import { type Asked, isName, type ListenOptions, type Ports, readListenOptions } from './bind/request.ts';
import { BoundSocket } from './bound-socket.ts';
import { aborted, incompatible, wrongType } from './errors.ts';
import { endsAt } from './frames.ts';
import { bare, own } from './own.ts';
import { bindWithin } from './wait.ts';

// dgram takes a handle in place of the port, and knows it by its recvStart(); its types do not say so.
type BindHandle = (handle: object) => void;

/**
 * Binds a UDP socket on a port that nobody else can share or take, and hands it to `dgram`.
 *
 * - Linux, macOS: without SO_REUSEADDR and SO_REUSEPORT, which libuv sets on every UDP socket it opens.
 * - Windows: `SO_EXCLUSIVEADDRUSE`.
 *
 * In a cluster worker, the socket belongs to that worker. `options.host` may be a name; the default is every address of
 * the socket's own family. If the socket does not take your BoundSocket, it stays yours.
 * @returns the address; 'listening' has been emitted by then
 * @throws what `new BoundSocket()` throws; `ERR_SOCKET_ALREADY_BOUND`, `ERR_SOCKET_DGRAM_NOT_RUNNING`; `AbortError`.
 * With `wait`, `EADDRINUSE` of the last attempt; its message ends with the time waited
 */
export function bindUdp(socket: Socket, options: Ports | ListenOptions): Promise<AddressInfo>;
/**
 * Hands a UDP socket that is bound already to `dgram`. If the socket does not take it, it stays yours.
 * @returns the address; 'listening' has been emitted by then
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_INCOMPATIBLE_OPTION_PAIR`; Error
 * `ERR_SOCKET_HANDLE_ADOPTED`, `ERR_SOCKET_ALREADY_BOUND`, `ERR_SOCKET_DGRAM_NOT_RUNNING`
 */
export function bindUdp(
  socket: Socket,
  options: BoundSocket<AddressInfo | string> | Ports | ListenOptions,
): Promise<AddressInfo>;
export async function bindUdp(
  socket: Socket,
  options: Ports | ListenOptions | BoundSocket<AddressInfo | string>,
): Promise<AddressInfo> {
  // Loaded already, if there is such a socket.
  const { Socket } = process.getBuiltinModule('node:dgram');
  if (!(socket instanceof Socket)) throw wrongType('socket', 'an instance of dgram.Socket', socket);
  const asked = options instanceof BoundSocket ? undefined : readListenOptions(options);
  const signal = asked?.signal;
  if (signal?.aborted) throw aborted(signal.reason);
  const bound = asked === undefined ? (options as BoundSocket) : await endsAt(bindUdp, open(socket, asked));
  try {
    if (bound === options) checkFamily(socket, bound.address().address);
    hand(socket, bound);
  } catch (error) {
    if (bound !== options) bound.discard();
    throw error;
  }
  if (signal !== undefined) obey(socket, signal);
  try {
    return socket.address();
  } catch (error) {
    close(socket);
    throw error;
  }
}

// dgram takes the handle, emits 'listening', and only then returns: a listener that throws has not undone it.
function hand(socket: Socket, bound: BoundSocket): void {
  bound.handTo((handle, taken) => {
    socket.prependOnceListener('listening', taken);
    try {
      (socket.bind as unknown as BindHandle).call(socket, handle);
    } finally {
      socket.off('listening', taken);
    }
  });
}

function obey(socket: Socket, signal: AbortSignal): void {
  if (signal.aborted) {
    socket.close();
    throw aborted(signal.reason);
  }
  socket.once(
    'close',
    onAbort(signal, () => close(socket)),
  );
}

function close(socket: Socket): void {
  try {
    socket.close();
  } catch (error) {
    // Closed already, and 'close' not emitted yet.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SOCKET_DGRAM_NOT_RUNNING') throw error;
  }
}

async function open(socket: Socket, { bind: options, signal, limit }: Asked): Promise<BoundSocket> {
  const state = dgramState(socket);
  const { reuseAddr, reusePort } = bare(state);
  const { sharing = 'exclusive', protocol = 'udp' } = options;
  if (protocol !== 'udp') throw incompatible(`protocol: '${protocol}'`, 'a dgram.Socket');
  if (sharing === 'exclusive' && (reuseAddr || reusePort)) {
    throw incompatible(reuseAddr ? 'reuseAddr' : 'reusePort', "sharing: 'exclusive'");
  }
  const family = familyOf(socket);
  const host = options.host ?? (family === 6 ? '::' : '0.0.0.0');
  checkFamily(socket, host);
  const address = isName(host)
    ? (await process.getBuiltinModule('node:dns/promises').lookup(host, family)).address
    : host;
  const signals = [signal, limit.signal].filter((one) => one !== undefined);
  const ipv6Only = options.ipv6Only ?? (family === 6 && own(state, 'ipv6Only') === true);
  return bindWithin({ ...options, host: address, protocol, ipv6Only }, { ...limit, signal: AbortSignal.any(signals) });
}

function familyOf(socket: Socket): 4 | 6 {
  return (socket as Socket & { type: 'udp4' | 'udp6' }).type === 'udp6' ? 6 : 4;
}

function checkFamily(socket: Socket, host: string): void {
  const family = isIP(host);
  if (family !== 0 && family !== familyOf(socket))
    throw incompatible(`host: '${host}'`, `type: 'udp${familyOf(socket)}'`);
}
