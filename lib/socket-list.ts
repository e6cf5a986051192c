// The system's list of sockets: the rows of a port, their states and addresses, and what the list leaves out.
import { clearTimeout, setImmediate, setTimeout } from 'node:timers';
import { addon, type PathSocketList, type ProcessRow, type SocketList, type SocketRow } from './addon.ts';
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
export const BOUND = 1 << STATE.BOUND;
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

/** Which processes, users and control groups are looked up beside the list. */
export const NAMES = {
  none: 0,
  /** For an error: limited to 100 ms of the processor, and against a system that hangs to a second. */
  inTime: 1,
  /** However long that takes. */
  every: 2,
} as const;

export type Names = (typeof NAMES)[keyof typeof NAMES];

/** The names of what a row may not tell. */
type Untold<Row> = { [Name in keyof Row]-?: undefined extends Row[Name] ? Name : never }[keyof Row];

// Whatever a row does not tell is absent by itself, and not read from Object.prototype.
const UNTOLD_OF_SOCKET = {
  ipv6Only: undefined,
  remoteAddress: undefined,
  remotePort: undefined,
  reuseAddress: undefined,
  reusePort: undefined,
  uid: undefined,
  user: undefined,
  inode: undefined,
  device: undefined,
  cgroup: undefined,
  timeLeft: undefined,
  lastTimeLeft: undefined,
} satisfies Record<Untold<SocketRow>, undefined>;

const UNTOLD_OF_PROCESS = {
  name: undefined,
  executable: undefined,
  directory: undefined,
  arguments: undefined,
  uid: undefined,
  user: undefined,
  parent: undefined,
  startedAt: undefined,
} satisfies Record<Untold<ProcessRow>, undefined>;

function completed(list: SocketList | PathSocketList, path = ''): SocketList {
  return {
    ...list,
    // A Unix socket has no address but its path.
    sockets: list.sockets.map((row) => ({ ...UNTOLD_OF_SOCKET, ...row, address: row.address ?? path })),
    processes: list.processes.map((row) => ({ ...UNTOLD_OF_PROCESS, ...row })),
  };
}

/** The same of a search that hung or is not worth its time. */
const unnamed = (list: SocketList): SocketList => ({
  ...list,
  ownersError: process.getBuiltinModule('node:os').constants.errno.ETIMEDOUT,
});

/** The list alone. */
export function withoutNames(port: ListedPort, states: number): SocketList {
  return unnamed(listSockets(port, states));
}

/** The Unix sockets that have a path or an abstract name, and may still be connected to. */
export function listPath(path: string, names: Names = NAMES.none): SocketList {
  const list = addon.pathSockets(path, names);
  return list === null ? unnamed(listPath(path)) : completed(list, path);
}

/** The same on a thread of its own. */
export function listPathLater(path: string, names: Names): Promise<SocketList> {
  const look = async () => completed(await addon.pathSocketsAsync(path, names), path);
  return inTurn(() => (names === NAMES.inTime ? unlessItHangs(look(), () => unnamed(listPath(path))) : look()));
}

export function listSockets(port: ListedPort, states: number, names: Names = NAMES.none): SocketList {
  const list = addon.sockets(typeNumber(port.protocol), port.port, states, names);
  return list === null ? withoutNames(port, states) : completed(list);
}

// Threads at a time: a look takes a processor, and who inspects a thousand ports has no thousand of these.
const LOOKS = 4;
let looking = 0;
const waiting: (() => void)[] = [];

// The longest that an error waits for a thread that hangs in a system call; the search ends itself before.
const HANGS = 1200;

async function inTurn(look: () => Promise<SocketList>): Promise<SocketList> {
  if (looking >= LOOKS) await new Promise<void>((resolve) => waiting.push(resolve));
  looking++;
  try {
    return await look();
  } finally {
    looking--;
    waiting.shift()?.();
  }
}

async function unlessItHangs(look: Promise<SocketList>, instead: () => SocketList): Promise<SocketList> {
  let timer: NodeJS.Timeout | undefined;
  let isDone = false;
  const hung = new Promise<SocketList>((resolve) => {
    // A main thread that was busy runs its timers first: what the look has found meanwhile comes before the immediate.
    timer = setTimeout(() => setImmediate(() => isDone || resolve(instead())), HANGS);
  });
  try {
    return await Promise.race([look, hung]);
  } finally {
    isDone = true;
    clearTimeout(timer);
  }
}

/** A look that runs, and the one after it, which all who ask meanwhile share. */
interface Looks {
  readonly running: Promise<SocketList>;
  next: Promise<SocketList> | undefined;
}

const looks = new Map<string, Looks>();

/** The same on a thread of its own. All who ask the same while it looks share the look that follows. */
export function listSocketsLater(port: ListedPort, states: number, names: Names): Promise<SocketList> {
  const key = `${port.protocol} ${port.port} ${states} ${names}`;
  const start = (): Promise<SocketList> => {
    const look = async () => completed(await addon.socketsAsync(typeNumber(port.protocol), port.port, states, names));
    const running = inTurn(() =>
      names === NAMES.inTime ? unlessItHangs(look(), () => withoutNames(port, states)) : look(),
    );
    const mine: Looks = { running, next: undefined };
    looks.set(key, mine);
    const end = () => {
      if (looks.get(key) === mine && mine.next === undefined) looks.delete(key);
    };
    running.then(end, end);
    return running;
  };
  const current = looks.get(key);
  if (current === undefined) return start();
  current.next ??= current.running.then(start, start);
  return current.next;
}

let lookedNow: Map<string, SocketList> | undefined;

/** Ends what is shared in this turn, because this process has changed it. */
export function lookAnew(): void {
  lookedNow?.clear();
}

/** The list without names, at most once for all who ask the same in one turn of the event loop. */
export function listSocketsOnce(port: ListedPort, states: number): SocketList {
  if (lookedNow === undefined) {
    lookedNow = new Map();
    setImmediate(() => {
      lookedNow = undefined;
    });
  }
  const key = `${port.protocol} ${port.port} ${states}`;
  const known = lookedNow.get(key);
  if (known !== undefined) return known;
  const list = listSockets(port, states);
  lookedNow.set(key, list);
  return list;
}

export function isConnection({ remotePort }: SocketRow): boolean {
  return remotePort !== undefined;
}

function stateOf(row: SocketRow): Existing['state'] {
  if (row.state === STATE.LISTEN) return 'listening';
  // Linux keeps what has an end as a TIME_WAIT, a FIN_WAIT2 without an owner too (tcp_rcv_state_process).
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
export function isWhole({ error, isWhole: hasAll }: SocketList, protocol: Protocol): boolean {
  return error === 0 && hasAll && (protocol === 'udp' || listsBoundSockets());
}
