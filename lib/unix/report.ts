// What inspectPort({ path }) answers: the path, its verdict, whether it could be bound, and who has it.
import type { Holder, Verdict } from '../inspect/report.ts';

/** A Unix socket with a path. A field is absent if the system does not tell it to this user. */
export interface PathHolder
  extends Omit<Holder, 'address' | 'port' | 'remoteAddress' | 'remotePort' | 'protocol' | 'timeLeftMs' | 'state'> {
  readonly path: string;
  /** `BOUND`: it does not listen yet, or it is a datagram socket. */
  readonly state: 'LISTEN' | 'BOUND';
}

export interface PathReport {
  /** The path that was asked about. */
  readonly path: string;
  /**
   * - `'free'`: nothing is there.
   * - `'listening'`: somebody listens.
   * - `'bound'`: a socket is bound there and does not listen (yet), or it is a datagram socket.
   * - `'denied'`: the path is not a socket, or this user may not create files in the folder.
   * - `'unknown'`: the file of a socket without a visible holder. Only a connection would tell whether somebody has it,
   *   in another network namespace or out of sight, and this makes none.
   */
  readonly verdict: Extract<Verdict, 'free' | 'listening' | 'bound' | 'denied' | 'unknown'>;
  readonly bindable: { readonly exclusive: boolean | null };
  /** Sockets, listeners first. At most 100. */
  readonly holders: readonly PathHolder[];
  /** How many more exist. */
  readonly omitted?: number;
  /** More than the verdict alone says. */
  readonly reason?: string;
  /** What to do now; absent if no honest advice exists. */
  readonly remedy?: string;
}
