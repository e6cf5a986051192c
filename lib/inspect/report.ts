// What inspectPort() answers: the port, its verdict, who could bind it, and who holds it.
import type { Protocol } from '../systems/system.ts';

/**
 * - `'free'`: nobody has the address.
 * - `'listening'`: somebody listens on it (TCP) or receives on it (UDP).
 * - `'bound'`: a TCP socket has the address and does not listen (yet).
 * - `'leftovers'`: only connections of a server that no longer listens, TIME_WAIT among them.
 * - `'outgoing'`: a client's connection uses it as its local port.
 * - `'privileged'`: nobody has it, but this process may not bind such a low port.
 * - `'excluded'`: Windows refuses it and lists no owner, so it is probably in an excluded range.
 * - `'denied'`: nobody has it, it is not too low, and still this process may not bind it; `reason` says what is known.
 * - `'unknown'`: the system does not tell; `reason` says why.
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

/** Whether this process could bind and listen now, by `sharing`. Null if neither the rule nor the system can tell. */
export interface Bindable {
  readonly exclusive: boolean | null;
  /** False where the system cannot: `sharing: 'reuse-address'` is `ENOTSUP` there. */
  readonly reuseAddress: boolean | null;
  /** False where the system cannot: `sharing: 'reuse-port'` is `ENOTSUP` there. */
  readonly reusePort: boolean | null;
}

/** A process that has a socket open. A field is absent if the system does not tell it to this user. */
export interface HolderProcess {
  readonly pid: number;
  /** The name of the executable: `node`. */
  readonly name?: string;
  /** The command line (Windows: the path of the executable). */
  readonly command?: string;
  readonly user?: string;
  readonly uid?: number;
  readonly self: boolean;
  /** Milliseconds since the epoch. */
  readonly startedAt?: number;
  /** Its current parent process. */
  readonly parent?: { readonly pid: number; readonly command?: string };
}

/** A socket that has the port. A field is absent if the system does not tell it to this user. */
export interface Holder {
  /** The first of `processes`. */
  readonly pid?: number;
  /** The name of its executable: `node`. */
  readonly name?: string;
  /** Its command line (Windows: the path of the executable). */
  readonly command?: string;
  /** The user who created the socket. The process may have become another user since; see `processes`. */
  readonly user?: string;
  readonly uid?: number;
  /** The socket's control group (Linux): `docker 3f2a91c0b7de`, `nginx.service`, or its path. */
  readonly container?: string;
  readonly address: string;
  readonly port: number;
  /** The peer of a connection. */
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  readonly protocol: Protocol;
  /** The kernel's word: LISTEN, BOUND, TIME_WAIT, ESTABLISHED, …; UNCONN for UDP. */
  readonly state: string;
  /** Whether the socket belongs to this process. */
  readonly self: boolean;
  /**
   * Whether the process runs the same executable and script as the same user: another instance of this program. Null if
   * that is not visible, or if its command line does not tell: a title that it set itself, a wrapper that runs scripts.
   */
  readonly sameProgram: boolean | null;
  /** Milliseconds until this leftover ends by itself. */
  readonly timeLeftMs?: number;
  /**
   * The visible processes that have the socket open, the oldest first: the port is free when all of them have closed
   * it. No system records which one created it. At most 100; absent for a leftover.
   */
  readonly processes?: readonly HolderProcess[];
  /** Whether processes that this user cannot see may have it open. */
  readonly hiddenProcesses?: boolean;
  /** Why `pid` is absent although a process has the socket. */
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
  /** How many more exist. */
  readonly omitted?: number;
  /** Milliseconds until the last leftover ends, if the system tells it for all of them. */
  readonly freeInMs?: number;
  /** More than the verdict alone says. */
  readonly reason?: string;
  /** What to do now; absent if no honest advice exists. */
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
