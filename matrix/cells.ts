// The bind matrix in words: every pair of sockets that is tried, and what is asked of each.
import { canonical, type Local, overlap, type Protocol, type System } from '../lib/door.ts';

/** The options that decide who may share an address; `'both'` is SO_REUSEADDR and SO_REUSEPORT. */
export type CellSharing = 'none' | 'reuse-address' | 'reuse-port' | 'both' | 'exclusive';

/**
 * What has become of the first socket when the second comes.
 *
 * - `'accepted'`: a connection that it accepted; the listener is closed.
 * - `'time-wait'`: the same connection, closed by both, by the server first.
 * - `'orphan'`: the same connection, its server killed, its client still there.
 * - `'outgoing'`: no listener, but a client that was bound to the port and connected.
 */
export type CellState = 'bound' | 'listening' | 'accepted' | 'time-wait' | 'orphan' | 'outgoing';

/** Whose the second socket is; the first is always the measuring process's. */
export type CellOwner = 'same-process' | 'other-process' | 'other-user';

export const ADDRESSES = ['0.0.0.0', '127.0.0.1', '127.0.0.2', '::', ':: V6ONLY', '::1', '::ffff:0.0.0.0'] as const;
export type CellAddress = (typeof ADDRESSES)[number];

export interface FirstSocket {
  readonly sharing: CellSharing;
  readonly state: CellState;
  readonly address: CellAddress;
}

export interface SecondSocket {
  readonly sharing: CellSharing;
  readonly address: CellAddress;
  readonly owner: CellOwner;
}

/** `'ok'` or the code of the refusal. */
export type Result = string;

/** `'either'`: the system spreads what comes. */
export type Receives = 'first' | 'second' | 'either' | 'none';

/** What happened, or is predicted; null where it was not asked, `'unknown'` where the rule does not decide. */
export interface Results {
  /** bind() of the second socket. */
  readonly bind: Result;
  /** Its listen(), if it was bound. */
  readonly listen: Result | null;
  /** listen() of a first that was bound only, after that. */
  readonly firstListen: Result | null;
  /** Who then gets a connection, or a datagram, to an address that both have. */
  readonly receives: Receives | 'unknown' | null;
}

export interface Cell {
  readonly protocol: Protocol;
  readonly first: FirstSocket;
  readonly second: SecondSocket;
  readonly measured: Results;
  readonly predicted: Results;
}

export const STATES: Readonly<Record<Protocol, readonly CellState[]>> = {
  tcp: ['bound', 'listening', 'accepted', 'time-wait', 'orphan', 'outgoing'],
  udp: ['bound', 'outgoing'],
};

/** States in which the first is no socket of any process: time, or the client, ends them. */
export const LEFTOVERS: readonly CellState[] = ['time-wait', 'orphan'];

const POSIX: readonly CellSharing[] = ['none', 'reuse-address', 'reuse-port', 'both'];
const WINSOCK: readonly CellSharing[] = ['none', 'reuse-address', 'exclusive'];

/** The systems that are measured; Wine is not Windows. */
export type MatrixSystem = System | 'wine';

export const SHARINGS: Readonly<Record<MatrixSystem, readonly CellSharing[]>> = {
  linux: POSIX,
  darwin: POSIX,
  windows: WINSOCK,
  wine: WINSOCK,
};

export const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp'];

const OPTIONS: Readonly<Record<CellSharing, readonly string[]>> = {
  none: [],
  'reuse-address': ['SO_REUSEADDR'],
  'reuse-port': ['SO_REUSEPORT'],
  both: ['SO_REUSEADDR', 'SO_REUSEPORT'],
  exclusive: ['SO_EXCLUSIVEADDRUSE'],
};

/** The options that are set, by the kernel's names. */
export function optionsOf(sharing: CellSharing): readonly string[] {
  return OPTIONS[sharing];
}

/** Where it is, as a rule sees it. */
export function localOf(address: CellAddress): Local {
  const [host = '', only] = address.split(' ');
  return { ...canonical(host), ipv6Only: host !== '::' || only !== undefined };
}

/** The address as bind() takes it, the family of its socket, and IPV6_V6ONLY of that. */
export function boundTo(address: CellAddress): { host: string; family: 4 | 6; ipv6Only: boolean } {
  const [host = '', only] = address.split(' ');
  return { host, family: host.includes(':') ? 6 : 4, ipv6Only: only !== undefined };
}

// In the order in which they are preferred for an address that covers several.
const TARGETS: readonly CellAddress[] = ['::1', '127.0.0.1', '127.0.0.2'];

/** Where to connect to reach all of some sockets, if there is such an address among those of this machine. */
export function targetOf(sockets: readonly CellAddress[], here: readonly CellAddress[]): CellAddress | undefined {
  const isReached = (target: CellAddress) => sockets.every((address) => overlap(localOf(address), localOf(target)));
  return TARGETS.find((target) => here.includes(target) && isReached(target));
}

/** Every first socket of a protocol, in the order in which they are tried. */
export function firstSockets(
  protocol: Protocol,
  sharings: readonly CellSharing[],
  addresses: readonly CellAddress[],
): FirstSocket[] {
  return STATES[protocol].flatMap((state) =>
    sharings.flatMap((sharing) => addresses.map((address) => ({ sharing, state, address }))),
  );
}

/** Every second socket, in the order in which they are tried. */
export function secondSockets(
  sharings: readonly CellSharing[],
  addresses: readonly CellAddress[],
  owners: readonly CellOwner[],
): SecondSocket[] {
  return owners.flatMap((owner) =>
    sharings.flatMap((sharing) => addresses.map((address) => ({ sharing, address, owner }))),
  );
}

/** Who answers in the end, at an address of both. */
export interface Answering {
  readonly target: CellAddress;
  readonly isFirst: boolean;
  readonly isSecond: boolean;
}

/** Whom a connection, or a datagram, can reach then; undefined if nobody, or if the two have no address in common. */
export function answering(
  protocol: Protocol,
  first: FirstSocket,
  second: SecondSocket,
  { bind, listen, firstListen }: Omit<Results, 'receives'>,
  here: readonly CellAddress[],
): Answering | undefined {
  const target = bind === 'ok' ? targetOf([first.address, second.address], here) : undefined;
  const isTcp = protocol === 'tcp';
  const isFirst = isTcp ? first.state === 'listening' || firstListen === 'ok' : first.state === 'bound';
  const isSecond = isTcp ? listen === 'ok' : bind === 'ok';
  return target !== undefined && (isFirst || isSecond) ? { target, isFirst, isSecond } : undefined;
}

/** What became of the second socket, in a word or two that keep the codes. */
export function inWords({ measured: { bind, listen, receives } }: Pick<Cell, 'measured'>): string {
  if (bind !== 'ok') return bind;
  if (listen !== 'ok' && listen !== null) return `listen ${listen}`;
  return receives === null ? 'ok' : `ok, ${receives}`;
}

/** What became of the second socket, as one of a few outcomes. */
export type Outcome = 'refused' | 'cannot listen' | 'beside' | 'first' | 'either' | 'second' | 'unknown';

export function outcomeOf({ bind, listen, receives }: Results): Outcome {
  if ([bind, listen, receives].includes('unknown')) return 'unknown';
  if (bind !== 'ok') return 'refused';
  if (listen !== 'ok' && listen !== null) return 'cannot listen';
  if (receives === null) return 'beside';
  return receives === 'none' ? 'unknown' : (receives as Outcome);
}

/** What there is to know of a cell. */
export const KEYS = ['bind', 'listen', 'firstListen', 'receives'] as const;

/** Whether a prediction holds; what it leaves open cannot be wrong. */
export function agrees({ measured, predicted }: Pick<Cell, 'measured' | 'predicted'>): boolean {
  return KEYS.every((key) => predicted[key] === 'unknown' || measured[key] === predicted[key]);
}
