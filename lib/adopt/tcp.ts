// Makes a native TCP socket Node's: wraps it in the handle that net.Server listens with.
import { addon, type Handle } from '../addon.ts';
import { DEFAULT_BACKLOG } from '../bind/plan.ts';
import { nameOfErrno, systemError } from '../errors.ts';
import { bare } from '../own.ts';
import { type NodeHandle, type TcpHandle, tcpClass } from './handle-classes.ts';

/** What Node calls for each connection; it is kept as a property of the handle. */
type OnConnection = (this: TcpHandle, status: number, client: NodeHandle | undefined) => void;

// Connections whose handshake was quicker than the settings that follow a reservation's listen() are among the first;
// more of them than can have been waiting then.
const QUICKER = 64;

/**
 * Wraps a socket; from here on Node closes it. A failure leaves it with its owner.
 *
 * net.Server calls listen(2) on the handle again, with a backlog that is only ever positional: where the caller passed
 * none, `backlog` is used. The first connections get the settings of `late` again, which they may have missed.
 * @throws Error `EBADF`, `EEXIST`, `ENOTSOCK` if the descriptor is not the socket it was; `ENOTSUP` where the runtime has
 * no such handle (Bun)
 */
export function adoptTcp(socket: Handle, backlog: number | undefined, late?: Int32Array): TcpHandle {
  const TCP = tcpClass();
  const handle = new TCP(1);
  const error = handle.open(socket);
  if (error !== 0) {
    // Node never closes a handle because it was collected.
    handle.close();
    throw systemError({ code: nameOfErrno(error), syscall: 'open' });
  }
  addon.release(socket);
  if (backlog !== undefined) {
    const { listen } = TCP.prototype;
    handle.listen = (asked) => listen.call(handle, asked === DEFAULT_BACKLOG ? backlog : asked);
  }
  if (late !== undefined) applyLate(handle, late, (backlog ?? DEFAULT_BACKLOG) + QUICKER);
  return handle;
}

function applyLate(handle: TcpHandle, settings: Int32Array, connections: number): void {
  let left = connections;
  let callback: OnConnection | undefined;
  const watched: PropertyDescriptor = {
    configurable: true,
    get: () => callback,
    set(given: OnConnection) {
      callback = function (status, client) {
        if (client?.fd !== undefined) addon.set(client.fd, settings);
        if (--left === 0) Object.defineProperty(handle, 'onconnection', bare({ value: given, writable: true }));
        given.call(this, status, client);
      };
    },
  };
  Object.defineProperty(handle, 'onconnection', bare(watched));
}
