// macOS: who may bind over whom, and how we bind there (in_pcbbind and in6_pcbbind, XNU bsd/netinet); not run on a Mac yet.
import { isAny, isMappedAny, type Local, overlap } from '../address.ts';
import {
  type Attempt,
  answersBy,
  BIND,
  bestFitting,
  both,
  type Decision,
  decisive,
  type Existing,
  type Known,
  LISTEN,
  type Newcomer,
  type OperatingSystem,
  type Policy,
  type PolicyRequest,
  type Promised,
  type Protocol,
  type Role,
  type Rule,
  rawPolicy,
  type Setting,
  type Step,
  set,
  type Unsupported,
} from './system.ts';

const isConnected = ({ state }: Existing) => state === 'connected' || state === 'time-wait';

/** An address that the kernel looks for; `isExact`: a connection, or a wildcard for an address, does not count. */
interface Sought {
  readonly address: string;
  readonly family: 4 | 6;
  readonly isExact: boolean;
}

const isDual = ({ address, ipv6Only }: Local) => address === '::' && !ipv6Only;

/** How far a socket is from an address: a point for a peer, and one for a wildcard on one side only. */
function distance(existing: Existing, { address, family }: Sought): number {
  // To IPv4 a dual-stack :: is 0.0.0.0.
  if (existing.family !== family && !(family === 4 && isDual(existing))) return Number.POSITIVE_INFINITY;
  const wildcards = [existing.address, address].filter(isAny).length;
  if (wildcards === 0 && !overlap(existing, { address, family, ipv6Only: true })) return Number.POSITIVE_INFINITY;
  return (isConnected(existing) ? 1 : 0) + (wildcards === 1 ? 1 : 0);
}

/**
 * Whom the kernel finds (in_pcblookup_local): one of the nearest, and it asks nobody else. Of several that are equally near it
 * is the one that was bound last, which no list tells.
 */
function bestFit(existing: readonly Existing[], sought: Sought): readonly Existing[] {
  const distances = existing.map((one) => distance(one, sought));
  const least = Math.min(...distances);
  const isFound = least !== Number.POSITIVE_INFINITY && (least === 0 || !sought.isExact);
  return isFound ? existing.filter((_, index) => distances[index] === least) : [];
}

/** The cases of the rule. */
export type DarwinCase =
  | 'apart'
  | 'untold'
  | 'let-be'
  | 'both-reuse-port'
  | 'not-both-reuse-port'
  | 'another-user'
  | 'another-users-group'
  | 'not-exact'
  | 'unchecked';

type Case = Decision<DarwinCase>;
const NOBODY: Case = { answer: 'ok', by: 'apart' };

function unanimous(decisions: readonly Case[]): Case {
  const [first = NOBODY] = decisions;
  return decisions.every(({ answer }) => answer === first.answer) ? first : { answer: undefined, by: 'untold' };
}

function refusedUnless(excused: Known, by: Readonly<Record<'ok' | 'refused', DarwinCase>>): Case {
  if (excused === undefined) return { answer: undefined, by: 'untold' };
  return excused ? { answer: 'ok', by: by.ok } : { answer: 'EADDRINUSE', by: by.refused };
}

const isOfIpv6 = ({ family, address }: Local) => family === 6 || isMappedAny(address);

// A dual-stack :: looks among the sockets of IPv4 too, but lets 0.0.0.0 be, unless that is ::ffff:0.0.0.0 on a socket of
// IPv6. The other way about, ::ffff:0.0.0.0 is bound as 0.0.0.0 is, and lets every wildcard of such a socket be.
function isLetBe(found: Existing, newcomer: Newcomer): boolean {
  if (newcomer.family === 6) return found.address === '0.0.0.0';
  return isAny(found.address) && isAny(newcomer.address) && isOfIpv6(found) && isOfIpv6(newcomer);
}

const OF_USER = { ok: 'apart', refused: 'another-user' } as const;

function decideByUser(found: Existing, newcomer: Newcomer): Case {
  const isOthers = newcomer.uid !== 0 && found.uid !== undefined && found.uid !== newcomer.uid;
  if (!isOthers || isLetBe(found, newcomer)) return NOBODY;
  if (newcomer.family === 6 && found.family === 4) return refusedUnless(found.reusePort, OF_USER);
  const bothAny = isAny(found.address) && isAny(newcomer.address);
  const bothPort = both(found.reusePort, newcomer.reusePort);
  return refusedUnless(both(bothPort, bothAny), {
    ...OF_USER,
    refused: bothPort ? 'another-users-group' : 'another-user',
  });
}

function decideByConflict(found: Existing, newcomer: Newcomer): Case {
  if (isLetBe(found, newcomer)) return { answer: 'ok', by: 'let-be' };
  return refusedUnless(both(found.reusePort, newcomer.reusePort), {
    ok: 'both-reuse-port',
    refused: 'not-both-reuse-port',
  });
}

function decide(existing: readonly Existing[], newcomer: Newcomer): Case {
  const { address, family, reuseAddress, reusePort } = newcomer;
  const places = [{ address, family }, ...(isDual(newcomer) ? [{ address: '0.0.0.0', family: 4 } as const] : [])];
  // With either option, only an unconnected socket on exactly the same address conflicts.
  const isExact = reuseAddress || reusePort;
  const decisions = places.flatMap((place) => {
    const near = bestFit(existing, { ...place, isExact: false });
    const found = bestFit(existing, { ...place, isExact });
    const byConflict = unanimous(found.map((one) => decideByConflict(one, newcomer)));
    const isPassedOver = near.length > 0 && found.length === 0;
    return [
      unanimous(near.map((one) => decideByUser(one, newcomer))),
      isPassedOver ? ({ answer: 'ok', by: 'not-exact' } as const) : byConflict,
    ];
  });
  return decisive(decisions, 'apart');
}

/** Only bind() asks: listen() checks nothing, and does not make a socket younger. */
const rule: Rule = {
  age: 'bind',
  overlaps: overlap,
  ...answersBy(decide, () => ({ answer: 'ok', by: 'unchecked' })),
  // The chain has the youngest first; the search ends at an exact address, and keeps the last wildcard it has passed
  // (in_pcblookup_hash, in6_pcblookup_hash).
  receives(sockets, target) {
    const fitting = bestFitting(sockets, target);
    const [oldest] = fitting;
    if (oldest === undefined) return [];
    return [isAny(oldest.address) ? oldest : (fitting.at(-1) as Newcomer)];
  },
};

const ADDRESS_ON: Setting = ['SO_REUSEADDR', true];
// libuv sets SO_REUSEPORT on every UDP socket it opens on BSD systems.
const UDP_UNDO: readonly Setting[] = [
  ['SO_REUSEADDR', false],
  ['SO_REUSEPORT', false],
];

// The port is chosen on 0.0.0.0 and may be taken on ::.
const OTHER_PORTS = 16;

const WILDCARD =
  'macOS lets a process of the same user (or root) that sets SO_REUSEADDR bind a specific address over this wildcard ' +
  'and take its connections; bind the specific addresses you serve';

const CONNECTED =
  'macOS lets a process of the same user (or root) bind the wildcard with SO_REUSEADDR, connect() it to one peer, ' +
  'and get the datagrams of that peer';

function policy(request: PolicyRequest): Policy | Unsupported {
  const { sharing, protocol, address, family, ipv6Only, leftovers, reserve } = request;
  const undo = protocol === 'udp' ? UDP_UNDO : [];
  if (sharing === 'raw') return rawPolicy(undo);
  if (sharing === 'reuse-port') {
    return {
      unsupported: 'SO_REUSEPORT',
      reason: 'on macOS it does not spread connections: one listener of the group gets everything',
    };
  }
  const policy = { rounds: OTHER_PORTS, undo, afterListen: [] } as const;
  const serve = protocol === 'udp' || reserve ? [] : [LISTEN];
  if (sharing === 'reuse-address') {
    const caveat = 'macOS lets sockets with SO_REUSEADDR hold a wildcard and its specific addresses on one port';
    const attempts = [{ steps: [set('ours', ADDRESS_ON), BIND, ...serve] }];
    return { ...policy, attempts, exclusivity: 'partial', caveat, warns: true };
  }
  // The conflict check looks at the newcomer's options alone: a plain bind refuses every overlap, leftovers included, and
  // one with SO_REUSEADDR next to nothing. A dual-stack :: binds over a 0.0.0.0 of anybody (the reverse fails), and port
  // 0 on :: ignores IPv4 sockets: hold the port on 0.0.0.0 first.
  const isDual = address === 'any' && family === 6 && !ipv6Only;
  const bound = (...options: readonly Setting[]): Step[] =>
    isDual ? guarded(options) : [...(options.length > 0 ? [set('ours', ...options)] : []), BIND];
  const exact: Policy = {
    ...policy,
    attempts: [{ outcome: 'clean', steps: [...bound(), ...serve] }],
    ...promise(address, protocol),
  };
  // A reservation stays plain: for as long as it does not listen, nobody could tell it from somebody else's.
  if (protocol === 'udp' || leftovers === 'refuse' || reserve) return exact;
  const over: Attempt = { outcome: 'over-leftovers', steps: [...bound(ADDRESS_ON), ...serve] };
  return { ...exact, overLeftovers: { ...exact, attempts: [over] } };
}

function guarded(options: readonly Setting[]): Step[] {
  const own = (role: Role): Step[] => (options.length > 0 ? [set(role, ...options)] : []);
  return [
    { do: 'open', role: 'guard', family: 4 },
    ...own('guard'),
    { do: 'bind', role: 'guard', address: '0.0.0.0' },
    ...own('ours'),
    BIND,
    { do: 'close', role: 'guard' },
  ];
}

function promise(address: PolicyRequest['address'], protocol: Protocol): Promised & Pick<Policy, 'warns'> {
  if (address === 'any') return { exclusivity: 'partial', caveat: WILDCARD, warns: true };
  return protocol === 'tcp' ? { exclusivity: 'full' } : { exclusivity: 'partial', caveat: CONNECTED };
}

export const darwin: OperatingSystem = { rule, policy };
