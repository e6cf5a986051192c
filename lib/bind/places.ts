// The addresses that a request comes down to, and the order in which they are tried.
import { canonical } from '../address.ts';
import type { Failure } from '../errors.ts';
import { has } from '../own.ts';
import type { BindRequest } from './request.ts';

/** One address to bind. */
export interface Place {
  /** As the caller wrote it. */
  readonly host: string;
  /** Of the socket. */
  readonly family: 4 | 6;
  /** The same address in its one canonical spelling, an IPv4-mapped one as IPv4; and the family of that. */
  readonly address: string;
  readonly addressFamily: 4 | 6;
}

/** What a system call refused, in the words of the error that will be raised. */
export type Refusal = Failure;

/** The ports of a list, all of which were refused. */
export interface RefusedPorts {
  /** Each by itself, in their order: at most 100. */
  readonly kept: readonly Refused[];
  /** How many there are. */
  readonly count: number;
  /** Whether one of them was a conflict. */
  readonly isAnyTaken: boolean;
}

/** A request that was refused, and where. */
export interface Refused {
  readonly request: BindRequest;
  readonly place: Place;
  readonly refusal: Refusal;
  /** Of a request for a list of ports. */
  readonly ports?: RefusedPorts;
}

const ANY4: Place = { host: '0.0.0.0', family: 4, address: '0.0.0.0', addressFamily: 4 };
const ANY6: Place = { host: '::', family: 6, address: '::', addressFamily: 6 };

/** The first place to try, which alone counts wherever there is IPv6. */
export function placeOf({ host }: Pick<BindRequest, 'host'>): Place {
  if (host === undefined) return ANY6;
  const { address, family } = canonical(host);
  return { host, family: host.includes(':') ? 6 : 4, address, addressFamily: family };
}

/** Whether a refusal means that this machine has no IPv6, and never that somebody holds the port. */
export function isWithoutIpv6({ code }: { readonly code: string | undefined }): boolean {
  return code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL';
}

const isRefused = (result: object): result is Refused => has(result, 'refusal');

/**
 * Tries a request where it wants to be: without a host on `::`, and on `0.0.0.0` only where there is no IPv6. Never after a
 * conflict: somebody who holds :: holds the port.
 */
export function atPlaces<Result extends object>(
  request: BindRequest,
  attempt: (request: BindRequest, place: Place) => Result | Refused,
): Result | Refused {
  const first = attempt(request, placeOf(request));
  const hasOther = request.host === undefined && !request.ipv6Only;
  return hasOther && isRefused(first) && isWithoutIpv6(first.refusal) ? attempt(request, ANY4) : first;
}
