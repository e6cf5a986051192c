// Follows a policy: its attempts, and what may be tried over leftovers.
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
  /** The refusal where one of these addresses is listed as held. */
  conflict(addresses: readonly string[]): Refusal | undefined;
  /** Makes the attempts of a policy, each step by step. */
  attempt(how: How): Bound | Refusal;
  /** How many sockets in the way are no connections, our own included. */
  countUnconnected(): number;
  undo(bound: Bound): void;
}

const isFailed = (result: object): result is Failed => 'code' in result;

function once<How extends Followed<How>, Bound extends object, Refusal extends Failed>(
  how: How,
  doer: Doer<How, Bound, Refusal>,
): Bound | Refusal {
  const { conflicting } = how.policy;
  return (conflicting && doer.conflict(conflicting)) ?? doer.attempt(how);
}

export function follow<How extends Followed<How>, Bound extends object, Refusal extends Failed>(
  how: How,
  doer: Doer<How, Bound, Refusal>,
): Bound | Refusal {
  const bound = once(how, doer);
  const over = how.overLeftovers;
  if (over === undefined || !isFailed(bound) || bound.code !== 'EADDRINUSE' || doer.port === 0) return bound;
  if (doer.countUnconnected() > 0) return bound;
  const boundOver = once(over, doer);
  // One of them is ours.
  if (isFailed(boundOver) || doer.countUnconnected() <= 1) return boundOver;
  doer.undo(boundOver as Bound);
  return bound;
}
