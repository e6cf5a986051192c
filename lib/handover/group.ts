// The group of a SO_REUSEPORT socket: who is in it, and which place is whose.
import { setTimeout as pause } from 'node:timers/promises';
import { addon, type Handle } from '../addon.ts';
import { BoundSocket } from '../bound-socket.ts';
import { connect } from '../connect.ts';
import { codeOf, notSupported, systemError } from '../errors.ts';
import { typeNumber } from '../numbers.ts';
import { attach, DROP_ALL, dropFrom, probe } from './steering.ts';

export interface Group {
  readonly address: string;
  readonly family: 4 | 6;
  readonly port: number;
  readonly ipv6Only: boolean;
}

/** Where a member is, of how many. */
export interface Place {
  readonly index: number;
  readonly size: number;
}

const { SOL_SOCKET = 0, SO_REUSEPORT = 0, SO_MEMINFO = 0, IPPROTO_IPV6 = 0, IPV6_V6ONLY = 0 } = addon.constants;
const { SO_ATTACH_FILTER = 0, SO_DETACH_FILTER = 0, SO_GET_FILTER = 0 } = addon.constants;

/** @throws Error `ENOTSUP` for a socket without SO_REUSEPORT, or with a filter of its own */
export function groupOf(listener: Handle): Group {
  const local = addon.localAddress(listener);
  if (local === null || typeof local === 'number') throw notSupported('retire', 'the server listens on no TCP port');
  if (addon.numberIn(listener, SOL_SOCKET, SO_REUSEPORT, 0) === 0)
    throw notSupported('SO_REUSEPORT', 'the server is in no group: it listens without it');
  const filter = addon.get(listener, SOL_SOCKET, SO_GET_FILTER, 8);
  // One that is longer than the room it gets is an error too.
  if (typeof filter === 'number' || filter.length > 0)
    throw notSupported('SO_ATTACH_FILTER', 'the server has a filter, which would be lost');
  return { ...local, ipv6Only: local.family === 6 && addon.numberIn(listener, IPPROTO_IPV6, IPV6_V6ONLY, 0) !== 0 };
}

const LISTEN = 1 << 10;

/** How many listen on the very address, this user's all of them. */
function sizeOf({ address, family, port, ipv6Only }: Group): number {
  const list = addon.sockets(typeNumber('tcp'), port, LISTEN, 0);
  const uid = process.geteuid?.();
  const members = list?.sockets.filter(
    (row) =>
      row.address === address &&
      row.family === family &&
      (family === 4 || (row.ipv6Only ?? ipv6Only) === ipv6Only) &&
      (row.uid ?? uid) === uid,
  );
  // Those that differ in nothing follow the first, which counts them.
  return members?.reduce((sum, { count }) => sum + count, 0) ?? 0;
}

// SK_MEMINFO_DROPS (include/uapi/linux/sock_diag.h): packets that a socket has dropped.
const DROPS = 8 * 4;
const dropsOf = (socket: Handle) => addon.numberIn(socket, SOL_SOCKET, SO_MEMINFO, DROPS);

const PATIENCE = 2000;

/** Where a packet to the group can come from. */
function nearby({ address, family }: Group): string {
  if (address === '::') return '::1';
  return address === '0.0.0.0'
    ? '127.0.0.1'
    : family === 6 && address.startsWith('::ffff:')
      ? address.slice(7)
      : address;
}

/**
 * Whether a place is ours. A SYN is sent there that nobody sees: ours drops it, and whoever else answers it is not answered
 * in turn, so that no connection comes of it.
 */
async function isOurs(listener: Handle, group: Group, index: number, leaving: Place | undefined): Promise<boolean> {
  const host = nearby(group);
  const from = new BoundSocket({ host, port: 0, reserve: true, acceptPartial: true });
  const client = from.socket();
  const { port } = from.address();
  attach(client, SO_ATTACH_FILTER, DROP_ALL);
  attach(listener, SO_ATTACH_FILTER, dropFrom(port));
  const before = dropsOf(listener);
  probe(listener, host.includes(':') ? 6 : 4, port, index, leaving);
  const socket = connect({ host, port: group.port, from });
  socket.on('error', () => {});
  try {
    for (const deadline = performance.now() + PATIENCE; performance.now() < deadline; ) {
      await pause(1);
      if (dropsOf(client) > 0) return false;
      if (dropsOf(listener) !== before) return true;
    }
  } finally {
    socket.destroy();
    addon.setBytes(listener, SOL_SOCKET, SO_DETACH_FILTER, new Uint8Array(4));
  }
  const remark = `no packet from this machine reaches ${host} port ${group.port}`;
  throw systemError({ code: 'ETIMEDOUT', syscall: 'connect', remark });
}

/**
 * Finds the place of a listener. The kernel fills them in the order of listen(), and puts the last into a place that is left.
 * @param leaving the place that nobody is to choose meanwhile
 * @throws Error `ESRCH` if it is alone, `ETIMEDOUT`
 */
export async function findIndex(listener: Handle, group: Group, leaving?: Place): Promise<Place> {
  // The likeliest first.
  const first = leaving?.index ?? 0;
  for (let turn = 0; turn < 16; turn++) {
    const size = sizeOf(group);
    if (size < 2)
      throw systemError({ code: 'ESRCH', syscall: 'listen', remark: 'nobody else of this user is in the group' });
    for (let at = 0; at < size; at++) {
      const index = (first + at) % size;
      if (!(await isOurs(listener, group, index, leaving))) continue;
      // Whoever comes or goes changes the number of places.
      if (sizeOf(group) === size) return { index, size };
      break;
    }
  }
  const code = codeOf(addon.constants['ETIMEDOUT'] ?? 110);
  throw systemError({ code, syscall: 'listen', remark: 'the group changes all the time' });
}
