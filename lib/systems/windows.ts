// Windows: who may bind over whom, and how we bind there ("Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE", Microsoft Learn); not run yet.
import { isAny, overlap } from '../address.ts';
import {
  type Answer,
  bestFitting,
  type Existing,
  either,
  type Newcomer,
  type OperatingSystem,
  type Policy,
  type PolicyRequest,
  type Rule,
  rawPolicy,
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
  age: undefined,
  overlaps: overlap,
  bind: (existing, newcomer) => strictest(existing.map((one) => answerBeside(one, newcomer))),
  listen: () => 'ok',
  // The more specific address wins; among equals "the behavior is indeterminate", says the same page.
  receives(sockets, target) {
    const fitting = bestFitting(sockets, target);
    return fitting.length > 1 ? undefined : fitting;
  },
};

function policy(request: PolicyRequest): Policy | Unsupported {
  const { sharing, protocol, address, family } = request;
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

  const policy = {
    attempts: [{ outcome: 'clean', beforeBind: [['SO_EXCLUSIVEADDRUSE', true]], beforeListen: [] }],
    rounds: 1,
    undo: [],
    afterAdoption: [],
  } as const;
  if (address === 'specific') {
    // An exclusive bind of a specific address succeeds silently over somebody's wildcard. The owner table lists whoever
    // listens there, a dual-stack :: under IPv4 too, and whoever has bound a UDP port. It does not list a TCP socket that
    // is merely bound: a socket without options must be able to hold the wildcard meanwhile.
    const wildcard = family === 6 ? '::' : '0.0.0.0';
    const guard = protocol === 'tcp' ? { guard: wildcard } : {};
    return { ...policy, ...guard, exclusivity: 'full', conflicting: [wildcard] };
  }
  if (family === 6) return { ...policy, exclusivity: 'full' };
  return {
    ...policy,
    exclusivity: 'partial',
    caveat:
      'it is not established that Windows refuses a dual-stack :: on the port of an 0.0.0.0; bind :: instead, which ' +
      'serves IPv4 too',
    ...(protocol === 'tcp' ? { conflicting: ['0.0.0.0'] } : {}),
  };
}

export const windows: OperatingSystem = { rule, policy };
