// Carries a policy out: turns it into a native plan, runs it, and says exactly what failed.
import { isIP } from 'node:net';
import { addon, type Handle, STEPS, type TableRow } from './addon.ts';
import { codeOf, type Failure, notSupported } from './errors.ts';
import type { BindRequest } from './options.ts';
import { policyFor } from './policy/index.ts';
import type { BindOutcome, Policy, PolicyRequest, Setting } from './policy/policy.ts';
import { nameOf, settingsWords } from './socket-options/lookup.ts';

/** Node's own: the kernel rounds it up to 512. */
export const DEFAULT_BACKLOG = 511;

/** The address that a request comes down to. */
export interface Place {
  readonly host: string;
  readonly family: 4 | 6;
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
  readonly beforeAdoption: Int32Array;
}

const { AF_INET, AF_INET6, SOCK_STREAM, SOCK_DGRAM, EADDRINUSE } = addon.constants as Record<string, number>;
const BACKLOG_WORD = 2;
const DO_NOT_LISTEN = -1;

// With a guard, the port is chosen on one address and may be taken on the other.
const OTHER_PORTS = 16;

const ANY = new Set(['0.0.0.0', '::']);

const EXCLUDED = 'an excluded port range, or a bound socket that no table lists';

export function typeOf(request: BindRequest): number {
  return (request.protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM) as number;
}

export function familyOf(place: Place): number {
  return (place.family === 6 ? AF_INET6 : AF_INET) as number;
}

/** The addresses to try, in order. IPv4 alone is tried only where there is no IPv6: see `isWithoutIpv6`. */
export function placesOf(request: BindRequest): readonly [Place, Place?] {
  const { host } = request;
  if (host !== undefined) return [{ host, family: isIP(host) as 4 | 6 }];
  const dual: Place = { host: '::', family: 6 };
  return request.ipv6Only ? [dual] : [dual, { host: '0.0.0.0', family: 4 }];
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
    beforeBind: new Int32Array(settingsWords([...wanted, ...first])),
    beforeAdoption: new Int32Array(settingsWords(policy.beforeAdoption)),
  };
}

const compiled = new Map<string, Compiled>();

/** @throws Error `ENOTSUP` naming the option that this system does not have. */
export function compiledFor(request: BindRequest, { host, family }: Place): Compiled {
  const { protocol, sharing, leftovers, reserve, ipv6Only } = request;
  const address = ANY.has(host) ? 'any' : 'specific';
  const key = `${protocol} ${sharing} ${leftovers} ${reserve} ${address} ${family} ${ipv6Only}`;
  const known = request.socketOptions === undefined ? compiled.get(key) : undefined;
  if (known !== undefined) return known;

  const asked: PolicyRequest = { protocol, sharing, leftovers, reserve, address, family, ipv6Only };
  const policy = policyFor(asked);
  if ('unsupported' in policy) throw notSupported(policy.unsupported, policy.reason);
  const result = compile(policy, request, family);
  if (request.socketOptions === undefined) compiled.set(key, result);
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
  if (found.code !== 'EACCES' || found.syscall !== 'bind') return found;
  // Windows says WSAEACCES for an exclusive holder and for an excluded range alike; only the former is a conflict.
  const held = tableRows(request, place.family, port);
  if (held === null) return found;
  const conflicts = held.some(({ address }) => address === place.host || ANY.has(address) || ANY.has(place.host));
  return conflicts ? { ...found, code: 'EADDRINUSE' } : { ...found, remark: EXCLUDED };
}

/** Sockets that the system lists on a port, or null where it keeps no such list. */
function tableRows(request: BindRequest, family: 4 | 6, port: number): TableRow[] | null {
  const rows = addon.holders((family === 6 ? AF_INET6 : AF_INET) as number, typeOf(request), port);
  return typeof rows === 'number' ? null : rows;
}

// A socket without any option: it holds the guarded address only if nobody else does.
function openGuard(request: BindRequest, guard: string, port: number): Handle | Refusal {
  const family = isIP(guard) as 4 | 6;
  const only: readonly Setting[] = family === 6 ? [['IPV6_V6ONLY', true]] : [];
  const header = [typeOf(request), 1, DO_NOT_LISTEN, EADDRINUSE as number];
  const plan = new Int32Array([...header, ...settingsWords(only), 1, 0, 0]);
  const handle = addon.open(plan, guard, port);
  if (handle !== -1) return handle;
  const refused = refusal();
  // To Windows the two are the same conflict, seen from different options of the holder.
  return refused.code === 'EACCES' ? { ...refused, code: 'EADDRINUSE' } : refused;
}

function openPlain(request: BindRequest, place: Place, port: number, { plan, policy }: Compiled): Opened | Refusal {
  const listens = request.protocol === 'tcp' && !request.reserve;
  plan[BACKLOG_WORD] = listens ? (request.backlog ?? DEFAULT_BACKLOG) : DO_NOT_LISTEN;
  const handle = addon.open(plan, place.host, port);
  if (handle === -1) return lastRefusal(request, place, port);
  return { handle, outcome: policy.attempts[addon.status[2] as number]?.outcome };
}

function openGuarded(request: BindRequest, place: Place, how: Compiled, guard: string): Opened | Refusal {
  for (let left = request.port === 0 ? OTHER_PORTS : 1; ; left--) {
    const held = openGuard(request, guard, request.port);
    if (typeof held !== 'number') {
      // Where the guard's family does not exist, nobody can hold its addresses.
      return isWithoutIpv6(held) ? openPlain(request, place, request.port, how) : held;
    }
    const local = addon.localAddress(held);
    const port = typeof local === 'object' && local !== null ? local.port : request.port;
    const opened = openPlain(request, place, port, how);
    addon.close(held);
    if ('handle' in opened || opened.code !== 'EADDRINUSE' || left <= 1) return opened;
  }
}

/** Opens, binds and (unless it is a reservation or UDP) listens, in one native call wherever the system allows it. */
export function openAt(request: BindRequest, place: Place, how: Compiled): Opened | Refusal {
  const { guard, rivals } = how.policy;
  if (rivals !== undefined && request.port !== 0) {
    const rows = tableRows(request, place.family, request.port);
    if (rows?.some(({ address }) => rivals.includes(address))) return { code: 'EADDRINUSE', syscall: 'bind' };
  }
  return guard === undefined ? openPlain(request, place, request.port, how) : openGuarded(request, place, how, guard);
}
