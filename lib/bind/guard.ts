// Follows a policy: its attempts, and what may be tried over leftovers.
import { has } from '../own.ts';
import type { Policy } from '../systems/system.ts';

/** Why it failed; without a code where a rule cannot tell whether it would. */
interface Failed {
  readonly code: string | undefined;
}

/** A policy, with what may be tried over leftovers. */
interface Followed<How> {
  readonly policy: Policy;
  readonly overLeftovers: How | undefined;
}

/**
 * What following a policy takes. The system does it (socket.ts), and its rule foretells it (inspect/predict.ts): what one of
 * the two does not know does not compile.
 */
export interface Doer<How, Bound extends object, Refusal extends Failed> {
  /** 0 lets the system choose. */
  readonly port: number;
  /** The refusal where one of these addresses is listed as held; once ours `isBound`, by another process. */
  conflict(addresses: readonly string[], isBound: boolean): Refusal | undefined;
  /** Makes the attempts of a policy, each step by step. */
  attempt(how: How): Bound | Refusal;
  /** Whether somebody is listed as listening in the way. */
  isListenedOn(): boolean;
  /** How many sockets in the way are no connections, our own included if it `isBound`. */
  countUnconnected(isBound: boolean): number;
  undo(bound: Bound): void;
}

const isFailed = (result: object): result is Failed => has(result, 'code');

function once<How extends Followed<How>, Bound extends object, Refusal extends Failed>(
  how: How,
  doer: Doer<How, Bound, Refusal>,
): Bound | Refusal {
  const { conflicting, looksAgain } = how.policy;
  if (conflicting === undefined) return doer.attempt(how);
  const found = doer.conflict(conflicting, false);
  if (found !== undefined) return found;
  const bound = doer.attempt(how);
  if (!looksAgain || isFailed(bound)) return bound;
  const joined = doer.conflict(conflicting, true);
  if (joined === undefined) return bound;
  doer.undo(bound as Bound);
  return joined;
}

export function follow<How extends Followed<How>, Bound extends object, Refusal extends Failed>(
  how: How,
  doer: Doer<How, Bound, Refusal>,
): Bound | Refusal {
  const bound = once(how, doer);
  const over = how.overLeftovers;
  if (over === undefined || !isFailed(bound)) return bound;
  if (how.policy.refusesHolders) {
    const isConflict = bound.code === 'EADDRINUSE' || bound.code === undefined;
    if (!isConflict || doer.isListenedOn()) return bound;
    const boundOver = doer.attempt(over);
    return isFailed(boundOver) && bound.code === undefined ? bound : boundOver;
  }
  if (bound.code !== 'EADDRINUSE' || doer.port === 0) return bound;
  if (doer.countUnconnected(false) > 0) return bound;
  const boundOver = once(over, doer);
  // One of them is ours.
  if (isFailed(boundOver) || doer.countUnconnected(true) <= 1) return boundOver;
  doer.undo(boundOver as Bound);
  return bound;
}
