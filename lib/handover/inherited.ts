// inheritedSockets(): what systemd or `exactbind run` has opened for this process, as sockets that any server can adopt.
import type { AddressInfo } from 'node:net';
import { takeInherited } from '../adopt/inherited.ts';
import { requireNetPermission } from '../adopt/permission.ts';
import { BoundSocket } from '../bound-socket.ts';
import type { TakenSocket } from './take.ts';

/**
 * Takes over the sockets that systemd, systemd-socket-activate, systemfd or `exactbind run` opened for this process
 * (LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES of sd_listen_fds(3)), in their order. It checks each socket, keeps it from
 * children, and clears the variables. A second call returns an empty list, and so does a call in a process without such
 * sockets.
 *
 * Options, backlog and address stay as they are. `outcome` is absent. If the socket was made with SO_REUSEPORT,
 * somebody can share the port: `exclusivity` is `'partial'`, and `caveat` says so.
 *
 * - Linux, macOS: TCP, UDP, and Unix sockets that listen, whose file is their starter's to remove. macOS does not tell
 *   whether a socket listens.
 * - Windows: always an empty list.
 * @example for (const { name, socket } of inheritedSockets()) if (name === 'web') server.listen(socket)
 * @throws Error `ENOTSOCK` for anything but a socket, `EISCONN` for a connection (a unit with Accept=yes), `EINVAL` for
 * a stream that does not listen, `ENOTSUP` for another kind, `EBADF` for a number that is not open; after these, all
 * descriptors stay as they are. `ERR_ACCESS_DENIED` under `--permission` without `--allow-net`
 * @throws TypeError `ERR_INVALID_ARG_VALUE`; RangeError `ERR_OUT_OF_RANGE` for impossible variables
 */
export function inheritedSockets(): TakenSocket[] {
  requireNetPermission('inheritedSockets');
  return takeInherited().map(({ name, opened }) => ({
    name,
    socket: new BoundSocket<AddressInfo | string>(undefined, opened),
  }));
}
