// Binds a request: opens the socket, sets its options, binds and listens as the policy says, in one native call.
import { addon, type Handle } from '../addon.ts';
import { canonical, overlap } from '../address.ts';
import type { UdpHandle } from '../adopt/handle-classes.ts';
import { bindInHandle } from '../adopt/udp.ts';
import { familyNumber, typeNumber } from '../numbers.ts';
import { has } from '../own.ts';
import { EVERY_STATE, existingOf, HOLDING, isConnection, listSockets } from '../socket-list.ts';
import type { BindOutcome, Policy, Setting } from '../systems/system.ts';
import { follow, type Steps } from './guard.ts';
import { atPlaces, type Place, type Refusal, type Refused } from './places.ts';
import { type Compiled, compiledFor, DEFAULT_BACKLOG, DO_NOT_LISTEN, plainPlan, planWith } from './plan.ts';
import { countHeld } from './probe.ts';
import { lastRefusal, statedRefusal } from './refusal.ts';
import type { BindRequest } from './request.ts';

export interface Bound {
  readonly socket: Handle;
  /** For UDP, the handle of Node's that already owns the socket. */
  readonly udp: UdpHandle | undefined;
  readonly place: Place;
  readonly how: Compiled;
  readonly outcome: BindOutcome | undefined;
}

/** A socket that the steps have bound. */
interface Opened {
  readonly socket: Handle;
  readonly outcome: BindOutcome | undefined;
}

interface Guard {
  readonly socket: Handle;
}

/** The steps of a policy as the system takes them, on a socket that each attempt opens. */
class SystemSteps implements Steps<Compiled, Opened, Guard, Refusal> {
  readonly port: number;
  readonly request: BindRequest;
  readonly place: Place;
  readonly #backlog: number;

  constructor(request: BindRequest, place: Place, backlog: number) {
    this.port = request.port;
    this.request = request;
    this.place = place;
    this.#backlog = backlog;
  }

  conflict(addresses: readonly string[], isBound: boolean): Refusal | undefined {
    if (this.port === 0) return undefined;
    const { sockets } = listSockets(this.request, HOLDING[this.request.protocol]);
    const isHeld = sockets.some(({ address, pid }) => {
      const isOurs = isBound && pid === process.pid;
      return !isOurs && addresses.includes(canonical(address).address);
    });
    return isHeld ? { code: 'EADDRINUSE', syscall: 'bind' } : undefined;
  }

  hold(address: string, options: readonly Setting[]): Guard | Refusal {
    const only: readonly Setting[] = address.includes(':') ? [['IPV6_V6ONLY', true]] : [];
    const socket = addon.open(plainPlan(this.request.protocol, [...only, ...options]), address, this.port);
    if (socket !== -1) return { socket };
    const refused = statedRefusal();
    // Windows says so of an exclusive holder, on this wildcard or the other, and of an excluded range.
    const isConflict =
      refused.code === 'EACCES' && listSockets(this.request, HOLDING[this.request.protocol]).sockets.length > 0;
    return isConflict ? { ...refused, code: 'EADDRINUSE' } : refused;
  }

  portOf({ socket }: Guard): number {
    return this.port === 0 ? addon.localPort(socket) : this.port;
  }

  letGo({ socket }: Guard): void {
    addon.close(socket);
  }

  attempt(how: Compiled, port: number): Opened | Refusal {
    const socket = addon.open(planWith(how, this.#backlog), this.place.host, port);
    if (socket === -1) return lastRefusal(this.request, this.place, port);
    return { socket, outcome: this.outcomeOf(how.policy, addon.status[2] as number) };
  }

  protected outcomeOf({ untold, attempts }: Policy, attempt: number): BindOutcome | undefined {
    const isUntold = untold !== undefined && this.conflict(untold, true) !== undefined;
    return isUntold ? undefined : attempts[attempt]?.outcome;
  }

  countUnconnected(isBound: boolean): number {
    const { error, sockets } = listSockets(this.request, EVERY_STATE);
    if (error !== 0) return countHeld(this.request, this.place, isBound);
    const { address, addressFamily: family } = this.place;
    const asked = { address, family, ipv6Only: this.request.ipv6Only };
    return sockets.filter((row) => !isConnection(row) && overlap(existingOf(row), asked)).length;
  }

  undo({ socket }: Opened): void {
    addon.close(socket);
  }
}

/** The same on one socket that is open already: a UDP socket inside a handle of Node's. */
class DatagramSteps extends SystemSteps {
  readonly #socket: Handle;

  constructor(request: BindRequest, place: Place, socket: Handle) {
    super(request, place, DO_NOT_LISTEN);
    this.#socket = socket;
  }

  override attempt({ beforeBind, policy }: Compiled, port: number): Opened | Refusal {
    const error = addon.bind(this.#socket, beforeBind, this.place.host, port);
    if (error !== 0) return lastRefusal(this.request, this.place, port);
    return { socket: this.#socket, outcome: this.outcomeOf(policy, 0) };
  }

  // The handle closes it, whatever it was refused for.
  override undo(): void {}
}

function bindWith(backlog: number, request: BindRequest, place: Place): Bound | Refused {
  const how = compiledFor(request, place);
  const opened = follow(how, new SystemSteps(request, place, backlog));
  if (has(opened, 'code')) return { request, refusal: opened, place };
  return { socket: opened.socket, udp: undefined, place, how, outcome: opened.outcome };
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
  let outcome: BindOutcome | undefined;
  const udp = bindInHandle(socket, place.family, (): Refusal | undefined => {
    const bound = follow(how, new DatagramSteps(request, place, socket));
    if (has(bound, 'code')) return bound;
    outcome = bound.outcome;
    return undefined;
  });
  return has(udp, 'code') ? { request, refusal: udp, place } : { socket, udp, place, how, outcome };
}

/** @throws Error `ENOTSUP` naming the option that this system does not have. */
export function bind(request: BindRequest): Bound | Refused {
  return atPlaces(request, request.protocol === 'udp' ? bindDatagrams : bindTcp);
}

/** What binding would be refused with now: it binds as it would in order to listen, closes at once, and never listens. */
export function tryBind(request: BindRequest): Refused | undefined {
  const tried = atPlaces(request, bindSilently);
  if (has(tried, 'refusal')) return tried;
  addon.close(tried.socket);
  return undefined;
}
