// Turns what a system's policy says of a request into the numbers of a native plan (native/plan.h), once for each kind.
import { addon } from '../addon.ts';
import { isAny } from '../address.ts';
import { codeOf, notSupported } from '../errors.ts';
import { familyNumber, typeNumber } from '../numbers.ts';
import { system } from '../platform.ts';
import { addressBytes } from '../socket-options/encode.ts';
import { optionNamed, settingsWords } from '../socket-options/lookup.ts';
import { policy as policyFor } from '../systems/running.ts';
import type { Policy, PolicyRequest, Role, Step } from '../systems/system.ts';
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
  readonly afterListen: Int32Array;
  /** The plan by which a reservation listens beside its guard. */
  readonly besideGuard: Int32Array | undefined;
  readonly overLeftovers: Compiled | undefined;
}

const BACKLOG_WORD = 2;

/** The plan of one call: what is written into it holds until the next. */
export function planWith({ plan }: Pick<Compiled, 'plan'>, backlog: number): Int32Array {
  plan[BACKLOG_WORD] = backlog;
  return plan;
}

// native/plan.h
const OP = { open: 1, set: 2, bind: 3, listen: 4, close: 5, read: 6 } satisfies Record<Step['do'], number>;
const SLOT = { ours: 0, guard: 1, third: 2 } satisfies Record<Role, number>;

function addressWords(literal: string | undefined): number[] {
  const bytes = literal === undefined ? [] : addressBytes(literal);
  return [bytes.length, ...new Int32Array(new Uint8Array(bytes).buffer)];
}

function stepWords(step: Step): number[] {
  const op = OP[step.do];
  switch (step.do) {
    case 'open':
      return [op, SLOT[step.role], familyNumber(step.family)];
    case 'set':
      return [op, SLOT[step.role], ...settingsWords(step.options)];
    case 'bind':
      return [op, SLOT[step.role], ...addressWords(step.address)];
    case 'close':
      return [op, SLOT[step.role]];
    case 'listen':
      return [op, SLOT.ours];
    case 'read': {
      const { level, number } = optionNamed(step.option, 'getsockopt');
      return [op, SLOT.ours, level, number, step.offset];
    }
  }
}

const attemptWords = (steps: readonly Step[]) => [steps.length, ...steps.flatMap(stepWords)];

function compile(policy: Policy, request: BindRequest, family: 4 | 6): Compiled {
  const wanted: (readonly [string, unknown])[] = Object.entries(request.socketOptions ?? {}).filter(
    ([, value]) => value !== undefined,
  );
  // The default differs between systems and can be changed by sysctl and registry.
  if (family === 6) wanted.unshift(['IPV6_V6ONLY', request.ipv6Only]);
  const { EADDRINUSE, EAFNOSUPPORT } = addon.constants as Record<string, number>;
  const header = [typeNumber(request.protocol), policy.rounds, DO_NOT_LISTEN, EADDRINUSE, EAFNOSUPPORT] as number[];
  const attempts = policy.attempts.flatMap(({ steps }) => attemptWords(steps));
  const always = settingsWords([...policy.undo, ...wanted]);
  const { besideGuard = [] } = policy;
  return {
    policy,
    plan: new Int32Array([...header, ...always, policy.attempts.length, ...attempts]),
    afterListen: new Int32Array(settingsWords(policy.afterListen)),
    besideGuard: besideGuard.length > 0 ? new Int32Array([...header, 0, 1, ...attemptWords(besideGuard)]) : undefined,
    overLeftovers: policy.overLeftovers && compile(policy.overLeftovers, request, family),
  };
}

let ipv6: boolean | undefined;

/** Where there is no such family, nobody has a socket of it. Only Linux does otherwise then. */
function hasIpv6(): boolean {
  if (ipv6 !== undefined) return ipv6;
  if (system !== 'linux') return true;
  const socket = addon.socket(familyNumber(6), typeNumber('udp'));
  if (socket !== -1) addon.close(socket);
  else if (codeOf(addon.status[0] as number) !== 'EAFNOSUPPORT') return true;
  ipv6 = socket !== -1;
  return ipv6;
}

/** The request as a policy is asked. */
export function askedOf(request: BindRequest, place: Place): PolicyRequest {
  const { protocol, sharing, leftovers, reserve, ipv6Only, guard, socketOptions } = request;
  const address = isAny(place.address) ? 'any' : 'specific';
  const device = socketOptions?.SO_BINDTODEVICE !== undefined;
  const family = place.addressFamily;
  return { protocol, sharing, leftovers, reserve, address, family, ipv6Only, guard, device, ipv6: hasIpv6() };
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
  guard: ({ guard }) => (guard ? 512 : 0),
  device: ({ device }) => (device ? 1024 : 0),
  ipv6: ({ ipv6 }) => (ipv6 ? 2048 : 0),
} satisfies Record<keyof PolicyRequest, (asked: PolicyRequest) => number>);

const MAPPED = 256;

/** Different for every two requests that need different plans. */
export function keyOf(asked: PolicyRequest, { family }: Pick<Place, 'family'>): number {
  // ::ffff:127.0.0.1 is an address of IPv4 on a socket of IPv6.
  let key = family === asked.family ? 0 : MAPPED;
  for (const digit of DIGITS) key |= digit(asked);
  return key;
}

const compiled: (Compiled | undefined)[] = new Array(4096).fill(undefined);

/** @throws Error `ENOTSUP` naming the option that this system does not have. */
export function compiledFor(request: BindRequest, place: Place): Compiled {
  const asked = askedOf(request, place);
  const key = keyOf(asked, place);
  const known = request.socketOptions === undefined ? compiled[key] : undefined;
  if (known !== undefined) return known;

  const policy = policyFor(asked);
  if ('unsupported' in policy) throw notSupported(policy.unsupported, policy.reason);
  if (asked.guard && policy.exclusivity === 'partial') throw notSupported('guard', policy.caveat ?? '');
  const result = compile(policy, request, place.family);
  if (request.socketOptions === undefined) compiled[key] = result;
  return result;
}
