// retire(): a member of a SO_REUSEPORT group leaves it, and loses no handshake.
import type { Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { addon, type Handle } from '../addon.ts';
import { closeListener } from '../adopt/accepting.ts';
import { numberOfSocket } from '../adopt/socket-number.ts';
import { checkTimeout } from '../bind/request.ts';
import { codeOf, notRunning, notSupported, systemError, wrongType } from '../errors.ts';
import { endsAt } from '../frames.ts';
import { familyNumber, typeNumber } from '../numbers.ts';
import { readOptions } from '../options-once.ts';
import { system } from '../platform.ts';
import { findIndex, type Group, groupOf } from './group.ts';
import { alwaysHash, attach, except, exceptLast } from './steering.ts';

/** Options of `retire()`. */
export interface RetireOptions {
  /** Milliseconds that a handshake may take: more than the longest round trip of a client. @defaultValue 50 */
  after?: number | undefined;
}

const { SOL_SOCKET = 0, SO_REUSEPORT = 0, SO_ATTACH_FILTER = 0, IPPROTO_IPV6 = 0, IPV6_V6ONLY = 0 } = addon.constants;
const { IPPROTO_TCP = 0, TCP_INFO = 0 } = addon.constants;

// struct tcp_info (include/uapi/linux/tcp.h); of a listener: how many connections wait to be accepted.
const UNACKED = 24;

const LOCK_TIMEOUT = 30_000;
const LOCK_PAUSE = 5;

/** Of those that retire in one network, one at a time moves the others' places. */
async function locked<T>(port: number, work: () => Promise<T>): Promise<T> {
  // A name that belongs to a network, as the port does, and goes with the process.
  const name = `\0exactbind.retire.${process.geteuid?.()}.${port}`;
  const deadline = performance.now() + LOCK_TIMEOUT;
  for (;;) {
    const unlock = addon.openInbox(name, () => {});
    if (typeof unlock !== 'number') {
      try {
        return await work();
      } finally {
        unlock();
      }
    }
    const code = codeOf(unlock);
    if (code !== 'EADDRINUSE') throw systemError({ code, syscall: 'bind' });
    if (performance.now() >= deadline) {
      throw systemError({ code: 'ETIMEDOUT', syscall: 'bind', remark: `another process retires from port ${port}` });
    }
    await pause(LOCK_PAUSE);
  }
}

function check(error: number, syscall: string): void {
  if (error !== 0) throw systemError({ code: codeOf(error), syscall });
}

/**
 * A socket that joins the group for as long as it takes to free it of its program: only a member may. What reaches it
 * meanwhile is dropped, so that the client sends it again.
 */
function openHelper({ address, family, port, ipv6Only }: Group): Handle {
  const helper = addon.socket(familyNumber(family), typeNumber('tcp'));
  if (helper === -1) throw systemError({ code: codeOf(addon.status[0] as number), syscall: 'socket' });
  try {
    const only = family === 6 ? [IPPROTO_IPV6, IPV6_V6ONLY, 4, +ipv6Only] : [];
    const settings = new Int32Array([family === 6 ? 2 : 1, ...only, SOL_SOCKET, SO_REUSEPORT, 4, 1]);
    check(addon.bind(helper, settings, address, port), 'bind');
    attach(helper, SO_ATTACH_FILTER, [[0x06, 0, 0, 0]]);
    return helper;
  } catch (error) {
    addon.close(helper);
    throw error;
  }
}

const NOTHING = new Int32Array([0]);

/** Closes the listener in one go with what frees the group. */
function leave(server: Server, listener: Handle, helper: Handle, place: { index: number; size: number }): void {
  // The last moves into the place that ours leaves, and the helper into the last one: neither is chosen meanwhile.
  exceptLast(listener, place.index, place.size);
  closeListener(server);
  if (addon.listen(helper, NOTHING, 1) === 0) alwaysHash(helper);
}

async function retireNow(server: Server, group: Group, after: number): Promise<void> {
  const listener = numberOfSocket(server);
  const helper = openHelper(group);
  try {
    for (;;) {
      const place = await findIndex(listener, group);
      except(listener, place.index, place.size);
      await pause(after);
      // Whoever has closed meanwhile has moved another into its place, perhaps this one.
      const now = await findIndex(listener, group, place);
      if (now.index !== place.index || now.size !== place.size) continue;
      while (addon.numberIn(listener, IPPROTO_TCP, TCP_INFO, UNACKED) > 0) await pause(1);
      leave(server, listener, helper, place);
      return;
    }
  } finally {
    addon.close(helper);
  }
}

/**
 * Takes a server out of a SO_REUSEPORT group without losing a connection: the kernel stops choosing it, handshakes that
 * have begun complete, the server accepts whatever waits in its queue, and only then its listener is closed. Its
 * connections go on; the other members take the new ones. Start the new member first, then call this in the old one.
 *
 * Without this, the kernel resets the queue of a member that closes, unless net.ipv4.tcp_migrate_req is set. This needs
 * neither that setting nor a privilege. Several members may retire at once; they do so one after the other. It removes
 * the group's own SO_ATTACH_REUSEPORT_CBPF or _EBPF program.
 *
 * - Linux 5.3 and later: SO_ATTACH_REUSEPORT_CBPF.
 * - Elsewhere: `ENOTSUP`.
 * @example await retire(server); server.closeIdleConnections();
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; RangeError `ERR_OUT_OF_RANGE`; Error
 * `ERR_SERVER_NOT_RUNNING`
 * @throws Error `ENOTSUP`; `ESRCH` if no other socket of this user is in the group; `ETIMEDOUT` if others are retiring
 * all the time, or if no packet reaches the port from this machine. The server then serves on
 */
export async function retire(server: Server, options: RetireOptions = {}): Promise<void> {
  const { after = 50 } = readOptions<RetireOptions>(options, { after: true });
  checkTimeout('options.after', after);
  if (system !== 'linux') throw notSupported('retire', `there is no SO_ATTACH_REUSEPORT_CBPF on ${system}`);
  const { Server } = process.getBuiltinModule('node:net');
  if (!(server instanceof Server)) throw wrongType('server', 'an instance of net.Server', server);
  if (!server.listening) throw notRunning();
  const group = groupOf(numberOfSocket(server));
  await endsAt(
    retire,
    locked(group.port, () => retireNow(server, group, after)),
  );
}
