// What each sharing mode promises on this machine: the policies that listen() follows, asked and not carried out.
import { placeOf } from '../bind/places.ts';
import { askedOf } from '../bind/plan.ts';
import { type BindOptions, checkBindOptions } from '../bind/request.ts';
import { bareInside, has } from '../own.ts';
import { policy } from '../systems/running.ts';
import type { Policy, Promised, Protocol } from '../systems/system.ts';
import type { ModePromise } from './machine.ts';

// Any but 0: a policy asks whether the system chooses.
const SOME_PORT = 3000;

const SHARINGS: readonly ModePromise['sharing'][] = ['exclusive', 'reuse-address', 'reuse-port'];
const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp'];
const HOSTS = [
  { host: '::', ipv6Only: false },
  { host: '0.0.0.0', ipv6Only: false },
  { host: '::', ipv6Only: true },
  { host: '127.0.0.1', ipv6Only: false },
  { host: '::1', ipv6Only: false },
] as const;

type Kind = Pick<ModePromise, 'sharing' | 'protocol' | 'host' | 'ipv6Only' | 'guard'>;

function promiseOf(kind: Kind): ModePromise {
  const request = checkBindOptions({ port: SOME_PORT, ...kind } satisfies BindOptions);
  const found = bareInside(policy(askedOf(request, placeOf(request))));
  if (has(found, 'unsupported')) return { ...kind, exclusivity: null, reason: found.reason };
  const { exclusivity, caveat } = found;
  // A guard that closes nothing is refused (compiledFor).
  if (kind.guard && exclusivity === 'partial') return { ...kind, exclusivity: null, ...(caveat && { reason: caveat }) };
  const over = overLeftovers(found);
  return { ...kind, exclusivity, ...(caveat !== undefined && { caveat }), ...(over && { overLeftovers: over }) };
}

function overLeftovers(policy: Policy): Promised | undefined {
  const { attempts, exclusivity, caveat } = policy.overLeftovers ?? policy;
  const attempt = attempts.find(({ outcome }) => outcome === 'over-leftovers');
  return attempt && (attempt.promise ?? { exclusivity, ...(caveat !== undefined && { caveat }) });
}

export function promises(): ModePromise[] {
  return SHARINGS.flatMap((sharing) =>
    PROTOCOLS.flatMap((protocol) =>
      HOSTS.flatMap((place) =>
        (sharing === 'exclusive' ? [false, true] : [false]).map((guard) =>
          promiseOf({ sharing, protocol, ...place, guard }),
        ),
      ),
    ),
  );
}
