// The system's list of sockets: the rows of a port, their states and addresses, and what the list leaves out.
import { addon, type SocketList, type SocketRow } from './addon.ts';
import { canonical } from './address.ts';
import { familyNumber, typeNumber } from './numbers.ts';
import { system } from './platform.ts';
import type { Existing, Protocol } from './systems/system.ts';

// include/net/tcp_states.h: the numbers of every system's rows.
export const STATE = {
  ESTABLISHED: 1,
  SYN_SENT: 2,
  FIN_WAIT1: 4,
  TIME_WAIT: 6,
  CLOSE: 7,
  LISTEN: 10,
  BOUND: 13,
} as const;

/** Sets of states, one bit each. */
export const EVERY_STATE = 0xffff;
export const LISTENING = 1 << STATE.LISTEN;
const BOUND = 1 << STATE.BOUND;
export const UNLISTED_AS_BOUND = EVERY_STATE & ~BOUND;
/** Bound or about to connect: not where they will be. */
export const UNSETTLED = BOUND | (1 << STATE.SYN_SENT);
/** Every other state, of sockets that were bound by bind() itself (native/os.h). */
export const BOUND_EXPLICITLY = (EVERY_STATE & ~UNSETTLED) | (1 << 30);

/** Sockets that hold a port without being a TCP connection. */
export const HOLDING: Readonly<Record<Protocol, number>> = { tcp: LISTENING | BOUND, udp: EVERY_STATE };

/** Sockets that can receive. */
export const RECEIVING: Readonly<Record<Protocol, number>> = { tcp: LISTENING, udp: EVERY_STATE };

/** The port that is asked about. */
export interface ListedPort {
  readonly protocol: Protocol;
  readonly port: number;
}

/** For `budget`: processes, users and control groups are not looked up. */
export const NO_NAMES = -1;
/** For `budget`: the search for processes takes as long as it takes. */
export const EVERY_NAME = 2 ** 31 - 1;

// Whatever a row does not tell is absent by itself, and not read from Object.prototype.
const UNTOLD = {
  ipv6Only: undefined,
  remoteAddress: undefined,
  remotePort: undefined,
  reuseAddress: undefined,
  reusePort: undefined,
  uid: undefined,
  user: undefined,
  inode: undefined,
  pid: undefined,
  cgroup: undefined,
  executable: undefined,
  directory: undefined,
  arguments: undefined,
  timeLeft: undefined,
} satisfies { readonly [Name in keyof SocketRow as undefined extends SocketRow[Name] ? Name : never]-?: undefined };

function completed(list: SocketList): SocketList {
  return { ...list, sockets: list.sockets.map((row) => ({ ...UNTOLD, ...row })) };
}

/** @param budget milliseconds that the search for processes may take */
export function listSockets({ protocol, port }: ListedPort, states: number, budget: number = NO_NAMES): SocketList {
  return completed(addon.sockets(typeNumber(protocol), port, states, budget));
}

/** The same, off the main thread. */
export async function listSocketsLater(
  { protocol, port }: ListedPort,
  states: number,
  budget: number,
): Promise<SocketList> {
  return completed(await addon.socketsAsync(typeNumber(protocol), port, states, budget));
}

export function isConnection({ remotePort }: SocketRow): boolean {
  return remotePort !== undefined;
}

function stateOf(row: SocketRow): Existing['state'] {
  if (row.state === STATE.LISTEN) return 'listening';
  // What Linux tells an end of is kept as a TIME_WAIT, FIN_WAIT2 that nobody has too (tcp_rcv_state_process).
  if (row.state === STATE.TIME_WAIT || row.timeLeft !== undefined) return 'time-wait';
  return isConnection(row) ? 'connected' : 'bound';
}

/** A row as the rule of a system sees it. */
export function existingOf(row: SocketRow): Existing {
  const { address, family } = canonical(row.address);
  const { ipv6Only, reuseAddress, reusePort, uid } = row;
  return {
    ...{ address, family, ipv6Only, state: stateOf(row), reuseAddress, reusePort, uid },
    ...{ exclusive: undefined, boundTo: undefined },
  };
}

const NOTHING = new Int32Array([0]);

let listsBound: boolean | undefined;

/** Undefined if that could not be tried now. */
function showsOwnBoundSocket(): boolean | undefined {
  const handle = addon.socket(familyNumber(4), typeNumber('tcp'));
  if (handle === -1) return undefined;
  try {
    if (addon.bind(handle, NOTHING, '127.0.0.1', 0) !== 0) return undefined;
    const { error, sockets } = listSockets({ protocol: 'tcp', port: addon.localPort(handle) }, BOUND);
    return error === 0 ? sockets.length > 0 : undefined;
  } finally {
    addon.close(handle);
  }
}

/**
 * Whether the list has TCP sockets that are bound and do not listen: Linux since 6.8 (91051f003948) or where that was
 * brought back, so one is made and looked for; macOS always; Windows never.
 */
export function listsBoundSockets(): boolean {
  listsBound ??= system === 'linux' ? showsOwnBoundSocket() : system === 'darwin';
  return listsBound ?? false;
}

/** Whether a list of every state has all that can be in the way on a port. */
export function isWhole({ error }: SocketList, protocol: Protocol): boolean {
  return error === 0 && (protocol === 'udp' || listsBoundSockets());
}
