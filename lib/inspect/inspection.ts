// One inspection of a port, as questions to the list of sockets and what follows from the answers.
import type { SocketList, SocketRow } from '../addon.ts';
import { type Place, placeOf, type Refusal } from '../bind/places.ts';
import type { BindRequest } from '../bind/request.ts';
import { tryBind } from '../bind/socket.ts';
import { codeOf } from '../errors.ts';
import { system } from '../platform.ts';
import { existingOf, HOLDING, isConnection, isWhole, LISTENING, STATE, UNLISTED_AS_BOUND } from '../socket-list.ts';
import { rule } from '../systems/running.ts';
import type { Known, Leftovers, Sharing } from '../systems/system.ts';
import { holderOf } from './holders.ts';
import { firstUnprivilegedPort, isRestricted, mayBeRefused } from './limits.ts';
import { predict } from './predict.ts';
import type { Bindable, PortReport, Verdict } from './report.ts';

/** A question to the list; `names` says whether processes, users and control groups are looked up too. */
export interface Question {
  readonly port: number;
  /** One bit each. */
  readonly states: number;
  readonly names: boolean;
}

export type Inspection = Generator<Question, PortReport, SocketList>;

const MODES = { exclusive: 'exclusive', reuseAddress: 'reuse-address', reusePort: 'reuse-port' } as const;

const UNLISTED = 'the system refuses the address and lists nobody who has it';

function isInTheWay(row: SocketRow, request: BindRequest, place: Place): boolean {
  const asked = { address: place.address, family: place.addressFamily, ipv6Only: request.ipv6Only };
  return rule.overlaps(existingOf(row), asked);
}

/** What this process would meet if it bound now; it remembers, because the modes of a system often come down to one. */
class Trial {
  refusal: Refusal | undefined;
  readonly #request: BindRequest;

  constructor(request: BindRequest) {
    this.#request = request;
  }

  bind(sharing: Sharing, leftovers: Leftovers = 'reuse'): Known {
    const refusal = tryBind({ ...this.#request, sharing, leftovers })?.refusal;
    if (refusal === undefined) return true;
    this.refusal ??= refusal;
    return ['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(refusal.code) ? false : undefined;
  }
}

interface Evidence {
  readonly request: BindRequest;
  readonly place: Place;
  readonly list: SocketList;
  /** Of the list, those in the way. */
  readonly rows: readonly SocketRow[];
}

function bindableBy(
  evidence: Evidence,
  mode: (typeof MODES)[keyof typeof MODES],
  trial: Trial | undefined,
): boolean | null {
  const { request, place, list, rows } = evidence;
  let predicted: Known;
  try {
    predicted = predict(rows, { ...request, sharing: mode }, place);
  } catch {
    // ENOTSUP: this system does not have the mode.
    return false;
  }
  // Where :: cannot be bound, every address is 0.0.0.0.
  const address = request.host === undefined ? '0.0.0.0' : place.address;
  if (predicted === true && (!isWhole(list, request.protocol) || mayBeRefused(address, request))) predicted = undefined;
  return predicted ?? trial?.bind(mode) ?? null;
}

function bindableIn(evidence: Evidence, trial: Trial | undefined): Bindable {
  const { exclusive, reuseAddress, reusePort } = MODES;
  return {
    exclusive: bindableBy(evidence, exclusive, trial),
    reuseAddress: bindableBy(evidence, reuseAddress, trial),
    reusePort: bindableBy(evidence, reusePort, trial),
  };
}

/** What the system has just refused is known, whatever the list says. */
function withoutRefused(bindable: Bindable, { sharing }: BindRequest, { code }: Refusal): Bindable {
  // Only a conflict depends on what is shared.
  if (code !== 'EADDRINUSE') return { exclusive: false, reuseAddress: false, reusePort: false };
  const mode = (Object.keys(MODES) as (keyof Bindable)[]).find((name) => MODES[name] === sharing);
  return mode === undefined ? bindable : { ...bindable, [mode]: false };
}

/** Whether a connection is a client's, and not one that a server accepted. */
function* isOutgoing(row: SocketRow, port: number): Generator<Question, boolean, SocketList> {
  const { address, remoteAddress = '', remotePort = 0 } = row;
  const isHere = remoteAddress === address || remoteAddress.startsWith('127.') || remoteAddress === '::1';
  if (!isHere) return remotePort < port;
  // Connected to itself, or to somebody who listens.
  if (remotePort === port && remoteAddress === address) return true;
  const { sockets } = yield { port: remotePort, states: LISTENING, names: false };
  // A client's own port is usually the higher one.
  return sockets.length > 0 || remotePort < port;
}

function* verdictOf(
  { request, rows, list }: Evidence,
  bindable: Bindable,
  refusal: Refusal | undefined,
): Generator<Question, Verdict, SocketList> {
  const connections = rows.filter(isConnection);
  if (rows.some(({ state }) => state === STATE.LISTEN)) return 'listening';
  if (connections.length < rows.length) return request.protocol === 'udp' ? 'listening' : 'bound';
  const owned = connections.find(({ isOpen }) => isOpen);
  if (owned !== undefined && (request.protocol === 'udp' || (yield* isOutgoing(owned, request.port))))
    return 'outgoing';
  if (connections.length > 0) return 'leftovers';
  if (list.error !== 0) return 'unknown';
  if (refusal === undefined) return bindable.exclusive === false ? 'unknown' : 'free';
  if (refusal.code === 'EACCES') return system === 'windows' ? 'excluded' : 'privileged';
  return 'unknown';
}

function reasonOf(verdict: Verdict, { request, place, list }: Evidence, refusal: Refusal | undefined) {
  if (list.error !== 0) return `the list of sockets could not be read: ${codeOf(list.error)}`;
  if (verdict === 'privileged' && system === 'darwin') {
    return `one address with a port below ${firstUnprivilegedPort()} needs root: bind every address (::, 0.0.0.0), which does not`;
  }
  if (verdict === 'privileged') {
    const first = firstUnprivilegedPort();
    return (
      `ports below ${first} need CAP_NET_BIND_SERVICE: choose a higher one, grant it to node (setcap), or lower the limit ` +
      '(sysctl net.ipv4.ip_unprivileged_port_start)'
    );
  }
  if (verdict === 'excluded') {
    return (
      'nobody is listed, so the port is probably in an excluded range (Hyper-V, WinNAT), which is an inference: compare ' +
      `"netsh int ipv4 show excludedportrange protocol=${request.protocol}", or choose another port`
    );
  }
  if (refusal?.code === 'EADDRNOTAVAIL') {
    return `no interface of this machine has the address ${place.host}: bind one that has, or every address (::)`;
  }
  if (refusal?.code === 'EAFNOSUPPORT') return `this machine has no IPv${place.family}`;
  if (verdict === 'unknown' && isRestricted(request)) {
    return `macOS keeps TCP port ${request.port} for programs of its own: choose another`;
  }
  return verdict === 'unknown' ? UNLISTED : undefined;
}

function freeIn(rows: readonly SocketRow[]): number | undefined {
  const left = rows.map(({ timeLeft }) => timeLeft);
  if (left.includes(undefined) || left.length === 0) return undefined;
  // There can be more than a call takes arguments.
  return (left as number[]).reduce((most, one) => Math.max(most, one));
}

/**
 * Inspects the address of a request. Without `refusal`, the undecided is tried out by binding for a moment; with it, the
 * system has just refused this very request, and nothing is bound.
 */
export function* inspect(request: BindRequest, refusal?: Refusal): Inspection {
  const place = placeOf(request);
  const { port, protocol } = request;
  // A server may have thousands of connections: they are listed only if nobody listens or is about to.
  let list = yield { port, states: HOLDING[protocol], names: true };
  let rows = list.sockets.filter((row) => isInTheWay(row, request, place));
  if (rows.length === 0 && protocol === 'tcp' && list.error === 0) {
    // What began to listen while the list was read may have been missed in both states.
    list = yield { port, states: UNLISTED_AS_BOUND, names: true };
    rows = list.sockets.filter((row) => isInTheWay(row, request, place));
  }
  const evidence = { request, place, list, rows };
  const trial = refusal === undefined ? new Trial(request) : undefined;
  const found = bindableIn(evidence, trial);
  // Whoever is not listed shows when nothing is shared with him.
  if (rows.length === 0 && !isWhole(list, protocol)) trial?.bind('exclusive', 'refuse');
  const refused = refusal ?? trial?.refusal;
  const bindable = refusal === undefined ? found : withoutRefused(found, request, refusal);
  const verdict = yield* verdictOf(evidence, bindable, refused);
  const reason = reasonOf(verdict, evidence, refused);
  const freeInMs = verdict === 'leftovers' ? freeIn(rows) : undefined;
  return {
    port,
    host: place.host,
    protocol,
    verdict,
    bindable,
    holders: rows.map((row) => holderOf(row, list, port, protocol)),
    ...(freeInMs !== undefined && { freeInMs }),
    ...(reason !== undefined && { reason }),
  };
}
