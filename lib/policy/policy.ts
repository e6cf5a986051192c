// The words in which a policy is asked and answers; the systems' own files say what they mean on each system.
import type { OptionName, OptionValues } from '../socket-options/values.ts';

export type Protocol = 'tcp' | 'udp';
export type Sharing = 'exclusive' | 'reuse-address' | 'reuse-port' | 'raw';
export type Leftovers = 'reuse' | 'refuse';
export type BindOutcome = 'clean' | 'over-leftovers';

/** What a policy has to know: never the port, never a process, so that it stays a pure function. */
export interface PolicyRequest {
  readonly protocol: Protocol;
  readonly sharing: Sharing;
  readonly leftovers: Leftovers;
  readonly reserve: boolean;
  /** `'any'` is the unspecified address: 0.0.0.0 or ::. */
  readonly address: 'any' | 'specific';
  readonly family: 4 | 6;
  readonly ipv6Only: boolean;
}

/** One option and its value, by name. */
export type Setting = {
  readonly [Name in OptionName]: readonly [name: Name, value: OptionValues[Name]];
}[OptionName];

/** One try to bind: the options before bind() and those between bind() and listen(). */
export interface Attempt {
  /** What it means that this attempt bound the address; absent where the system cannot tell. */
  readonly outcome?: BindOutcome;
  readonly beforeBind: readonly Setting[];
  readonly beforeListen: readonly Setting[];
}

export interface Policy {
  /** Tried in order on one socket as long as bind() says EADDRINUSE. */
  readonly attempts: readonly Attempt[];
  /** How often everything starts again when listen() says EADDRINUSE. */
  readonly rounds: number;
  /** What libuv has set on a socket that it opened (UDP): undone before anything else. */
  readonly undo: readonly Setting[];
  /** Set when a reservation is adopted, right after listen(), and on connections that were quicker. */
  readonly afterAdoption: readonly Setting[];
  readonly exclusivity: 'full' | 'partial';
  /** The hole that the system leaves, in a sentence. */
  readonly caveat?: string;
  /** A second address that a socket of its own, with `guardOptions` only, must be able to hold while ours is bound. */
  readonly guard?: string;
  readonly guardOptions?: readonly Setting[];
  /**
   * What may be tried after EADDRINUSE, provided that nothing but connections is listed on the address: the system would
   * let it share the address with sockets that are merely bound or listening, so they are looked for before and after.
   */
  readonly overLeftovers?: Policy;
  /** Addresses whose listed holders are conflicts although the system would let us bind. */
  readonly rivals?: readonly string[];
}

/** What the system has no means for: the option it lacks, and why no other will do. */
export interface Unsupported {
  readonly unsupported: string;
  readonly reason: string;
}

/** Sets exactly what the caller listed, on every system alike. */
export function rawPolicy(undo: readonly Setting[]): Policy {
  return {
    attempts: [{ beforeBind: [], beforeListen: [] }],
    rounds: 1,
    undo,
    afterAdoption: [],
    exclusivity: 'partial',
    caveat: "sharing: 'raw' sets exactly the options it was given and promises nothing",
  };
}
