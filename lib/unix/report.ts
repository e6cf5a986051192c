// What inspectPort({ path }) answers: the path, its verdict, whether it could be bound, and who has it.
import type { Holder, Verdict } from '../inspect/report.ts';

/** A Unix socket that has a path. A field is absent where the system does not tell it to this user. */
export interface PathHolder
  extends Omit<Holder, 'address' | 'port' | 'remoteAddress' | 'remotePort' | 'protocol' | 'timeLeftMs' | 'state'> {
  readonly path: string;
  /** `BOUND`: it does not listen yet, or it is a datagram socket. */
  readonly state: 'LISTEN' | 'BOUND';
}

export interface PathReport {
  /** As it was asked for. */
  readonly path: string;
  /**
   * - `'free'`: nothing is there.
   * - `'listening'`: somebody listens.
   * - `'bound'`: a socket is bound there and does not listen (yet), or is one of datagrams.
   * - `'denied'`: what is there is no socket, or this user may not make files in the folder.
   * - `'unknown'`: there is the file of a socket that nobody is seen to have. Only a connection tells whether somebody does, in
   *   another network namespace or out of sight, and none is made.
   */
  readonly verdict: Extract<Verdict, 'free' | 'listening' | 'bound' | 'denied' | 'unknown'>;
  readonly bindable: { readonly exclusive: boolean | null };
  /** Sockets, listeners first. At most 100. */
  readonly holders: readonly PathHolder[];
  /** How many more there are. */
  readonly omitted?: number;
  /** What the verdict alone does not say. */
  readonly reason?: string;
  /** What to do now; absent where nothing can honestly be advised. */
  readonly remedy?: string;
}
