// Makes a native TCP socket Node's: wraps it in the handle that net.Server listens with.
import { getSystemErrorName } from 'node:util';
import { addon, type Handle } from '../addon.ts';
import { systemError } from '../errors.ts';
import { DEFAULT_BACKLOG } from '../open.ts';
import { TCP, type TcpHandle } from './handle-classes.ts';

/**
 * Wraps a socket; from here on Node closes it. A failure leaves it with its owner.
 *
 * net.Server calls listen(2) on the handle again, with a backlog that is only ever positional: where the caller passed
 * none, `backlog` is used.
 * @throws Error `EBADF`, `EEXIST`, `ENOTSOCK` if the descriptor is not the socket it was
 */
export function adoptTcp(socket: Handle, backlog: number | undefined): TcpHandle {
  const handle = new TCP(1);
  const error = handle.open(socket);
  if (error !== 0) {
    // Node never closes a handle because it was collected.
    handle.close();
    throw systemError({ code: getSystemErrorName(error), syscall: 'open' });
  }
  addon.release(socket);
  if (backlog !== undefined) {
    const { listen } = TCP.prototype;
    handle.listen = (asked) => listen.call(handle, asked === DEFAULT_BACKLOG ? backlog : asked);
  }
  return handle;
}
