// Binds a request: opens the socket, sets its options, binds and listens as the policy says, in one native call.
import { addon, type Handle, STATUS } from '../addon.ts';
import { canonical, type Local, overlap } from '../address.ts';
import { closeWith } from '../adopt/close-with.ts';
import type { UdpHandle } from '../adopt/handle-classes.ts';
import type { Inheritance } from '../adopt/tcp.ts';
import { bindInHandle } from '../adopt/udp.ts';
import { familyNumber, typeNumber } from '../numbers.ts';
import { has } from '../own.ts';
import { EVERY_STATE, existingOf, HOLDING, isConnection, LISTENING, listSockets } from '../socket-list.ts';
import type { Attempt, BindOutcome, Promised } from '../systems/system.ts';
import { type Doer, follow } from './guard.ts';
import { atPlaces, type Place, type Refusal, type Refused } from './places.ts';
import { type Compiled, compiledFor, DEFAULT_BACKLOG, DO_NOT_LISTEN, planWith } from './plan.ts';
import { countHeld } from './probe.ts';
import { lastRefusal, statedRefusal } from './refusal.ts';
import type { BindRequest } from './request.ts';
import { hasCompany, lookForStrangers } from './strangers.ts';

export interface Bound {
  readonly socket: Handle;
  /** For UDP, the handle of Node's that already owns the socket. */
  readonly udp: UdpHandle | undefined;
  /** A second socket that holds the port on the other addresses; it is closed with the first. */
  readonly guard: Handle | undefined;
  readonly place: Place;
  readonly how: Compiled;
  readonly outcome: BindOutcome | undefined;
  readonly promise: Promised;
  /** A stranger who can take what is meant for us, in a sentence. */
  readonly stranger: string | undefined;
  /** Of a socket that another process had before. */
  readonly inheritance?: Inheritance;
}

/** A socket that the attempts have bound. */
interface Opened {
  readonly socket: Handle;
  readonly guard: Handle | undefined;
  readonly attempt: Attempt;
  readonly how: Compiled;
}

/** The attempts as the system makes them: on a new socket, or on one that is given. */
class BySystem implements Doer<Compiled, Opened, Refusal> {
  readonly port: number;
  // No #names: making four of them costs a tenth of a microsecond.
  readonly request: BindRequest;
  readonly place: Place;
  private readonly backlog: number;
  private readonly given: Handle | undefined;

  constructor(request: BindRequest, place: Place, backlog: number, given?: Handle) {
    this.port = request.port;
    this.request = request;
    this.place = place;
    this.backlog = backlog;
    this.given = given;
  }

  conflict(addresses: readonly string[], isBound: boolean): Refusal | undefined {
    if (this.port === 0) return undefined;
    const { sockets } = listSockets(this.request, HOLDING[this.request.protocol]);
    const isHeld = sockets.some(({ address, pids }) => {
      const isOurs = isBound && pids.includes(process.pid);
      return !isOurs && addresses.includes(canonical(address).address);
    });
    return isHeld ? { code: 'EADDRINUSE', syscall: 'bind' } : undefined;
  }

  attempt(how: Compiled): Opened | Refusal {
    const { port } = this;
    const { host } = this.place;
    const plan = planWith(how, this.backlog);
    const socket = this.given === undefined ? addon.open(plan, host, port) : addon.open(plan, host, port, this.given);
    if (socket === -1) return lastRefusal(this.request, this.place, port);
    const { status } = addon;
    const guard = status[STATUS.guard] as number;
    return {
      socket,
      guard: guard === -1 ? undefined : guard,
      attempt: how.policy.attempts[status[STATUS.attempt] as number] as Attempt,
      how,
    };
  }

  outcomeOf({ attempt, how }: Opened): BindOutcome | undefined {
    const { untold } = how.policy;
    const isUntold = untold !== undefined && this.conflict(untold, true) !== undefined;
    return isUntold ? undefined : attempt.outcome;
  }

  private get asked(): Local {
    const { address, addressFamily: family } = this.place;
    return { address, family, ipv6Only: this.request.ipv6Only };
  }

  isListenedOn(): boolean {
    if (this.port === 0) return false;
    const { sockets } = listSockets(this.request, LISTENING);
    // One on a device may be in a VRF, and not in our way.
    return sockets.some((row) => row.device === undefined && overlap(existingOf(row), this.asked));
  }

  countUnconnected(isBound: boolean): number {
    const { error, sockets } = listSockets(this.request, EVERY_STATE);
    if (error !== 0) return countHeld(this.request, this.place, isBound);
    return sockets.filter((row) => !isConnection(row) && overlap(existingOf(row), this.asked)).length;
  }

  undo({ socket, guard }: Opened): void {
    if (guard !== undefined) addon.close(guard);
    if (this.given === undefined) addon.close(socket);
  }
}

/** What an attempt has come to; the refusal where a stranger turned out to be on the address. */
function confirmed(system: BySystem, how: Compiled, opened: Opened): Bound | Refusal {
  const { request, place } = system;
  const { socket, guard, attempt } = opened;
  let promise = attempt.promise ?? opened.how.policy;
  let stranger: string | undefined;
  if (attempt.joins && hasCompany(request, place, addon.localPort(socket)))
    return { code: 'EADDRINUSE', syscall: 'listen' };
  if (attempt.strangers) {
    const found = lookForStrangers(request, place, addon.localPort(socket), promise);
    if (has(found, 'code')) return found;
    ({ promise, stranger } = found);
  }
  // One object, and no copies of others: this is the hot path.
  return { socket, udp: undefined, guard, place, how, outcome: system.outcomeOf(opened), promise, stranger };
}

function bindWith(backlog: number, request: BindRequest, place: Place): Bound | Refused {
  const how = compiledFor(request, place);
  const system = new BySystem(request, place, backlog);
  const opened = follow(how, system);
  if (has(opened, 'code')) return { request, refusal: opened, place };
  const bound = confirmed(system, how, opened);
  if (!has(bound, 'code')) return bound;
  system.undo(opened);
  return { request, refusal: bound, place };
}

function bindTcp(request: BindRequest, place: Place): Bound | Refused {
  return bindWith(request.reserve ? DO_NOT_LISTEN : (request.backlog ?? DEFAULT_BACKLOG), request, place);
}

function bindSilently(request: BindRequest, place: Place): Bound | Refused {
  return bindWith(DO_NOT_LISTEN, request, place);
}

function bindDatagrams(request: BindRequest, place: Place): Bound | Refused {
  const how = compiledFor(request, place);
  const socket = addon.socket(familyNumber(place.family), typeNumber('udp'));
  if (socket === -1) return { request, refusal: statedRefusal(), place };
  let bound: Bound | undefined;
  const udp = bindInHandle(socket, place.family, (): Refusal | undefined => {
    const system = new BySystem(request, place, DO_NOT_LISTEN, socket);
    const opened = follow(how, system);
    if (has(opened, 'code')) return opened;
    const found = confirmed(system, how, opened);
    if (has(found, 'code')) {
      system.undo(opened);
      return found;
    }
    bound = found;
    return undefined;
  });
  const guard = bound?.guard;
  if (has(udp, 'code')) {
    if (guard !== undefined) addon.close(guard);
    return { request, refusal: udp, place };
  }
  if (guard !== undefined) closeWith(udp, guard);
  return { ...(bound as Bound), udp };
}

/** @throws Error `ENOTSUP` naming the option that this system does not have. */
export function bind(request: BindRequest): Bound | Refused {
  return atPlaces(request, request.protocol === 'udp' ? bindDatagrams : bindTcp);
}

/** What binding would be refused with now: it binds as it would in order to listen, closes at once, and never listens. */
export function tryBind(request: BindRequest): Refused | undefined {
  const tried = atPlaces(request, bindSilently);
  if (has(tried, 'refusal')) return tried;
  if (tried.guard !== undefined) addon.close(tried.guard);
  addon.close(tried.socket);
  return undefined;
}
