// Binds a request: to its one address, or to every address of the machine with or without IPv6.
import type { Handle } from './addon.ts';
import type { UdpHandle } from './adopt/handle-classes.ts';
import { openUdp } from './adopt/udp.ts';
import { type Compiled, compiledFor, isWithoutIpv6, openTcp, type Place, placesOf, type Refusal } from './open.ts';
import type { BindRequest } from './options.ts';
import type { BindOutcome } from './policy/policy.ts';

export interface Bound {
  readonly socket: Handle;
  /** For UDP, the handle of Node's that already owns the socket. */
  readonly udp: UdpHandle | undefined;
  readonly place: Place;
  readonly how: Compiled;
  readonly outcome: BindOutcome | undefined;
}

export interface Refused {
  readonly request: BindRequest;
  readonly refusal: Refusal;
  readonly place: Place;
}

function bindAt(request: BindRequest, place: Place): Bound | Refused {
  const how = compiledFor(request, place);
  if (request.protocol === 'udp') {
    const opened = openUdp(request, place, how);
    if ('code' in opened) return { request, refusal: opened, place };
    return { socket: opened.socket, udp: opened.handle, place, how, outcome: how.policy.attempts[0]?.outcome };
  }
  const opened = openTcp(request, place, how);
  if ('code' in opened) return { request, refusal: opened, place };
  return { socket: opened.handle, udp: undefined, place, how, outcome: opened.outcome };
}

/** @throws Error `ENOTSUP` naming the option that this system does not have. */
export function bind(request: BindRequest): Bound | Refused {
  const [first, second] = placesOf(request);
  const bound = bindAt(request, first);
  // Never after a conflict: somebody who holds :: holds the port.
  return second !== undefined && 'refusal' in bound && isWithoutIpv6(bound.refusal) ? bindAt(request, second) : bound;
}
