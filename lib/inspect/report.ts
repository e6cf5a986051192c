// What inspectPort() answers: the port, its verdict, who could bind it, and who holds it.
import type { Protocol } from '../systems/system.ts';

/**
 * - `'free'`: nobody has the address.
 * - `'listening'`: somebody listens on it (TCP) or receives on it (UDP).
 * - `'bound'`: a TCP socket has the address and does not listen (yet).
 * - `'leftovers'`: only connections of a server that listens no more, TIME_WAIT among them.
 * - `'outgoing'`: it is the local port of a client's connection.
 * - `'privileged'`: nobody has it, and this process may not bind ports so low.
 * - `'excluded'`: Windows refuses it and lists no owner: inferred to be in an excluded range.
 * - `'unknown'`: the system did not say, and `reason` tells why.
 */
export type Verdict = 'free' | 'listening' | 'bound' | 'leftovers' | 'outgoing' | 'excluded' | 'privileged' | 'unknown';

/** Whether this process could bind and listen now, by `sharing`. Null where neither the rule nor the system says. */
export interface Bindable {
  readonly exclusive: boolean | null;
  /** False where the system cannot: `sharing: 'reuse-address'` is `ENOTSUP` there. */
  readonly reuseAddress: boolean | null;
  /** False where the system cannot: `sharing: 'reuse-port'` is `ENOTSUP` there. */
  readonly reusePort: boolean | null;
}

/** A socket that has the port. What the system does not tell this user is absent. */
export interface Holder {
  readonly pid?: number;
  /** Of the executable: `node`. */
  readonly name?: string;
  /** The command line (Windows: the path of the executable). */
  readonly command?: string;
  readonly user?: string;
  readonly uid?: number;
  /** Of the socket's control group (Linux): `docker 3f2a91c0b7de`, `nginx.service`, or its path. */
  readonly container?: string;
  readonly address: string;
  readonly port: number;
  /** Of a connection. */
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  readonly protocol: Protocol;
  /** The kernel's word: LISTEN, BOUND, TIME_WAIT, ESTABLISHED, …; UNCONN for UDP. */
  readonly state: string;
  /** It is a socket of this very process. */
  readonly self: boolean;
  /** The process runs the same executable and script: another instance of this program. Null if that cannot be seen. */
  readonly sameProgram: boolean | null;
  /** Milliseconds until this leftover ends by itself. */
  readonly timeLeftMs?: number;
  /** Why there is no `pid`, if a process should have one. */
  readonly hidden?: string;
}

export interface PortReport {
  readonly port: number;
  readonly host: string;
  readonly protocol: Protocol;
  readonly verdict: Verdict;
  readonly bindable: Bindable;
  readonly holders: readonly Holder[];
  /** Milliseconds until the last leftover ends, if that is known of all of them. */
  readonly freeInMs?: number;
  /** What the verdict alone does not say, with the remedy if there is one. */
  readonly reason?: string;
}

export interface InspectOptions {
  /** 1 to 65535. */
  readonly port: number | string;
  /** An address or, for `inspectPort()`, a name. @defaultValue every address of the machine */
  readonly host?: string | undefined;
  /** @defaultValue `'tcp'` */
  readonly protocol?: Protocol | undefined;
}
