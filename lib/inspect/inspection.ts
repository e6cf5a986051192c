// One inspection of a port, as questions to the list of sockets and what follows from the answers.
import type { SocketList, SocketRow } from '../addon.ts';
import { type Place, placeOf, type Refusal } from '../bind/places.ts';
import type { BindRequest } from '../bind/request.ts';
import { tryBind } from '../bind/socket.ts';
import { system } from '../platform.ts';
import {
  BOUND,
  EVERY_STATE,
  existingOf,
  HOLDING,
  isConnection,
  isWhole,
  LISTENING,
  STATE,
  UNLISTED_AS_BOUND,
} from '../socket-list.ts';
import { rule } from '../systems/running.ts';
import type { Known, Leftovers, Sharing } from '../systems/system.ts';
import { isWsl } from './confinement.ts';
import { holderOf } from './holders.ts';
import { isKept, isPrivileged, mayBeRefused } from './limits.ts';
import { predict } from './predict.ts';
import { reasonOf, remedyOf } from './reasons.ts';
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

function isInTheWay(row: SocketRow, request: BindRequest, place: Place): boolean {
  const asked = { address: place.address, family: place.addressFamily, ipv6Only: request.ipv6Only };
  return rule.overlaps(existingOf(row), asked);
}

// Those that say something of the address.
const REFUSALS = ['EINVAL', 'EADDRINUSE', 'EACCES', 'EPERM', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'];

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
    return REFUSALS.includes(refusal.code) ? false : undefined;
  }
}

interface Evidence {
  readonly request: BindRequest;
  readonly place: Place;
  readonly list: SocketList;
  /** Of the list, those in the way. */
  readonly rows: readonly SocketRow[];
  /** Whether the list has all states: an error is explained by the first that are found. */
  readonly isComplete: boolean;
}

function bindableBy(
  { request, place, list, rows, isComplete }: Evidence,
  mode: (typeof MODES)[keyof typeof MODES],
  trial: Trial | undefined,
  mayBeRefused: () => boolean,
): boolean | null {
  let predicted: Known;
  try {
    predicted = predict(rows, { ...request, sharing: mode }, place);
  } catch {
    // ENOTSUP: this system does not have the mode.
    return false;
  }
  const isSure = isComplete && isWhole(list, request.protocol);
  if (predicted === true && (!isSure || mayBeRefused())) predicted = undefined;
  return predicted ?? trial?.bind(mode) ?? null;
}

function bindableIn(evidence: Evidence, trial: Trial | undefined): Bindable {
  const { request, place } = evidence;
  // Where :: cannot be bound, every address is 0.0.0.0.
  const address = request.host === undefined ? '0.0.0.0' : place.address;
  let known: boolean | undefined;
  const isRefused = () => {
    known ??= mayBeRefused(address, request);
    return known;
  };
  const bindable = (mode: (typeof MODES)[keyof typeof MODES]) => bindableBy(evidence, mode, trial, isRefused);
  const { exclusive, reuseAddress, reusePort } = MODES;
  return {
    exclusive: bindable(exclusive),
    reuseAddress: bindable(reuseAddress),
    reusePort: bindable(reusePort),
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
  evidence: Evidence,
  bindable: Bindable,
  refusal: Refusal | undefined,
): Generator<Question, Verdict, SocketList> {
  const { request, rows, list } = evidence;
  // No address: whoever has it on an interface is not in the way.
  if (refusal?.code === 'EINVAL') return 'unknown';
  const connections = rows.filter(isConnection);
  if (rows.some(({ state }) => state === STATE.LISTEN)) return 'listening';
  if (connections.length < rows.length) return request.protocol === 'udp' ? 'listening' : 'bound';
  const owned = connections.find(({ isOpen }) => isOpen);
  if (owned !== undefined && (request.protocol === 'udp' || (yield* isOutgoing(owned, request.port))))
    return 'outgoing';
  if (connections.length > 0) return 'leftovers';
  if (list.error !== 0) return 'unknown';
  if (refusal === undefined) return bindable.exclusive === false ? 'unknown' : 'free';
  return deniedBy(evidence, refusal);
}

/** What refuses an address that nobody is seen to have. */
function deniedBy({ request, place }: Evidence, { code }: Refusal): Verdict {
  if (code === 'EACCES' && system === 'windows') return 'excluded';
  if (code === 'EACCES' && isPrivileged(place.address, request.port)) return 'privileged';
  if (code === 'EACCES' || code === 'EPERM') return 'denied';
  const isUnlisted = isWsl() || isKept(request);
  return code === 'EADDRINUSE' && isUnlisted ? 'denied' : 'unknown';
}

function freeIn(rows: readonly SocketRow[]): number | undefined {
  const left = rows.filter(({ count }) => count > 0).map(({ lastTimeLeft }) => lastTimeLeft);
  if (left.includes(undefined) || left.length === 0) return undefined;
  // There can be more than a call takes arguments.
  return (left as number[]).reduce((most, one) => Math.max(most, one));
}

/** What is in the way, and the list that it is from. */
type Found = Pick<Evidence, 'list' | 'rows' | 'isComplete'>;

/**
 * Looks until somebody in the way explains a refusal: listeners first, which are few and soon listed; then who is about to
 * listen; and everybody else, of whom a server may have thousands, last.
 */
function* lookForRefusal(request: BindRequest, place: Place): Generator<Question, Found, SocketList> {
  const { port, protocol } = request;
  const steps = protocol === 'tcp' ? [LISTENING, BOUND, UNLISTED_AS_BOUND] : [EVERY_STATE];
  for (const [step, states] of steps.entries()) {
    const list = yield { port, states, names: true };
    const rows = list.sockets.filter((row) => isInTheWay(row, request, place));
    const isLast = step === steps.length - 1 || list.error !== 0;
    if (rows.length > 0 || isLast) return { list, rows, isComplete: isLast && rows.length === 0 };
  }
  throw new Error('unreachable');
}

/** Looks at everybody, but at connections only if nobody listens. */
function* lookAtAll(request: BindRequest, place: Place): Generator<Question, Found, SocketList> {
  const { port, protocol } = request;
  const found = (list: SocketList): Found => ({
    list,
    rows: list.sockets.filter((row) => isInTheWay(row, request, place)),
    isComplete: true,
  });
  if (protocol === 'udp') return found(yield { port, states: EVERY_STATE, names: true });
  const isHeld = found(yield { port, states: LISTENING, names: false }).rows.length > 0;
  const held = isHeld ? found(yield { port, states: HOLDING.tcp, names: true }) : undefined;
  if (held !== undefined && (held.rows.length > 0 || held.list.error !== 0)) return held;
  const all = found(yield { port, states: EVERY_STATE, names: true });
  if (all.rows.length > 0 || all.list.error !== 0) return all;
  // What began to listen while the list was read may have been missed in both states.
  const late = found(yield { port, states: LISTENING, names: true });
  return late.rows.length > 0 ? late : all;
}

/**
 * Inspects the address of a request. Without `refusal`, the undecided is tried out by binding for a moment; with it, the
 * system has just refused this very request, and nothing is bound.
 */
export function* inspect(request: BindRequest, refusal?: Refusal): Inspection {
  const place = placeOf(request);
  const { port, protocol } = request;
  const found = yield* refusal === undefined ? lookAtAll(request, place) : lookForRefusal(request, place);
  const { list, rows } = found;
  const evidence = { request, place, ...found };
  const trial = refusal === undefined ? new Trial(request) : undefined;
  const asked = bindableIn(evidence, trial);
  // Whoever is not listed shows when nothing is shared with him.
  if (rows.length === 0 && !isWhole(list, protocol)) trial?.bind('exclusive', 'refuse');
  const refused = refusal ?? trial?.refusal;
  const bindable = refusal === undefined ? asked : withoutRefused(asked, request, refusal);
  const verdict = yield* verdictOf(evidence, bindable, refused);
  const holders = rows.map((row) => holderOf(row, list, port, protocol));
  const outcome = { verdict, protocol, place, refusal: refused, listError: list.error, holders };
  const reason = reasonOf(outcome);
  const remedy = remedyOf(outcome);
  const freeInMs = verdict === 'leftovers' ? freeIn(rows) : undefined;
  const omitted = rows.reduce((sum, { count }) => sum + count, 0) - rows.length;
  return {
    port,
    host: place.host,
    protocol,
    verdict,
    bindable,
    holders,
    ...(omitted > 0 && { omitted }),
    ...(freeInMs !== undefined && { freeInMs }),
    ...(reason !== undefined && { reason }),
    ...(remedy !== undefined && { remedy }),
  };
}
