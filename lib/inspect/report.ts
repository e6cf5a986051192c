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
 * - `'denied'`: nobody has it and it is not too low, and still this process may not bind it; `reason` has what is known of why.
 * - `'unknown'`: the system did not say, and `reason` tells why.
 */
export type Verdict =
  | 'free'
  | 'listening'
  | 'bound'
  | 'leftovers'
  | 'outgoing'
  | 'excluded'
  | 'privileged'
  | 'denied'
  | 'unknown';

/** Whether this process could bind and listen now, by `sharing`. Null where neither the rule nor the system says. */
export interface Bindable {
  readonly exclusive: boolean | null;
  /** False where the system cannot: `sharing: 'reuse-address'` is `ENOTSUP` there. */
  readonly reuseAddress: boolean | null;
  /** False where the system cannot: `sharing: 'reuse-port'` is `ENOTSUP` there. */
  readonly reusePort: boolean | null;
}

/** A process that has a socket open. A field is absent where the system does not tell it to this user. */
export interface HolderProcess {
  readonly pid: number;
  /** Of the executable: `node`. */
  readonly name?: string;
  /** The command line (Windows: the path of the executable). */
  readonly command?: string;
  readonly user?: string;
  readonly uid?: number;
  readonly self: boolean;
  /** Milliseconds since the epoch. */
  readonly startedAt?: number;
  /** The process that is its parent now. */
  readonly parent?: { readonly pid: number; readonly command?: string };
}

/** A socket that has the port. A field is absent where the system does not tell it to this user. */
export interface Holder {
  /** Of the first of `processes`. */
  readonly pid?: number;
  /** Of its executable: `node`. */
  readonly name?: string;
  /** Its command line (Windows: the path of the executable). */
  readonly command?: string;
  /** Of the socket: who created it. The process may have become another user since; see `processes`. */
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
  /**
   * The process runs the same executable and script as the same user: another instance of this program. Null if that cannot
   * be seen, or its command line does not tell: a title that it gave itself, a wrapper that runs scripts.
   */
  readonly sameProgram: boolean | null;
  /** Milliseconds until this leftover ends by itself. */
  readonly timeLeftMs?: number;
  /**
   * The processes that are seen to have the socket open, the oldest first: the port is free when all of them have closed it.
   * No system records which one created it. At most 100; absent of a leftover.
   */
  readonly processes?: readonly HolderProcess[];
  /** Whether others may have it open that this user cannot see. */
  readonly hiddenProcesses?: boolean;
  /** Why there is no `pid`, if a process should have one. */
  readonly hidden?: string;
}

export interface PortReport {
  readonly port: number;
  readonly host: string;
  readonly protocol: Protocol;
  readonly verdict: Verdict;
  readonly bindable: Bindable;
  /** Sockets, listeners first. At most 100. */
  readonly holders: readonly Holder[];
  /** How many more there are. */
  readonly omitted?: number;
  /** Milliseconds until the last leftover ends, if that is known of all of them. */
  readonly freeInMs?: number;
  /** What the verdict alone does not say. */
  readonly reason?: string;
  /** What to do now; absent where nothing can honestly be advised. */
  readonly remedy?: string;
}

export interface InspectOptions {
  /** 1 to 65535. */
  readonly port: number | string;
  /** An address or, for `inspectPort()`, a name. @defaultValue every address of the machine */
  readonly host?: string | undefined;
  /** @defaultValue `'tcp'` */
  readonly protocol?: Protocol | undefined;
  /** A Unix socket takes `InspectPathOptions` instead. */
  readonly path?: undefined;
}

export interface InspectPathOptions {
  /** Of a Unix socket: a path, or an abstract name, which begins with `\0`; on Windows a named pipe. */
  readonly path: string;
}
