// Carries a policy out: turns it into a native plan, runs it, and says exactly what failed.
import { addon, type Handle, STEPS } from './addon.ts';
import { canonical, isAny, overlap } from './address.ts';
import { codeOf, type Failure, notSupported } from './errors.ts';
import type { BindRequest } from './options.ts';
import { system } from './platform.ts';
import { policyFor } from './policy/index.ts';
import type { BindOutcome, Policy, PolicyRequest, Protocol, Setting, Sharing } from './policy/policy.ts';
import { nameOf, settingsWords } from './socket-options/lookup.ts';

/** Node's own: the kernel rounds it up to 512. */
export const DEFAULT_BACKLOG = 511;

/** The address that a request comes down to. */
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

export interface Opened {
  readonly handle: Handle;
  readonly outcome: BindOutcome | undefined;
}

/** A policy and the numbers it comes down to. */
export interface Compiled {
  readonly policy: Policy;
  /** The whole plan of native/plan.h; word 2, the backlog, is filled in for each call. */
  readonly plan: Int32Array;
  /** The options of the first attempt, for a socket that something else has opened. */
  readonly beforeBind: Int32Array;
  readonly afterAdoption: Int32Array;
  readonly overLeftovers: Compiled | undefined;
}

const { AF_INET, AF_INET6, SOCK_STREAM, SOCK_DGRAM, EADDRINUSE } = addon.constants as Record<string, number>;
const BACKLOG_WORD = 2;
const DO_NOT_LISTEN = -1;
const NO_NAMES = -1;

// With a guard, the port is chosen on one address and may be taken on the other.
const OTHER_PORTS = 16;

const ANY4: Place = { host: '0.0.0.0', family: 4, address: '0.0.0.0', addressFamily: 4 };
const ANY6: Place = { host: '::', family: 6, address: '::', addressFamily: 6 };
const DUAL = [ANY6, ANY4] as const;
const IPV6_ONLY = [ANY6] as const;

export function typeOf(request: BindRequest): number {
  return (request.protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM) as number;
}

export function familyOf(place: Place): number {
  return (place.family === 6 ? AF_INET6 : AF_INET) as number;
}

/** The addresses to try, in order. IPv4 alone is tried only where there is no IPv6: see `isWithoutIpv6`. */
export function placesOf(request: BindRequest): readonly [Place, Place?] {
  const { host } = request;
  if (host !== undefined) return [placeOf(host)];
  return request.ipv6Only ? IPV6_ONLY : DUAL;
}

function placeOf(host: string): Place {
  const { address, family } = canonical(host);
  return { host, family: host.includes(':') ? 6 : 4, address, addressFamily: family };
}

/** Whether a refusal means that this machine has no IPv6, and never that somebody holds the port. */
export function isWithoutIpv6({ code }: Refusal): boolean {
  return code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL';
}

function compile(policy: Policy, request: BindRequest, family: 4 | 6): Compiled {
  const wanted: (readonly [string, unknown])[] = Object.entries(request.socketOptions ?? {}).filter(
    ([, value]) => value !== undefined,
  );
  // The default differs between systems and can be changed by sysctl and registry.
  if (family === 6) wanted.unshift(['IPV6_V6ONLY', request.ipv6Only]);
  const always = settingsWords(wanted);
  const attempts = policy.attempts.flatMap(({ beforeBind, beforeListen }) => [
    ...settingsWords(beforeBind),
    ...settingsWords(beforeListen),
  ]);
  const header = [typeOf(request), policy.rounds, DO_NOT_LISTEN, EADDRINUSE as number];
  const first: readonly Setting[] = policy.attempts[0]?.beforeBind ?? [];
  return {
    policy,
    plan: new Int32Array([...header, ...always, policy.attempts.length, ...attempts]),
    beforeBind: new Int32Array(settingsWords([...policy.undo, ...wanted, ...first])),
    afterAdoption: new Int32Array(settingsWords(policy.afterAdoption)),
    overLeftovers: policy.overLeftovers && compile(policy.overLeftovers, request, family),
  };
}

// One number for all that a policy is asked: joining the words into a string would cost a tenth of the whole bind.
const SHARINGS: Record<Sharing, number> = { exclusive: 0, 'reuse-address': 1, 'reuse-port': 2, raw: 3 };

function keyOf(request: BindRequest, place: Place): number {
  return (
    SHARINGS[request.sharing] |
    (request.protocol === 'udp' ? 4 : 0) |
    (request.leftovers === 'refuse' ? 8 : 0) |
    (request.reserve ? 16 : 0) |
    (isAny(place.address) ? 32 : 0) |
    (place.family === 6 ? 64 : 0) |
    (place.addressFamily === 6 ? 128 : 0) |
    (request.ipv6Only ? 256 : 0)
  );
}

const compiled: (Compiled | undefined)[] = new Array(512).fill(undefined);

/** @throws Error `ENOTSUP` naming the option that this system does not have. */
export function compiledFor(request: BindRequest, place: Place): Compiled {
  const { protocol, sharing, leftovers, reserve, ipv6Only } = request;
  const key = keyOf(request, place);
  const known = request.socketOptions === undefined ? compiled[key] : undefined;
  if (known !== undefined) return known;

  const { family, addressFamily } = place;
  const address = isAny(place.address) ? 'any' : 'specific';
  const asked: PolicyRequest = { protocol, sharing, leftovers, reserve, address, family: addressFamily, ipv6Only };
  const policy = policyFor(asked);
  if ('unsupported' in policy) throw notSupported(policy.unsupported, policy.reason);
  const result = compile(policy, request, family);
  if (request.socketOptions === undefined) compiled[key] = result;
  return result;
}

function refusal(): Refusal {
  const [error = 0, step = 0, , level = 0, option = 0] = addon.status;
  const syscall = STEPS[step] ?? '';
  const code = codeOf(error);
  return syscall === 'setsockopt' ? { code, syscall, option: nameOf(level, option) } : { code, syscall };
}

/** What the last native call refused, in the words of the error that is to be raised. */
export function lastRefusal(request: BindRequest, place: Place, port: number): Refusal {
  const found = refusal();
  if (system !== 'windows' || found.code !== 'EACCES' || found.syscall !== 'bind') return found;
  // Windows says WSAEACCES for an exclusive holder and for an excluded range alike; only the former is a conflict.
  const held = heldAddresses(request, place, port);
  const overlaps = (address: string) => address === place.address || isAny(address) || isAny(place.address);
  return held?.some(overlaps) ? { ...found, code: 'EADDRINUSE' } : found;
}

// LISTEN and BOUND; of UDP, unconnected and connected.
const HOLDING: Record<Protocol, number> = { tcp: (1 << 10) | (1 << 13), udp: (1 << 7) | (1 << 1) };
const EVERY_STATE = 0xffff;

/** Where the system lists sockets that listen (TCP) or are bound (UDP) on a port; null if it keeps the list back. */
function heldAddresses(request: BindRequest, place: Place, port: number): string[] | null {
  const { error, sockets } = addon.sockets(typeOf(request), port, HOLDING[request.protocol], NO_NAMES);
  if (error !== 0) return null;
  return sockets.filter(({ family }) => family === place.addressFamily).map(({ address }) => address);
}

/** How many sockets that are no connections the system lists in the way of a place; more than any if it keeps them back. */
function rivalsOf(request: BindRequest, place: Place): number {
  const { error, sockets } = addon.sockets(typeOf(request), request.port, EVERY_STATE, NO_NAMES);
  if (error !== 0) return Number.POSITIVE_INFINITY;
  const asked = { address: place.address, family: place.addressFamily, ipv6Only: request.ipv6Only };
  const rows = sockets.filter(({ remotePort }) => remotePort === undefined);
  return rows.filter(({ address, ipv6Only }) => overlap({ ...canonical(address), ipv6Only }, asked)).length;
}

// Without options, it holds the guarded address only if nobody else does.
function openGuard(request: BindRequest, { guard = '', guardOptions = [] }: Policy, port: number): Handle | Refusal {
  const only: readonly Setting[] = guard.includes(':') ? [['IPV6_V6ONLY', true]] : [];
  const header = [typeOf(request), 1, DO_NOT_LISTEN, EADDRINUSE as number];
  const plan = new Int32Array([...header, ...settingsWords([...only, ...guardOptions]), 1, 0, 0]);
  const handle = addon.open(plan, guard, port);
  if (handle !== -1) return handle;
  const refused = refusal();
  // To Windows the two are the same conflict, seen from different options of the holder.
  return refused.code === 'EACCES' ? { ...refused, code: 'EADDRINUSE' } : refused;
}

function underGuard<T extends object>(
  request: BindRequest,
  policy: Policy,
  bindOn: (port: number) => T | Refusal,
): T | Refusal {
  for (let left = request.port === 0 ? OTHER_PORTS : 1; ; left--) {
    const held = openGuard(request, policy, request.port);
    // Where the guard's family does not exist, nobody can hold its addresses.
    if (typeof held !== 'number') return isWithoutIpv6(held) ? bindOn(request.port) : held;
    try {
      const local = addon.localAddress(held);
      const bound = bindOn(typeof local === 'object' && local !== null ? local.port : request.port);
      if (!('code' in bound) || bound.code !== 'EADDRINUSE' || left <= 1) return bound;
    } finally {
      addon.close(held);
    }
  }
}

/** Lets `bindOn` bind, once (and while) the policy's guard and rivals say that nobody else has the address. */
export function bindGuarded<T extends object>(
  request: BindRequest,
  place: Place,
  { policy }: Compiled,
  bindOn: (port: number) => T | Refusal,
): T | Refusal {
  const { guard, rivals } = policy;
  if (rivals !== undefined && request.port !== 0) {
    const held = heldAddresses(request, place, request.port);
    if (held?.some((address) => rivals.includes(address))) return { code: 'EADDRINUSE', syscall: 'bind' };
  }
  return guard === undefined ? bindOn(request.port) : underGuard(request, policy, bindOn);
}

/** Opens, binds and (unless it is a reservation) listens, in one native call. */
export function openTcp(request: BindRequest, place: Place, how: Compiled): Opened | Refusal {
  const backlog = request.reserve ? DO_NOT_LISTEN : (request.backlog ?? DEFAULT_BACKLOG);
  const opened = openBy(request, place, how, backlog);
  const over = how.overLeftovers;
  if (over === undefined || !('code' in opened) || opened.code !== 'EADDRINUSE' || request.port === 0) return opened;
  if (rivalsOf(request, place) > 0) return opened;
  const reopened = openBy(request, place, over, backlog);
  // One of them is ours.
  if ('code' in reopened || rivalsOf(request, place) <= 1) return reopened;
  addon.close(reopened.handle);
  return opened;
}

/** Whether `openTcp` (or its like for UDP) would bind now: it does, closes at once, and never listens. */
export function tryBind(request: BindRequest, place: Place): Refusal | undefined {
  const opened = openTcp({ ...request, reserve: true }, place, compiledFor(request, place));
  if ('code' in opened) return opened;
  addon.close(opened.handle);
  return undefined;
}

function openBy(request: BindRequest, place: Place, how: Compiled, backlog: number): Opened | Refusal {
  how.plan[BACKLOG_WORD] = backlog;
  const { guard, rivals } = how.policy;
  // Linux needs neither, and a closure costs.
  if (guard === undefined && rivals === undefined) return openOn(request, place, how, request.port);
  return bindGuarded(request, place, how, (port) => openOn(request, place, how, port));
}

function openOn(request: BindRequest, place: Place, { plan, policy }: Compiled, port: number): Opened | Refusal {
  const handle = addon.open(plan, place.host, port);
  if (handle === -1) return lastRefusal(request, place, port);
  return { handle, outcome: policy.attempts[addon.status[2] as number]?.outcome };
}
