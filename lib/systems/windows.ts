// Windows: who may bind over whom, and how we bind there ("Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE", Microsoft Learn); not run by us.
import { isAny, isMappedAny, type Local, overlap } from '../address.ts';
import {
  type Attempt,
  answersBy,
  BIND,
  BIND_OR_ALONE,
  bestFitting,
  type Decision,
  decisive,
  type Existing,
  either,
  LISTEN,
  type Newcomer,
  type OperatingSystem,
  type Policy,
  type PolicyRequest,
  type Rule,
  rawPolicy,
  type Step,
  set,
  type Unsupported,
} from './system.ts';

// Where the page and measurements of others differ, the measurements count (test/unit/data/measured-elsewhere.json).

/** The cases of the rule. */
export type WindowsCase =
  | 'apart'
  | 'untold'
  | 'bound-client'
  | 'both-exclusive'
  | 'connection'
  | 'exclusive-connection'
  | 'exclusive-wildcard'
  | 'two-wildcards'
  | 'no-reuse-address'
  | 'both-reuse-address'
  | 'first-without-reuse-address'
  | 'wildcard-above-exclusive'
  | 'wildcard-above'
  | 'exclusive'
  | 'same-user'
  | 'another-user'
  | 'unchecked';

type Case = Decision<WindowsCase>;
const ok = (by: WindowsCase): Case => ({ answer: 'ok', by });
const refused = (answer: 'EACCES' | 'EADDRINUSE', by: WindowsCase): Case => ({ answer, by });
const UNTOLD: Case = { answer: undefined, by: 'untold' };

// The page says that an active connection of an exclusive listener keeps others from the port, and names no error. But an
// exclusive listener came back over its own connections in every report (W34-W36). No source covers a client that was bound.
function decideBesideConnection(existing: Existing, newcomer: Newcomer): Case {
  if (existing.boundTo !== undefined) return { answer: undefined, by: 'bound-client' };
  if (existing.exclusive && newcomer.exclusive) return ok('both-exclusive');
  const isExclusive = either(existing.exclusive, newcomer.exclusive);
  return isExclusive === false ? ok('connection') : { answer: undefined, by: 'exclusive-connection' };
}

const isDual = ({ address, ipv6Only }: Local) => address === '::' && !ipv6Only;

// A dual-stack :: and 0.0.0.0 are two wildcards: they share a port unless the first is exclusive (W17-W20, W26-W29).
function decideBesideOtherWildcard({ exclusive }: Existing): Case {
  if (exclusive === undefined) return UNTOLD;
  return exclusive ? refused('EACCES', 'exclusive-wildcard') : ok('two-wildcards');
}

function decideBeside(existing: Existing, newcomer: Newcomer): Case {
  if (!overlap(existing, newcomer)) return ok('apart');
  // No source tells what ::ffff:0.0.0.0 is beside other wildcards, or beside what these cover.
  if (isMappedAny(existing.address) || isMappedAny(newcomer.address)) return UNTOLD;
  if (existing.state === 'connected' || existing.state === 'time-wait') {
    return decideBesideConnection(existing, newcomer);
  }
  if (existing.family !== newcomer.family && isAny(existing.address) && isAny(newcomer.address)) {
    return decideBesideOtherWildcard(existing);
  }
  // No table tells whether a :: covers IPv4 too.
  if (existing.family === 6 && newcomer.family === 4 && existing.ipv6Only === undefined) return UNTOLD;
  const wasAny = isAny(existing.address);
  const isNowAny = isAny(newcomer.address);
  if (wasAny === isNowAny) {
    if (!newcomer.reuseAddress) return refused('EADDRINUSE', 'no-reuse-address');
    if (existing.reuseAddress === undefined) return UNTOLD;
    return existing.reuseAddress ? ok('both-reuse-address') : refused('EACCES', 'first-without-reuse-address');
  }
  if (isNowAny) return newcomer.exclusive ? refused('EADDRINUSE', 'wildcard-above-exclusive') : ok('wildcard-above');
  if (existing.exclusive !== false) return existing.exclusive ? refused('EACCES', 'exclusive') : UNTOLD;
  const isSameUser = existing.uid === undefined ? undefined : existing.uid === newcomer.uid;
  if (isSameUser) return ok('same-user');
  if (newcomer.reuseAddress && existing.reuseAddress) return ok('both-reuse-address');
  return isSameUser === undefined ? UNTOLD : refused('EACCES', 'another-user');
}

/** Only bind() asks: listen() checks nothing. */
const rule: Rule = {
  age: undefined,
  overlaps: overlap,
  ...answersBy(
    (existing, newcomer) =>
      decisive(
        existing.map((one) => decideBeside(one, newcomer)),
        'apart',
      ),
    () => ok('unchecked'),
  ),
  // The more specific address wins. Among equals "the behavior is indeterminate", says the same page; of TCP the first got
  // every connection until it closed (W02, W03, W33). Beside a :: that was first, nobody has looked who gets what is for IPv4.
  receives(sockets, target) {
    const fitting = bestFitting(sockets, target);
    const [found] = fitting;
    if (found === undefined) return [];
    if (fitting.length > 1) return found.protocol === 'tcp' ? [found] : undefined;
    const older = sockets.slice(0, sockets.indexOf(found));
    const isBesideDual = isAny(found.address) && found.family === 4 && older.some(isDual);
    return isBesideDual ? undefined : [found];
  },
};

const EXCLUSIVE = set('ours', ['SO_EXCLUSIVEADDRUSE', true]);

// With a guard, the port is chosen on one address and may be taken on the other.
const OTHER_PORTS = 16;

function policy(request: PolicyRequest): Policy | Unsupported {
  const { sharing, protocol, address, family, ipv6Only, reserve } = request;
  if (sharing === 'raw') return rawPolicy([]);
  if (sharing === 'reuse-address') {
    return {
      unsupported: 'SO_REUSEADDR',
      reason:
        'on Windows it lets sockets of any user hold one address, and which of them gets a connection is undefined; ' +
        'leftovers do not need it there',
    };
  }
  if (sharing === 'reuse-port') return { unsupported: 'SO_REUSEPORT', reason: 'Windows has no such option' };

  const policy = { rounds: OTHER_PORTS, undo: [], afterListen: [] } as const;
  const serve = protocol === 'udp' || reserve ? [] : [LISTEN];
  const exclusive: Step[] = [EXCLUSIVE, BIND];
  if (address === 'specific') {
    // An exclusive bind of a specific address succeeds silently over somebody's wildcard. The owner table lists
    // listeners, a dual-stack :: under IPv4 too, and bound UDP ports. It does not list a TCP socket that is merely bound:
    // a socket without options must be able to hold the wildcard meanwhile.
    const wildcard = family === 6 ? '::' : '0.0.0.0';
    const steps = protocol === 'udp' ? exclusive : guarded(family, wildcard, exclusive);
    const attempts: Attempt[] = [{ outcome: 'clean', steps: [...steps, ...serve] }];
    return { ...policy, attempts, exclusivity: 'full', conflicting: [wildcard] };
  }
  if (family === 6) {
    if (ipv6Only)
      return { ...policy, attempts: [{ outcome: 'clean', steps: [...exclusive, ...serve] }], exclusivity: 'full' };
    // An exclusive dual-stack :: binds beside a 0.0.0.0 that is not exclusive, and connections of IPv4 stay with that. Once it
    // is bound, no 0.0.0.0 comes. No source says whether ours can be bound beside the guard.
    const steps = protocol === 'udp' ? exclusive : guarded(4, '0.0.0.0', [EXCLUSIVE, BIND_OR_ALONE]);
    const attempts: Attempt[] = [{ outcome: 'clean', steps: [...steps, ...serve] }];
    return { ...policy, attempts, exclusivity: 'full', conflicting: ['0.0.0.0'], looksAgain: true };
  }
  const attempts: Attempt[] = [{ outcome: 'clean', steps: [...exclusive, ...serve] }];
  return {
    ...policy,
    attempts,
    exclusivity: 'partial',
    caveat:
      'Windows lets this 0.0.0.0 share its port with a dual-stack :: that another program bound before; bind :: ' +
      'instead, which serves IPv4 too and detects that',
    // The table lists a dual-stack :: that listens under IPv4 too; under IPv6 it does not tell which one is dual-stack.
    conflicting: ['0.0.0.0'],
    untold: ['::'],
  };
}

function guarded(family: 4 | 6, wildcard: string, steps: readonly Step[]): Step[] {
  return [
    { do: 'open', role: 'guard', family },
    ...(family === 6 ? [set('guard', ['IPV6_V6ONLY', true])] : []),
    { do: 'bind', role: 'guard', address: wildcard },
    ...steps,
    { do: 'close', role: 'guard' },
  ];
}

export const windows: OperatingSystem = { rule, policy };
