// macOS: who may bind over whom, and how we bind there (in_pcbbind and in6_pcbbind, XNU bsd/netinet); not run on a Mac yet.
import { isAny, overlap } from '../address.ts';
import {
  type Answer,
  type Attempt,
  BIND,
  bestFitting,
  both,
  type Existing,
  LISTEN,
  type Newcomer,
  not,
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
  strictest,
  type Unsupported,
} from './system.ts';

const isConnected = ({ state }: Existing) => state === 'connected' || state === 'time-wait';

// A dual-stack :: is compared with the sockets of IPv4 too, but lets one on 0.0.0.0 be.
const isSeen = (existing: Existing, newcomer: Newcomer) =>
  overlap(existing, newcomer) && (newcomer.family === 4 || existing.address !== '0.0.0.0');

function answerBeside(existing: Existing, newcomer: Newcomer): Answer {
  if (!isSeen(existing, newcomer)) return 'ok';
  const bothAny = isAny(existing.address) && isAny(newcomer.address);
  const isOthers = newcomer.uid !== 0 && existing.uid !== undefined && existing.uid !== newcomer.uid;
  const sharesPort = both(existing.reusePort, newcomer.reusePort);
  if (isOthers) {
    const isAcross = newcomer.family === 6 && existing.family === 4;
    const excused = isAcross ? existing.reusePort : both(sharesPort, bothAny);
    if (excused !== true) return excused === undefined ? undefined : 'EADDRINUSE';
  }
  // With either option, only an unconnected socket on exactly the same address conflicts; a dual-stack :: is on 0.0.0.0 too.
  if (newcomer.reuseAddress || newcomer.reusePort) {
    if (isConnected(existing) || (existing.address !== newcomer.address && !bothAny)) return 'ok';
  }
  const conflicts = not(sharesPort);
  return conflicts === undefined ? undefined : conflicts ? 'EADDRINUSE' : 'ok';
}

/** Only bind() asks: listen() checks nothing. */
const rule: Rule = {
  overlaps: overlap,
  bind: (existing, newcomer) => strictest(existing.map((one) => answerBeside(one, newcomer))),
  listen: () => 'ok',
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
  'macOS lets a process of the same user (or root) bind the wildcard with SO_REUSEADDR and connect() it to one peer, ' +
  'whose datagrams it then gets';

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
