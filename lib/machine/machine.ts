// What this machine and this user allow, in the words of exactbind doctor: facts alone, no sentences.
import type { Loaded } from '../addon.ts';
import type { System } from '../platform.ts';
import type { Promised, Protocol, Sharing } from '../systems/system.ts';

/** Ports from one to another, both included. */
export interface Ports {
  readonly first: number;
  readonly last: number;
}

/** What is promised of one kind of bind: by the policy that carries it out. */
export interface ModePromise {
  readonly sharing: Exclude<Sharing, 'raw'>;
  readonly protocol: Protocol;
  /** An address of the kind: `127.0.0.1` and `::1` stand for any one address. */
  readonly host: string;
  readonly ipv6Only: boolean;
  readonly guard: boolean;
  /** `null` where this system cannot do it: `reason` says why. */
  readonly exclusivity: 'full' | 'partial' | null;
  readonly caveat?: string;
  readonly reason?: string;
  /** Of a start over connections of an earlier listener; absent where there is none. */
  readonly overLeftovers?: Promised;
}

/** A throw-away bind on a port that the system chose. */
export interface Tried {
  /** Where it was bound; `null` if it was refused. */
  readonly host: string | null;
  readonly exclusivity?: 'full' | 'partial';
  readonly caveat?: string;
  readonly code?: string;
}

/** What only one operating system can be asked; `null` where it does not tell. */
export interface OwnFacts {
  readonly ports: {
    /** Of those that the system chooses for whoever asks for none. */
    readonly ephemeral: Readonly<Record<Protocol, Ports | null>>;
    /** Never chosen, and bound by whoever names one. */
    readonly reserved: readonly Ports[] | null;
    /** Refused to whoever names one. */
    readonly excluded: Readonly<Record<Protocol, readonly Ports[] | null>>;
  };
  /** By their own names. */
  readonly settings: Readonly<Record<string, string>>;
  readonly process: {
    readonly uid: number | null;
    /** Of those that matter here, the ones that this process has. */
    readonly capabilities: readonly string[] | null;
    /** Rules of the system that are on this process. */
    readonly confinements: readonly string[];
  };
  readonly sight: {
    /** hidepid of /proc, where it hides something. */
    readonly hidepid: string | null;
    /** Whether the PID namespace is the machine's first, in which every process has a number. */
    readonly isFirstPidNamespace: boolean | null;
    /** The container, or the unit of the service manager, that this process is in. */
    readonly container: string | null;
    readonly isWsl: boolean;
  };
}

export interface Facts extends OwnFacts {
  readonly system: System;
  readonly release: string;
  readonly arch: string;
  readonly node: string;
  readonly binary: Loaded;
  readonly promises: readonly ModePromise[];
  readonly list: {
    /** Why the list of sockets cannot be read. */
    readonly error: string | null;
    /** Whether it has TCP sockets that are bound and do not listen. */
    readonly hasBound: boolean;
    /** Whether every process can be looked into for the sockets that it has. */
    readonly seesEveryProcess: boolean;
  };
  /** The default host, and a specific address with `guard: true`, reserved for a moment on a port that nobody has. */
  readonly tried: { readonly plain: Tried; readonly guard: Tried };
  readonly lowPorts: {
    readonly firstUnprivileged: number;
    /** Whether this process may bind those below: on the wildcard, and on one address. */
    readonly onWildcard: boolean;
    readonly onAddress: boolean;
  };
  readonly hook: {
    /** Whether the hook is in this very process, which was started by the same environment. */
    readonly isActive: boolean;
    /** What NODE_OPTIONS loads that looks like it. */
    readonly nodeOptions: string | null;
    /** What a program is started with to have it. */
    readonly path: string;
  };
}
