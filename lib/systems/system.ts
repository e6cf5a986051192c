// The words in which an operating system is asked: its rule (who may share an address) and its policy (how we bind).
import { type Canonical, isAny, isMappedAny, type Local, overlap } from '../address.ts';

/** What holds of an operating system without asking it. */
export interface OperatingSystem {
  readonly rule: Rule;
  readonly policy: (request: PolicyRequest) => Policy | Unsupported;
}

export type Protocol = 'tcp' | 'udp';
export type Sharing = 'exclusive' | 'reuse-address' | 'reuse-port' | 'raw';
export type Leftovers = 'reuse' | 'refuse';
export type BindOutcome = 'clean' | 'over-leftovers';

/** What a policy has to know: never which port, never a process, so that it stays a pure function. */
export interface PolicyRequest {
  readonly protocol: Protocol;
  readonly sharing: Sharing;
  readonly leftovers: Leftovers;
  readonly reserve: boolean;
  /** `'any'` is the unspecified address: 0.0.0.0 or ::. */
  readonly address: 'any' | 'specific';
  readonly family: 4 | 6;
  readonly ipv6Only: boolean;
  /** Hold the port on every other address too. */
  readonly guard: boolean;
  /** The socket is bound to one device (SO_BINDTODEVICE). */
  readonly device: boolean;
  /** The system chooses the port. */
  readonly anyPort: boolean;
  /** The machine has IPv6, of whatever family the address is. */
  readonly ipv6: boolean;
}

/** The options that decide who may share an address, and those of helpers. */
export type PolicyOption =
  | 'SO_REUSEADDR'
  | 'SO_REUSEPORT'
  | 'SO_EXCLUSIVEADDRUSE'
  | 'IPV6_V6ONLY'
  | 'IP_FREEBIND'
  | 'IPV6_FREEBIND';

export type Setting = readonly [name: PolicyOption, value: boolean];

/** The socket that is asked for, or one that only helps it. */
export type Role = 'ours' | 'guard' | 'third';

/** One system call of an attempt, or two. Steps on a helper that the machine has no family for are left out. */
export type Step =
  | { readonly do: 'open'; readonly role: 'guard' | 'third'; readonly family: 4 | 6 }
  | { readonly do: 'set'; readonly role: Role; readonly options: readonly Setting[] }
  /** Without an address: to the one that is asked for. All on one port, which the system chooses for the first if it may. */
  | { readonly do: 'bind'; readonly role: Role; readonly address?: string }
  /** Binds ours; where that is refused beside the helpers, they are closed and it is tried once more, on the same port. */
  | { readonly do: 'bind-or-alone' }
  | { readonly do: 'listen' }
  | { readonly do: 'close'; readonly role: 'guard' | 'third' };

export interface Promised {
  /** `'full'`: no other user but the superuser can get what is meant for us. */
  readonly exclusivity: 'full' | 'partial';
  /** The hole that the system leaves, in a sentence. */
  readonly caveat?: string;
}

/** One try to bind. Our own socket is open, and has the caller's options. */
export interface Attempt {
  /** What it means that this attempt bound the address; absent where the system cannot tell. */
  readonly outcome?: BindOutcome;
  readonly steps: readonly Step[];
  /** In place of what the policy promises. */
  readonly promise?: Promised;
  /** Strangers may be among the sockets of the port: the list is asked once it is done. */
  readonly strangers?: true;
  /** While it ran, a process of the same user could listen beside ours: the list is asked whether one does. */
  readonly joins?: true;
}

export interface Policy extends Promised {
  /** Tried in order on one socket as long as bind() says EADDRINUSE. */
  readonly attempts: readonly Attempt[];
  /** How often everything starts again when listen() says EADDRINUSE, or when a port that the system chose is taken. */
  readonly rounds: number;
  /** What libuv has set on a socket that it opened (UDP): undone before anything else. */
  readonly undo: readonly Setting[];
  /** Set right after listen() when a reservation is adopted, and on connections that were quicker than that. */
  readonly afterListen: readonly Setting[];
  /** Where the guard overlaps ours: how a reservation listens, while the guard has SO_REUSEPORT. */
  readonly besideGuard?: readonly Step[];
  /** Another program's ordinary bind and listen can share the port: worth a warning at each start. */
  readonly warns?: true;
  /**
   * What may be tried after EADDRINUSE, provided that nothing but connections is listed on the address: the system would
   * let it share the address with sockets that are merely bound or listening, so they are looked for before and after.
   */
  readonly overLeftovers?: Policy;
  /**
   * The system itself refuses what is tried over leftovers beside any holder. Only listeners are asked for before, because
   * it would look for them through all of their connections.
   */
  readonly refusesHolders?: true;
  /** Addresses whose listed holders are conflicts although the system would let us bind. */
  readonly conflicting?: readonly string[];
  /** Addresses whose listed holders may share ours, or not: no table says which, and beside one the outcome is unknown. */
  readonly untold?: readonly string[];
  /**
   * The system refuses no socket that comes in between: the list is read again once ours is bound. And no source says
   * whether ours can be bound beside the guard: where it is refused, it is tried again without.
   */
  readonly looksAgain?: boolean;
}

/** What the system has no means for: the option it lacks, and why no other will do. */
export interface Unsupported {
  readonly unsupported: string;
  readonly reason: string;
}

export const BIND: Step = { do: 'bind', role: 'ours' };
export const BIND_OR_ALONE: Step = { do: 'bind-or-alone' };
export const LISTEN: Step = { do: 'listen' };

export function set(role: Role, ...options: readonly Setting[]): Step {
  return { do: 'set', role, options };
}

/** Sets exactly what the caller listed, on every system alike. */
export function rawPolicy(undo: readonly Setting[]): Policy {
  return {
    attempts: [{ steps: [BIND, LISTEN] }],
    rounds: 1,
    undo,
    afterListen: [],
    exclusivity: 'partial',
    caveat: "sharing: 'raw' sets exactly the options it was given and promises nothing",
  };
}

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
  /** What a connected socket was bound to before; no list of sockets shows it. */
  readonly boundTo?: Local | undefined;
  /** Whether it had SO_REUSEPORT when it was bound; absent where it has not changed since. */
  readonly reusePortAtBind?: Known;
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

/** An answer, and the name of the case of the rule that gives it. */
export interface Decision<Case extends string = string> {
  readonly answer: Answer;
  readonly by: Case;
}

export type Decide = (existing: readonly Existing[], newcomer: Newcomer) => Decision;

export interface Rule {
  /** Which call makes a socket older, which decides who receives; undefined if no source says. */
  readonly age: 'bind' | 'listen' | undefined;
  /** Whether a socket can be in the way of one on an address at all. */
  overlaps(existing: Existing, newcomer: Local): boolean;
  /**
   * What bind() of the newcomer answers.
   * @param existing what no list tells in any order, and then what has been bound since
   */
  bind(existing: readonly Existing[], newcomer: Newcomer): Answer;
  /** What listen() answers once it is bound. */
  listen(existing: readonly Existing[], newcomer: Newcomer): Answer;
  /** Which case of the rule gives these answers. */
  readonly because: Readonly<Record<'bind' | 'listen', (...asked: Parameters<Decide>) => string>>;
  /**
   * Who of several sockets gets a connection (TCP, all of them listening) or a datagram that is sent to an address: one,
   * or those among whom the system spreads what comes; `undefined` if no source says.
   * @param sockets the oldest first, by `age`
   */
  receives(sockets: readonly Newcomer[], target: Canonical): readonly Newcomer[] | undefined;
}

/**
 * Which sockets fit an address best: the exact address before a wildcard, and a wildcard of a socket of its family before
 * :: dual and ::ffff:0.0.0.0.
 */
export function bestFitting(sockets: readonly Newcomer[], target: Canonical): readonly Newcomer[] {
  const at = { ...target, ipv6Only: true };
  const fitting = sockets.filter((socket) => overlap(socket, at));
  const exact = fitting.filter(({ address }) => !isAny(address));
  if (exact.length > 0) return exact;
  const own = fitting.filter(({ family, address }) => family === target.family && !isMappedAny(address));
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

/** The answers of a rule, and their cases, from what decides them. */
export function answersBy(bind: Decide, listen: Decide): Pick<Rule, 'bind' | 'listen' | 'because'> {
  return {
    bind: (existing, newcomer) => bind(existing, newcomer).answer,
    listen: (existing, newcomer) => listen(existing, newcomer).answer,
    because: {
      bind: (existing, newcomer) => bind(existing, newcomer).by,
      listen: (existing, newcomer) => listen(existing, newcomer).by,
    },
  };
}

/** Of several decisions the one that counts; `nothing` where there is none. */
export function decisive<Case extends string>(decisions: readonly Decision<Case>[], nothing: Case): Decision<Case> {
  let counts: Decision<Case> = { answer: 'ok', by: nothing };
  for (const one of decisions) {
    if (one.answer !== 'ok' && one.answer !== undefined) return one;
    if (counts.answer === 'ok' && (one.answer === undefined || counts.by === nothing)) counts = one;
  }
  return counts;
}
