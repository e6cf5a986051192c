// inheritedSockets(): what systemd or `exactbind run` has opened for this process, as sockets that any server can adopt.
import type { AddressInfo } from 'node:net';
import { takeInherited } from '../adopt/inherited.ts';
import { requireNetPermission } from '../adopt/permission.ts';
import { BoundSocket } from '../bound-socket.ts';
import type { TakenSocket } from './take.ts';

/**
 * Takes over the sockets that systemd, systemd-socket-activate, systemfd or `exactbind run` has opened for this process
 * (LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES of sd_listen_fds(3)), in their order. Each is checked, no child inherits it any
 * more, and the variables are cleared: a second call returns an empty list, like a process for which nothing was opened.
 *
 * Options, backlog and address are left as they are. `outcome` is absent; `exclusivity` is `'partial'` where somebody can
 * share the port, because the socket was made with SO_REUSEPORT, and `caveat` says so.
 *
 * - Linux, macOS: TCP, UDP, and Unix sockets that listen, whose file is their starter's to remove. macOS does not tell
 *   whether a socket listens.
 * - Windows: always an empty list.
 * @example for (const { name, socket } of inheritedSockets()) if (name === 'web') server.listen(socket)
 * @throws Error `ENOTSOCK` for what is no socket, `EISCONN` for a connection (a unit with Accept=yes), `EINVAL` for a stream
 * that does not listen, `ENOTSUP` for another kind, `EBADF` for a number that is not open; of these, all descriptors stay as
 * they are. `ERR_ACCESS_DENIED` under `--permission` without `--allow-net`
 * @throws TypeError `ERR_INVALID_ARG_VALUE`; RangeError `ERR_OUT_OF_RANGE` for variables that cannot be
 */
export function inheritedSockets(): TakenSocket[] {
  requireNetPermission('inheritedSockets');
  return takeInherited().map(({ name, opened }) => ({
    name,
    socket: new BoundSocket<AddressInfo | string>(undefined, opened),
  }));
}
