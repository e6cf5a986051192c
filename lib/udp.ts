// bindUdp(): binds a dgram.Socket exactly.
import dgram, { type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { addAbortListener } from 'node:events';
import { type AddressInfo, isIP } from 'node:net';
import { BoundSocket } from './bound-socket.ts';
import { aborted, incompatible, wrongType } from './errors.ts';
import { splitOptions } from './listen.ts';
import type { BindOptions, ListenOptions } from './options.ts';

// dgram takes a handle in place of the port, and knows it by its recvStart(); its types do not say so.
type BindHandle = (handle: object) => void;

/**
 * Binds a UDP socket on a port that nobody else can share or take, and hands it to `dgram`.
 *
 * - Linux, macOS: without SO_REUSEADDR and SO_REUSEPORT, which libuv sets on every UDP socket it opens.
 * - Windows: `SO_EXCLUSIVEADDRUSE`.
 *
 * In a cluster worker the socket is the worker's own. `options.host` may be a name; without it, it is every address of
 * the socket's own family.
 * @returns the address; 'listening' has been emitted by then
 * @throws what `new BoundSocket()` throws; `ERR_SOCKET_ALREADY_BOUND`, `ERR_SOCKET_DGRAM_NOT_RUNNING`; `AbortError`
 */
export async function bindUdp(socket: Socket, options: number | string | ListenOptions | BoundSocket): Promise<AddressInfo> {
  if (!(socket instanceof dgram.Socket)) throw wrongType('socket', 'an instance of dgram.Socket', socket);
  const [bind, signal] = options instanceof BoundSocket ? [options, undefined] : splitOptions(options);
  if (signal?.aborted) throw aborted(signal.reason);
  const bound = bind instanceof BoundSocket ? bind : await open(socket, bind, signal);
  try {
    bound.handTo((handle) => (socket.bind as unknown as BindHandle).call(socket, handle));
  } catch (error) {
    // What the caller brought stays the caller's.
    if (bound !== options) bound.close();
    throw error;
  }
  if (signal !== undefined) {
    const listener = addAbortListener(signal, () => socket.close());
    socket.once('close', () => listener[Symbol.dispose]());
  }
  return socket.address();
}

async function open(socket: Socket, options: BindOptions, signal: AbortSignal | undefined): Promise<BoundSocket> {
  const complete = await withAddress(socket, options);
  if (signal?.aborted) throw aborted(signal.reason);
  return new BoundSocket(complete);
}

async function withAddress(socket: Socket, options: BindOptions): Promise<BindOptions> {
  const { type } = socket as Socket & { type: 'udp4' | 'udp6' };
  const family = type === 'udp6' ? 6 : 4;
  const host = options.host ?? (family === 6 ? '::' : '0.0.0.0');
  const literal = isIP(host);
  if (literal !== 0 && literal !== family) throw incompatible(`host: '${host}'`, `type: '${type}'`);
  if (options.protocol === 'tcp') throw incompatible("protocol: 'tcp'", `type: '${type}'`);
  const address = literal !== 0 || host === '' ? host : (await lookup(host, family)).address;
  return { ...options, host: address, protocol: 'udp' };
}
