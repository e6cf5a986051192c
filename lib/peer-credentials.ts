// getPeerCredentials(): who is at the other end of a Unix socket.
import { notSupported } from './errors.ts';
import { system } from './platform.ts';
import { type AnySocket, getOption } from './raw-options.ts';

/** The peer at the time of its connect. */
export interface PeerCredentials {
  pid: number;
  uid: number;
  gid: number;
  /** Supplementary groups; null if the system does not tell (Linux before 4.13). */
  groups: number[] | null;
}

function onLinux(socket: AnySocket): PeerCredentials | null {
  const found = getOption(socket, 'SO_PEERCRED');
  if (found === null) return null;
  try {
    return { ...found, groups: getOption(socket, 'SO_PEERGROUPS') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOPROTOOPT' || code === 'ENODATA') return { ...found, groups: null };
    throw error;
  }
}

function onDarwin(socket: AnySocket): PeerCredentials | null {
  try {
    const { uid, groups } = getOption(socket, 'LOCAL_PEERCRED');
    return { pid: getOption(socket, 'LOCAL_PEERPID'), uid, gid: groups[0] ?? -1, groups: groups.slice(1) };
  } catch (error) {
    // What a socket of another family answers.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EINVAL' || code === 'ENOPROTOOPT' || code === 'ENOTCONN') return null;
    throw error;
  }
}

/**
 * Tells who is at the other end of a Unix socket: process, user and group when it connected; for a listener, those of
 * the listening process. Null for a socket of another family, or without a peer.
 *
 * - Linux: `SO_PEERCRED`, `SO_PEERGROUPS`.
 * - macOS: `LOCAL_PEERCRED`, `LOCAL_PEERPID`.
 * - Windows: `ENOTSUP`, because Node's local sockets are named pipes there.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE`; Error `ENOTSUP`, `ERR_SOCKET_NO_HANDLE`
 */
export function getPeerCredentials(socket: AnySocket): PeerCredentials | null {
  if (system === 'linux') return onLinux(socket);
  if (system === 'darwin') return onDarwin(socket);
  throw notSupported('SO_PEERCRED', "Node's local sockets are named pipes here", 'getsockopt');
}
