// Binds a request: opens the socket, sets its options, binds and listens as the policy says, in one native call.
import { addon, type Handle } from '../addon.ts';
import { overlap } from '../address.ts';
import { closeWith } from '../adopt/close-with.ts';
import type { UdpHandle } from '../adopt/handle-classes.ts';
import { bindInHandle } from '../adopt/udp.ts';
import { familyNumber, typeNumber } from '../numbers.ts';
import { EVERY_STATE, existingOf, isConnection, listSockets } from '../socket-list.ts';
import type { Attempt, BindOutcome, Promised } from '../systems/system.ts';
import { type Doer, follow } from './guard.ts';
import { atPlaces, type Place, type Refusal, type Refused } from './places.ts';
import { type Compiled, compiledFor, DEFAULT_BACKLOG, DO_NOT_LISTEN, planWith } from './plan.ts';
import { heldAddresses, lastRefusal, statedRefusal } from './refusal.ts';
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
  /** Whoever was found to be able to take what is meant for us, in a sentence. */
  readonly stranger: string | undefined;
  /** How many of the first connections may lack what is set after listen(). */
  readonly early: number;
}

/** A socket that the attempts have bound. */
interface Opened {
  readonly socket: Handle;
  readonly guard: Handle | undefined;
  readonly attempt: Attempt;
  readonly how: Compiled;
  readonly early: number;
}

/** The attempts as the system makes them: on a new socket, or on one that is given. */
class BySystem implements Doer<Compiled, Opened, Refusal> {
  readonly port: number;
  readonly #request: BindRequest;
  readonly #place: Place;
  readonly #backlog: number;
  readonly #given: Handle | undefined;

  constructor(request: BindRequest, place: Place, backlog: number, given?: Handle) {
    this.port = request.port;
    this.#request = request;
    this.#place = place;
    this.#backlog = backlog;
    this.#given = given;
  }

  conflict(addresses: readonly string[]): Refusal | undefined {
    if (this.port === 0) return undefined;
    const held = heldAddresses(this.#request.protocol, this.port, this.#place);
    return held.some((address) => addresses.includes(address)) ? { code: 'EADDRINUSE', syscall: 'bind' } : undefined;
  }

  attempt(how: Compiled): Opened | Refusal {
    const { port } = this;
    const { host } = this.#place;
    const plan = planWith(how, this.#backlog);
    const socket = this.#given === undefined ? addon.open(plan, host, port) : addon.open(plan, host, port, this.#given);
    if (socket === -1) return lastRefusal(this.#request, this.#place, port);
    const [, , attempt = 0, , , early = 0, guard = -1] = addon.status;
    return {
      socket,
      guard: guard === -1 ? undefined : guard,
      attempt: how.policy.attempts[attempt] as Attempt,
      how,
      early,
    };
  }

  countUnconnected(): number {
    const { error, sockets } = listSockets(this.#request, EVERY_STATE);
    if (error !== 0) return Number.POSITIVE_INFINITY;
    const { address, addressFamily: family } = this.#place;
    const asked = { address, family, ipv6Only: this.#request.ipv6Only };
    return sockets.filter((row) => !isConnection(row) && overlap(existingOf(row), asked)).length;
  }

  undo({ socket, guard }: Opened): void {
    if (guard !== undefined) addon.close(guard);
    if (this.#given === undefined) addon.close(socket);
  }
}

/** What an attempt has come to; the refusal where a stranger turned out to be on the address. */
function confirmed(request: BindRequest, place: Place, opened: Opened): Omit<Bound, 'udp'> | Refusal {
  const { socket, guard, attempt, early } = opened;
  const how = compiledFor(request, place);
  const bound = { socket, guard, place, how, outcome: attempt.outcome, early };
  const promise = attempt.promise ?? opened.how.policy;
  if (attempt.joins && hasCompany(request, place, addon.localPort(socket)))
    return { code: 'EADDRINUSE', syscall: 'listen' };
  if (attempt.strangers === undefined) return { ...bound, promise, stranger: undefined };
  const found = lookForStrangers(request, place, addon.localPort(socket), promise);
  return 'code' in found ? found : { ...bound, ...found };
}

function bindWith(backlog: number, request: BindRequest, place: Place): Bound | Refused {
  const system = new BySystem(request, place, backlog);
  const opened = follow(compiledFor(request, place), system);
  if ('code' in opened) return { request, refusal: opened, place };
  const bound = confirmed(request, place, opened);
  if (!('code' in bound)) return { ...bound, udp: undefined };
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
  let bound: Omit<Bound, 'udp'> | undefined;
  const udp = bindInHandle(socket, place.family, (): Refusal | undefined => {
    const system = new BySystem(request, place, DO_NOT_LISTEN, socket);
    const opened = follow(how, system);
    if ('code' in opened) return opened;
    const found = confirmed(request, place, opened);
    if ('code' in found) {
      system.undo(opened);
      return found;
    }
    bound = found;
    return undefined;
  });
  const guard = bound?.guard;
  if ('code' in udp) {
    if (guard !== undefined) addon.close(guard);
    return { request, refusal: udp, place };
  }
  if (guard !== undefined) closeWith(udp, guard);
  return { ...(bound as Omit<Bound, 'udp'>), udp };
}

/** @throws Error `ENOTSUP` naming the option that this system does not have. */
export function bind(request: BindRequest): Bound | Refused {
  return atPlaces(request, request.protocol === 'udp' ? bindDatagrams : bindTcp);
}

/** What binding would be refused with now: it binds as it would in order to listen, closes at once, and never listens. */
export function tryBind(request: BindRequest): Refused | undefined {
  const tried = atPlaces(request, bindSilently);
  if ('refusal' in tried) return tried;
  if (tried.guard !== undefined) addon.close(tried.guard);
  addon.close(tried.socket);
  return undefined;
}
