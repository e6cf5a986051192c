// Windows: who may bind over whom, and how we bind there ("Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE", Microsoft Learn); not run yet.
import { isAny, overlap } from '../address.ts';
import {
  type Answer,
  type Attempt,
  BIND,
  bestFitting,
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
  strictest,
  type Unsupported,
} from './system.ts';

function answerBeside(existing: Existing, newcomer: Newcomer): Answer {
  if (!overlap(existing, newcomer)) return 'ok';
  // What an exclusive listener has accepted keeps others from its port while it is active, says the page, and not with which
  // error; of what is closing it says that it is complicated, and of a client that was bound itself nothing.
  if (existing.state === 'connected' || existing.state === 'time-wait') {
    const isExclusive = either(existing.exclusive, newcomer.exclusive);
    return isExclusive === false && existing.boundTo === undefined ? 'ok' : undefined;
  }
  // No table tells whether a :: covers IPv4 too.
  if (existing.family === 6 && newcomer.family === 4 && existing.ipv6Only === undefined) return undefined;
  const wasAny = isAny(existing.address);
  const isNowAny = isAny(newcomer.address);
  if (wasAny === isNowAny) {
    if (!newcomer.reuseAddress) return 'EADDRINUSE';
    if (existing.reuseAddress === undefined) return undefined;
    return existing.reuseAddress ? 'ok' : 'EACCES';
  }
  if (isNowAny) return newcomer.exclusive ? 'EADDRINUSE' : 'ok';
  if (existing.exclusive !== false) return existing.exclusive ? 'EACCES' : undefined;
  const isSameUser = existing.uid === undefined ? undefined : existing.uid === newcomer.uid;
  if (isSameUser) return 'ok';
  if (newcomer.reuseAddress && existing.reuseAddress) return 'ok';
  return isSameUser === undefined ? undefined : 'EACCES';
}

/** Only bind() asks: listen() checks nothing. */
const rule: Rule = {
  overlaps: overlap,
  bind: (existing, newcomer) => strictest(existing.map((one) => answerBeside(one, newcomer))),
  listen: () => 'ok',
  // The more specific address wins; among equals "the behavior is indeterminate", says the same page.
  receives(sockets, target) {
    const fitting = bestFitting(sockets, target);
    return fitting.length > 1 ? undefined : fitting;
  },
};

// With a guard, the port is chosen on one address and may be taken on the other.
const OTHER_PORTS = 16;

function policy(request: PolicyRequest): Policy | Unsupported {
  const { sharing, protocol, address, family, reserve } = request;
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
  const exclusive: Step[] = [set('ours', ['SO_EXCLUSIVEADDRUSE', true]), BIND];
  if (address === 'specific') {
    // An exclusive bind of a specific address succeeds silently over somebody's wildcard. The owner table lists whoever
    // listens there, a dual-stack :: under IPv4 too, and whoever has bound a UDP port. It does not list a TCP socket that
    // is merely bound: a socket without options must be able to hold the wildcard meanwhile.
    const wildcard = family === 6 ? '::' : '0.0.0.0';
    const steps = protocol === 'udp' ? exclusive : guarded(family, wildcard, exclusive);
    const attempts: Attempt[] = [{ outcome: 'clean', steps: [...steps, ...serve] }];
    return { ...policy, attempts, exclusivity: 'full', conflicting: [wildcard] };
  }
  const attempts: Attempt[] = [{ outcome: 'clean', steps: [...exclusive, ...serve] }];
  if (family === 6) return { ...policy, attempts, exclusivity: 'full' };
  return {
    ...policy,
    attempts,
    exclusivity: 'partial',
    caveat:
      'it is not established that Windows refuses a dual-stack :: on the port of an 0.0.0.0; bind :: instead, which ' +
      'serves IPv4 too',
    ...(protocol === 'tcp' ? { conflicting: ['0.0.0.0'] } : {}),
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
