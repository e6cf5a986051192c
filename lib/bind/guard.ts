// Follows a policy step by step: its guard, its attempts, and what may be tried over leftovers.
import { has } from '../own.ts';
import type { Policy, Setting } from '../systems/system.ts';
import { isWithoutIpv6 } from './places.ts';

/** Why a step failed; without a code where a rule cannot tell whether it would. */
interface Failed {
  readonly code: string | undefined;
}

/** A policy, with what may be tried over leftovers. */
interface Followed<How> {
  readonly policy: Policy;
  readonly overLeftovers: How | undefined;
}

/**
 * The steps of a policy. The system takes them (socket.ts), and its rule foretells them (inspect/predict.ts): a step that
 * one of the two does not know does not compile.
 */
export interface Steps<How, Bound extends object, Guard extends object, Refusal extends Failed> {
  /** 0 lets the system choose. */
  readonly port: number;
  /** The refusal where one of these addresses is listed as held; once ours `isBound`, by another process. */
  conflict(addresses: readonly string[], isBound: boolean): Refusal | undefined;
  /** Holds an address with these options only, which works only if nobody else has it. */
  hold(address: string, options: readonly Setting[]): Guard | Refusal;
  portOf(guard: Guard): number;
  letGo(guard: Guard): void;
  /** Makes the attempts of a policy. */
  attempt(how: How, port: number): Bound | Refusal;
  /** How many sockets in the way are no connections, our own included if it `isBound`. */
  countUnconnected(isBound: boolean): number;
  undo(bound: Bound): void;
}

// With a guard, the port is chosen on one address and may be taken on the other.
const OTHER_PORTS = 16;

const isFailed = (result: object): result is Failed => has(result, 'code');

function underGuard<How extends Followed<How>, Bound extends object, Guard extends object, Refusal extends Failed>(
  how: How,
  { guard = '', guardOptions = [], looksAgain = false }: Policy,
  steps: Steps<How, Bound, Guard, Refusal>,
): Bound | Refusal {
  for (let left = steps.port === 0 ? OTHER_PORTS : 1; ; left--) {
    const held = steps.hold(guard, guardOptions);
    // Where the guard's family does not exist, nobody can hold its addresses.
    if (isFailed(held)) return isWithoutIpv6(held) ? steps.attempt(how, steps.port) : (held as Refusal);
    const port = steps.portOf(held as Guard);
    let bound: Bound | Refusal;
    try {
      bound = steps.attempt(how, port);
    } finally {
      steps.letGo(held as Guard);
    }
    // Windows has two names for a conflict.
    const mayBeTheGuard = looksAgain && isFailed(bound) && (bound.code === 'EADDRINUSE' || bound.code === 'EACCES');
    if (mayBeTheGuard) bound = steps.attempt(how, port);
    if (!isFailed(bound) || bound.code !== 'EADDRINUSE' || left <= 1) return bound;
  }
}

function once<How extends Followed<How>, Bound extends object, Guard extends object, Refusal extends Failed>(
  how: How,
  steps: Steps<How, Bound, Guard, Refusal>,
): Bound | Refusal {
  const { policy } = how;
  const found = policy.conflicting && steps.conflict(policy.conflicting, false);
  if (found !== undefined) return found;
  const bound = policy.guard === undefined ? steps.attempt(how, steps.port) : underGuard(how, policy, steps);
  if (!policy.looksAgain || isFailed(bound)) return bound;
  const joined = steps.conflict(policy.conflicting ?? [], true);
  if (joined === undefined) return bound;
  steps.undo(bound as Bound);
  return joined;
}

export function follow<How extends Followed<How>, Bound extends object, Guard extends object, Refusal extends Failed>(
  how: How,
  steps: Steps<How, Bound, Guard, Refusal>,
): Bound | Refusal {
  const bound = once(how, steps);
  const over = how.overLeftovers;
  if (over === undefined || !isFailed(bound) || bound.code !== 'EADDRINUSE' || steps.port === 0) return bound;
  if (steps.countUnconnected(false) > 0) return bound;
  const boundOver = once(over, steps);
  // One of them is ours.
  if (isFailed(boundOver) || steps.countUnconnected(true) <= 1) return boundOver;
  steps.undo(boundOver as Bound);
  return bound;
}
