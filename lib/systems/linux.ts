// Linux: who may bind over whom (inet_bind_conflict in net/ipv4/inet_connection_sock.c; udp_lib_lport_inuse in net/ipv4/udp.c), and
// how we bind there (inet_csk_get_port).
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
  either,
  type Known,
  LISTEN,
  type Newcomer,
  not,
  type OperatingSystem,
  type Policy,
  type PolicyRequest,
  type Promised,
  type Rule,
  rawPolicy,
  type Setting,
  type Step,
  set,
  type Unsupported,
} from './system.ts';

// bind() of an exact IPv6 address marks a socket as IPV6_V6ONLY. A connection of a dual-stack :: has such an address, and no
// mark: IPv4 takes it for one that 0.0.0.0 covers (inet_rcv_saddr_equal, net/ipv4/inet_connection_sock.c).
// The list tells the mark of what listens or is bound alone.
function overlaps(existing: Existing, newcomer: Local): boolean {
  const mayBeUnmarked = existing.family === 6 && existing.ipv6Only !== true && !isAny(existing.address);
  // ::ffff:0.0.0.0 is compared as IPv6, and no other address of that is part of it.
  return overlap(existing, newcomer) || (mayBeUnmarked && newcomer.address === '0.0.0.0');
}

/** Whether two overlap only if a mark says so that no list shows. */
const isUncertain = (existing: Existing, newcomer: Local) =>
  existing.family === 6 && existing.ipv6Only === undefined && newcomer.family === 4;

/** The cases of the rule. */
export type LinuxCase =
  | 'apart'
  | 'untold'
  | 'both-reuse-address'
  | 'both-reuse-port'
  | 'listening'
  | 'another-user'
  | 'no-common-option'
  | 'quick-check';

function decideBeside(existing: Existing, newcomer: Newcomer): Decision<LinuxCase> {
  if (!overlaps(existing, newcomer)) return { answer: 'ok', by: 'apart' };
  const bothAddress = both(existing.reuseAddress, newcomer.reuseAddress);
  const sharesAddress = both(bothAddress, existing.state !== 'listening');
  // The group belongs to the user who began it, root or not; what is in TIME_WAIT belongs to nobody.
  const isSameUser =
    existing.state === 'time-wait' ||
    (existing.uid === undefined || newcomer.uid === undefined ? undefined : existing.uid === newcomer.uid);
  const bothPort = both(existing.reusePort, newcomer.reusePort);
  const sharesPort = both(bothPort, isSameUser);
  const conflicts = not(either(sharesAddress, sharesPort));
  if (conflicts === undefined || (conflicts && isUncertain(existing, newcomer)))
    return { answer: undefined, by: 'untold' };
  if (!conflicts) return { answer: 'ok', by: sharesAddress ? 'both-reuse-address' : 'both-reuse-port' };
  return { answer: 'EADDRINUSE', by: bothPort ? 'another-user' : bothAddress ? 'listening' : 'no-common-option' };
}

// A port remembers the last socket that was bound to it if that had SO_REUSEPORT, and lets a later one of the same user in
// where the remembered address is the same or the wildcard (sk_reuseport_match). A bind without the option clears that. What
// a list shows may have been followed by one that is gone.
function quickCheck(existing: readonly Existing[], newcomer: Newcomer): Known {
  const last = existing.at(-1);
  if (newcomer.protocol === 'udp' || !newcomer.reusePort || last === undefined) return false;
  const hadReusePort = Object.hasOwn(last, 'reusePortAtBind') ? last.reusePortAtBind : last.reusePort;
  if (hadReusePort !== true || last.uid === undefined) return hadReusePort === false ? false : undefined;
  const covers = isAny(last.address) ? overlap(last, newcomer) : isSamePlace(last, newcomer);
  return last.uid === newcomer.uid && covers;
}

const isSamePlace = (one: Local, other: Local) => one.address === other.address && one.ipv6Only === other.ipv6Only;

function decide(existing: readonly Existing[], newcomer: Newcomer): Decision<LinuxCase> {
  const full = decisive(
    existing.map((one) => decideBeside(one, newcomer)),
    'apart',
  );
  const quick = full.answer === 'ok' ? false : quickCheck(existing, newcomer);
  if (quick === false) return full;
  return quick === undefined ? { answer: undefined, by: 'untold' } : { answer: 'ok', by: 'quick-check' };
}

// A group is made of sockets that differ in nothing (inet_reuseport_add_sock, udp_reuseport_add_sock).
function groupOf(socket: Newcomer, sockets: readonly Newcomer[]): readonly Newcomer[] {
  const isAlike = (other: Newcomer) =>
    other.reusePort &&
    other.uid === socket.uid &&
    other.address === socket.address &&
    other.ipv6Only === socket.ipv6Only;
  return socket.reusePort ? sockets.filter(isAlike) : [socket];
}

/** The kernel asks the same question at bind() and again at listen(). */
const rule: Rule = {
  age: 'listen',
  overlaps,
  ...answersBy(decide, decide),
  // The first of the best fitting in the kernel's chain, and its group. A socket goes to the head of the chain, but one of
  // IPv6 with SO_REUSEPORT to its tail (__inet_hash in net/ipv4/inet_hashtables.c, udp_lib_get_port).
  receives(sockets, target) {
    const chain: Newcomer[] = [];
    for (const socket of bestFitting(sockets, target)) {
      const isOfIpv6 = socket.family === 6 || isMappedAny(socket.address);
      if (isOfIpv6 && socket.reusePort) chain.push(socket);
      else chain.unshift(socket);
    }
    const [found] = chain;
    return found === undefined ? [] : groupOf(found, sockets);
  },
};

const ON: Setting = ['SO_REUSEADDR', true];
const OFF: Setting = ['SO_REUSEADDR', false];
const PORT_ON: Setting = ['SO_REUSEPORT', true];
const PORT_OFF: Setting = ['SO_REUSEPORT', false];

// SO_REUSEADDR after listen(), never before: in between, a stranger who has set it too could bind, and take connections
// without ever listening. What a connection inherits decides whether its TIME_WAIT blocks the next start, so those that were
// quicker get it when they are accepted (afterListen).
const SERVE: readonly Step[] = [LISTEN, set('ours', ON)];

// A plain bind refuses everything that overlaps, leftovers included. What a failed attempt has set is cleared.
const PLAIN: readonly Step[] = [BIND, ...SERVE];
const CLEAR = set('ours', OFF, PORT_OFF);

// Two sockets that were bound with SO_REUSEADDR and call listen() in the same instant can both lose, never both win; and a
// port that the system chose for a guard may be taken on the address itself.
const ROUNDS = 16;

// An address that no interface has (RFC 5737, RFC 3849): binding it there moves the kernel's quick check, which lets
// sockets of the same user pass, away from ours (sk_reuseport_match).
const ELSEWHERE = { 4: '192.0.2.1', 6: '2001:db8::1' } as const;
const FREEBIND: Readonly<Record<4 | 6, Setting>> = { 4: ['IP_FREEBIND', true], 6: ['IPV6_FREEBIND', true] };

function elsewhere(family: 4 | 6): Step[] {
  return [
    { do: 'open', role: 'third', family },
    set('third', PORT_ON, FREEBIND[family]),
    { do: 'bind', role: 'third', address: ELSEWHERE[family] },
    { do: 'close', role: 'third' },
  ];
}

// A socket on any address of the family with the same port refuses a plain wildcard, and nobody else comes in while it is
// there: ours may, because both have SO_REUSEPORT and the same user.
function guardOn(family: 4 | 6, ...options: readonly Setting[]): Step[] {
  const dual: readonly Setting[] = family === 6 ? [['IPV6_V6ONLY', false]] : [];
  return [...heldOn(family, dual, options), set('guard', PORT_ON)];
}

function heldOn(family: 4 | 6, kind: readonly Setting[], options: readonly Setting[]): Step[] {
  return [
    { do: 'open', role: 'guard', family },
    set('guard', ...kind, ...options),
    { do: 'bind', role: 'guard', address: family === 6 ? '::' : '0.0.0.0' },
    ...(options.length > 0 ? [set('guard', OFF)] : []),
  ];
}

/** The guard goes once ours is bound: who comes later finds a plain socket. */
function momentaryGuard({ protocol, family, reserve }: PolicyRequest): Step[] {
  const bound = [...guardOn(family), set('ours', OFF, PORT_ON), BIND];
  const closed: Step[] = [set('ours', PORT_OFF), { do: 'close', role: 'guard' }];
  if (protocol === 'udp') return [...bound, ...closed];
  return reserve ? [...bound, ...elsewhere(family), ...closed] : [...bound, ...closed, ...SERVE];
}

/**
 * The guard stays. That of TCP is on :: and so on every address there is: the kernel's quick check (sk_reuseport_match)
 * lets a user who has one socket with SO_REUSEPORT on the port, on any address or family, bind :: beside ours.
 */
function keptGuard(request: PolicyRequest, ...options: readonly Setting[]): Step[] {
  const { protocol, family, reserve, ipv6 } = request;
  const width = protocol === 'tcp' && ipv6 ? 6 : family;
  const bound = [...guardOn(width, ...options), set('ours', OFF, PORT_ON, ...options), BIND];
  if (protocol === 'udp') return [...bound, set('guard', PORT_OFF), set('ours', PORT_OFF)];
  // Ours first: what the same user binds until then, the third socket makes the kernel forget.
  const closed = [set('ours', PORT_OFF), ...elsewhere(family), set('guard', PORT_OFF)];
  const [listen, ...then] = SERVE;
  return reserve ? [...bound, ...closed] : [...bound, listen as Step, ...closed, ...then];
}

/** listen() asks again who overlaps. */
function listenBesideGuard(family: 4 | 6): Step[] {
  return [set('ours', PORT_ON), LISTEN, set('ours', PORT_OFF, ON), ...elsewhere(family)];
}

/** A wildcard of one family overlaps nothing of the other: its guard is a plain socket there, and stays. */
function guardBeside({ family, reserve }: PolicyRequest, ...options: readonly Setting[]): Step[] {
  const held = family === 4 ? heldOn(6, [['IPV6_V6ONLY', true]], options) : heldOn(4, [], options);
  return [...held, set('ours', OFF, PORT_OFF, ...options), BIND, ...(reserve ? [] : SERVE)];
}

const FULL: Promised = { exclusivity: 'full' };

const partial = (caveat: string): Promised => ({ exclusivity: 'partial', caveat });

const SPECIFIC = partial(
  "on Linux another user's socket on a multicast or broadcast address, or on :: by way of SO_REUSEPORT, can take " +
    'connections meant for a specific IPv4 address (guard: true holds the port on every address)',
);
const ONE_FAMILY = partial(
  'on Linux another user who has a socket with SO_REUSEPORT on the same port of another address or family can bind :: ' +
    'beside this one and take connections (guard: true holds the port on every address; so does the host ::)',
);
const DEVICE = partial(
  'on Linux a socket of another user that is bound to another device can come over to this one (guard: true holds the port)',
);
const DEVICE_OF_TCP = partial(
  'on Linux another user who has a socket with SO_REUSEPORT on the same port of another device can bind beside this one ' +
    'and take connections',
);
const SHARED_NUMBER = partial(
  'somebody else has the same port on another address, so the guard cannot hold every address; a socket that hides from ' +
    'the list of sockets may be able to come over to this one',
);
const LEFTOVERS = partial(
  "over leftovers Linux lets other users' sockets share the port as long as they do not listen; those that were listed " +
    'are refused or named, but one may hide from the list',
);
const SAME_USER = partial('any process of the same user can join the SO_REUSEPORT group at any time');

// Every libuv handle sets SO_REUSEADDR on the UDP socket it opens, and with it on both sides any user can take the
// datagrams.
const UDP_UNDO: readonly Setting[] = [OFF];

function policy(request: PolicyRequest): Policy | Unsupported {
  const { sharing, protocol } = request;
  if (sharing === 'raw') return rawPolicy(protocol === 'udp' ? UDP_UNDO : []);
  return protocol === 'tcp' ? tcp(request) : udp(request);
}

// Left to choose, the system may give the port of another group of this user. Nobody has one that a plain bind gets.
function ownGroup({ anyPort, family, ipv6Only }: PolicyRequest, serve: readonly Step[]): Attempt[] {
  if (!anyPort) return [];
  const only: Step[] = family === 6 ? [set('guard', ['IPV6_V6ONLY', ipv6Only])] : [];
  const guard: Step[] = [{ do: 'open', role: 'guard', family }, ...only, { do: 'bind', role: 'guard' }];
  const ours: Step[] = [set('guard', PORT_ON), set('ours', PORT_ON), BIND, { do: 'close', role: 'guard' }];
  return [{ steps: [...guard, ...ours, ...serve] }];
}

// Over leftovers a socket of any user that is bound and does not listen shares the address.
const OVER_LEFTOVERS: Attempt = {
  outcome: 'over-leftovers',
  steps: [set('ours', PORT_OFF, ON), BIND, ...SERVE],
  promise: LEFTOVERS,
  strangers: true,
};

function tcp(request: PolicyRequest): Policy {
  const { sharing, leftovers, reserve, guard } = request;
  const policy = { rounds: ROUNDS, undo: [], afterListen: [ON] } as const;
  if (sharing === 'reuse-port') {
    // Both are needed over leftovers alone: they let everybody in who has them too.
    const alone: Attempt = { steps: [set('ours', PORT_ON), BIND, ...SERVE] };
    const both: Attempt = { steps: [set('ours', ON), BIND, ...SERVE], strangers: true };
    return { ...policy, attempts: [...ownGroup(request, SERVE), alone, both], ...SAME_USER };
  }
  if (reserve && sharing === 'reuse-address') {
    const shared =
      'a socket bound with SO_REUSEADDR that does not listen yet can be bound over by any other with SO_REUSEADDR';
    return { ...policy, attempts: [{ steps: [set('ours', ON), BIND] }], ...partial(shared) };
  }
  const { family, ipv6Only, ipv6, device } = request;
  const isWildcard = request.address === 'any';
  const isDual = family === 6 && !ipv6Only;
  const steps = reserve ? [BIND] : PLAIN;
  const over = leftovers === 'reuse' && !reserve ? [OVER_LEFTOVERS] : [];
  const clean = (taken: readonly Step[]): Attempt => ({ outcome: 'clean', steps: taken });
  if (device) return { ...policy, attempts: [clean(steps), ...over], ...DEVICE_OF_TCP };
  const orOver = (attempts: readonly Attempt[], promise: Promised): Policy => {
    const cleanly = { ...policy, attempts, ...promise };
    if (over.length === 0) return cleanly;
    return { ...cleanly, refusesHolders: true, overLeftovers: { ...cleanly, attempts: over } };
  };
  const plain = [clean(steps)];
  // Nothing on the port is beside it, whatever the family.
  if (isWildcard && (isDual || !ipv6)) return orOver(plain, FULL);
  const unguarded: Attempt = { ...clean([CLEAR, ...steps]), promise: SHARED_NUMBER, strangers: true };
  if (guard) {
    const kept = isWildcard ? guardBeside : keptGuard;
    const mayJoin = isWildcard || reserve ? {} : ({ joins: true } as const);
    const guarded = { ...clean(kept(request)), ...mayJoin };
    const guardedOver = over.map((attempt) => ({ ...attempt, steps: kept(request, ON), ...mayJoin }));
    const later = isWildcard ? {} : { besideGuard: listenBesideGuard(family) };
    return { ...policy, ...later, attempts: [guarded, ...guardedOver, unguarded, ...over], ...FULL };
  }
  if (family === 4) return orOver(plain, isWildcard ? ONE_FAMILY : SPECIFIC);
  // No third socket makes the kernel forget a wildcard, which a reservation would keep: it matches every address.
  if (isWildcard && reserve) return { ...policy, attempts: plain, ...ONE_FAMILY };
  return orOver([clean(momentaryGuard(request)), unguarded], ONE_FAMILY);
}

function udp(request: PolicyRequest): Policy {
  const { sharing, address, family, ipv6Only, guard, device } = request;
  const policy = { rounds: ROUNDS, undo: UDP_UNDO, afterListen: [] } as const;
  if (sharing === 'reuse-port') {
    const alone: Attempt = { steps: [set('ours', PORT_ON), BIND] };
    return { ...policy, attempts: [...ownGroup(request, []), alone], ...SAME_USER };
  }
  if (sharing === 'reuse-address') {
    const shared = 'any process, of any user, that sets SO_REUSEADDR can bind the port and take the datagrams';
    return { ...policy, attempts: [{ steps: [set('ours', ON), BIND] }], ...partial(shared) };
  }
  const plain: Attempt = { outcome: 'clean', steps: [BIND] };
  if (device && !guard) return { ...policy, attempts: [plain], ...DEVICE };
  if (!device && address === 'any' && !(family === 6 && ipv6Only)) return { ...policy, attempts: [plain], ...FULL };
  const steps = device ? keptGuard(request) : momentaryGuard(request);
  return {
    ...policy,
    attempts: [
      { outcome: 'clean', steps },
      { outcome: 'clean', steps: [CLEAR, BIND], promise: SHARED_NUMBER, strangers: true },
    ],
    ...FULL,
  };
}

export const linux: OperatingSystem = { rule, policy };
