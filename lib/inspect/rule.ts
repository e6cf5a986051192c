// The words in which a system's rule of sharing addresses is asked; linux, darwin and windows have the rules.
import { type Canonical, isAny, type Local, overlap } from '../address.ts';
import type { Protocol } from '../policy/policy.ts';

/** `undefined`: the list of sockets does not tell. */
export type Known = boolean | undefined;

/** The options that decide who may share an address. */
export interface SharingOptions {
  readonly reuseAddress: Known;
  readonly reusePort: Known;
  readonly exclusive: Known;
}

/** A socket that is there already. */
export interface Existing extends Local, SharingOptions {
  readonly state: 'bound' | 'listening' | 'connected' | 'time-wait';
  readonly uid: number | undefined;
  /** What a connected socket was bound to before; no list of sockets tells. */
  readonly boundTo?: Local;
}

/** A socket that is to be bound, and then perhaps to listen. */
export interface Newcomer extends Local {
  readonly protocol: Protocol;
  readonly reuseAddress: boolean;
  readonly reusePort: boolean;
  readonly exclusive: boolean;
  readonly uid: number | undefined;
}

/** Why the system refuses, `'ok'`, or `undefined` if what is known of the existing sockets does not decide it. */
export type Answer = 'ok' | 'EADDRINUSE' | 'EACCES' | undefined;

export interface Rule {
  /** Whether a socket can be in the way of one on an address at all. */
  overlaps(existing: Existing, newcomer: Local): boolean;
  /** What bind() of the newcomer answers. */
  bind(existing: readonly Existing[], newcomer: Newcomer): Answer;
  /** What listen() answers once it is bound. */
  listen(existing: readonly Existing[], newcomer: Newcomer): Answer;
  /**
   * Who of several sockets gets a connection (TCP, all of them listening) or a datagram that is sent to an address: one,
   * or those among whom the system spreads what comes; `undefined` if no source says.
   * @param sockets the oldest first
   */
  receives(sockets: readonly Newcomer[], target: Canonical): readonly Newcomer[] | undefined;
}

/** Which sockets fit an address best: the exact address before a wildcard, and a wildcard of its family before :: dual. */
export function bestFitting(sockets: readonly Newcomer[], target: Canonical): readonly Newcomer[] {
  const at = { ...target, ipv6Only: true };
  const fitting = sockets.filter((socket) => overlap(socket, at));
  const exact = fitting.filter(({ address }) => !isAny(address));
  if (exact.length > 0) return exact;
  const own = fitting.filter(({ family }) => family === target.family);
  return own.length > 0 ? own : fitting;
}

export function both(one: Known, other: Known): Known {
  if (one === false || other === false) return false;
  return one === undefined || other === undefined ? undefined : true;
}

export function either(one: Known, other: Known): Known {
  if (one === true || other === true) return true;
  return one === undefined || other === undefined ? undefined : false;
}

export function not(one: Known): Known {
  return one === undefined ? undefined : !one;
}

/** The first refusal; else whatever could not be decided; else 'ok'. */
export function strictest(answers: readonly Answer[]): Answer {
  const refusal = answers.find((answer) => answer !== undefined && answer !== 'ok');
  return refusal ?? (answers.includes(undefined) ? undefined : 'ok');
}
