// Which options Windows needs for each sharing mode ("Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE", Microsoft Learn).
import { type Policy, type PolicyRequest, rawPolicy, type Unsupported } from './policy.ts';

export function windowsPolicy(request: PolicyRequest): Policy | Unsupported {
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
    return { ...policy, ...guard, exclusivity: 'full', rivals: [wildcard] };
  }
  if (family === 6) return { ...policy, exclusivity: 'full' };
  return {
    ...policy,
    exclusivity: 'partial',
    caveat:
      'it is not established that Windows refuses a dual-stack :: on the port of an 0.0.0.0; bind :: instead, which ' +
      'serves IPv4 too',
    ...(protocol === 'tcp' ? { rivals: ['0.0.0.0'] } : {}),
  };
}
