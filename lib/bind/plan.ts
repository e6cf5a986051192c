// Turns what a system's policy says of a request into the numbers of a native plan (native/plan.h), once for each kind.
import { addon } from '../addon.ts';
import { isAny } from '../address.ts';
import { notSupported } from '../errors.ts';
import { typeNumber } from '../numbers.ts';
import { bareInside, has } from '../own.ts';
import { settingsWords } from '../socket-options/lookup.ts';
import { policy as policyFor } from '../systems/running.ts';
import type { Policy, PolicyRequest, Protocol, Setting } from '../systems/system.ts';
import type { Place } from './places.ts';
import type { BindRequest } from './request.ts';

/** Node's own: the kernel rounds it up to 512. */
export const DEFAULT_BACKLOG = 511;
export const DO_NOT_LISTEN = -1;

/** A policy and the numbers it comes down to. */
export interface Compiled {
  readonly policy: Policy;
  /** The whole plan of native/plan.h; its backlog is filled in for each call. */
  readonly plan: Int32Array;
  /** The options of the first attempt, for a socket that something else has opened. */
  readonly beforeBind: Int32Array;
  readonly afterAdoption: Int32Array;
  readonly overLeftovers: Compiled | undefined;
}

const BACKLOG_WORD = 2;

/** The plan of one call: what is written into it holds until the next. */
export function planWith({ plan }: Compiled, backlog: number): Int32Array {
  plan[BACKLOG_WORD] = backlog;
  return plan;
}

type Wanted = readonly (readonly [string, unknown])[];

/** The words of a plan that does not listen yet. */
function planWords(protocol: Protocol, always: Wanted, { attempts, rounds }: Pick<Policy, 'attempts' | 'rounds'>) {
  const words = attempts.flatMap(({ beforeBind, beforeListen }) => [
    ...settingsWords(beforeBind),
    ...settingsWords(beforeListen),
  ]);
  const header = [typeNumber(protocol), rounds, DO_NOT_LISTEN, addon.constants['EADDRINUSE'] as number];
  return new Int32Array([...header, ...settingsWords(always), attempts.length, ...words]);
}

/** A plan that binds once, with these options, and never listens. */
export function plainPlan(protocol: Protocol, options: readonly Setting[]): Int32Array {
  return planWords(protocol, options, { attempts: [{ beforeBind: [], beforeListen: [] }], rounds: 1 });
}

function compile(policy: Policy, request: BindRequest, family: 4 | 6): Compiled {
  const wanted: (readonly [string, unknown])[] = Object.entries(request.socketOptions ?? {}).filter(
    ([, value]) => value !== undefined,
  );
  // The default differs between systems and can be changed by sysctl and registry.
  if (family === 6) wanted.unshift(['IPV6_V6ONLY', request.ipv6Only]);
  const first: readonly Setting[] = policy.attempts[0]?.beforeBind ?? [];
  return {
    policy,
    plan: planWords(request.protocol, wanted, policy),
    beforeBind: new Int32Array(settingsWords([...policy.undo, ...wanted, ...first])),
    afterAdoption: new Int32Array(settingsWords(policy.afterAdoption)),
    overLeftovers: policy.overLeftovers && compile(policy.overLeftovers, request, family),
  };
}

/** The request as a policy is asked. */
export function askedOf(request: BindRequest, place: Place): PolicyRequest {
  const { protocol, sharing, leftovers, reserve, ipv6Only } = request;
  const address = isAny(place.address) ? 'any' : 'specific';
  return { protocol, sharing, leftovers, reserve, address, family: place.addressFamily, ipv6Only };
}

const SHARINGS = { exclusive: 0, 'reuse-address': 1, 'reuse-port': 2, raw: 3 } as const;

// One number for all that a policy is asked: joining the words into a string would cost a tenth of the whole bind.
const DIGITS = Object.values({
  sharing: ({ sharing }) => SHARINGS[sharing],
  protocol: ({ protocol }) => (protocol === 'udp' ? 4 : 0),
  leftovers: ({ leftovers }) => (leftovers === 'refuse' ? 8 : 0),
  reserve: ({ reserve }) => (reserve ? 16 : 0),
  address: ({ address }) => (address === 'any' ? 32 : 0),
  family: ({ family }) => (family === 6 ? 64 : 0),
  ipv6Only: ({ ipv6Only }) => (ipv6Only ? 128 : 0),
} satisfies Record<keyof PolicyRequest, (asked: PolicyRequest) => number>);

const MAPPED = 256;

/** Different for every two requests that need different plans. */
export function keyOf(asked: PolicyRequest, { family }: Pick<Place, 'family'>): number {
  // ::ffff:127.0.0.1 is an address of IPv4 on a socket of IPv6.
  let key = family === asked.family ? 0 : MAPPED;
  for (const digit of DIGITS) key |= digit(asked);
  return key;
}

const compiled: (Compiled | undefined)[] = new Array(512).fill(undefined);

/** @throws Error `ENOTSUP` naming the option that this system does not have. */
export function compiledFor(request: BindRequest, place: Place): Compiled {
  const asked = askedOf(request, place);
  const key = keyOf(asked, place);
  const known = request.socketOptions === undefined ? compiled[key] : undefined;
  if (known !== undefined) return known;

  const policy = bareInside(policyFor(asked));
  if (has(policy, 'unsupported')) throw notSupported(policy.unsupported, policy.reason);
  const result = compile(policy, request, place.family);
  if (request.socketOptions === undefined) compiled[key] = result;
  return result;
}
