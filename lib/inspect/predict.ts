// Says from the list of sockets whether a policy could bind and listen, by the rule of the running system.
import type { SocketRow } from '../addon.ts';
import { canonical, isAny } from '../address.ts';
import { compiledFor, type Place } from '../open.ts';
import type { BindRequest } from '../options.ts';
import type { Policy, Setting } from '../policy/policy.ts';
import { STATE } from './holders.ts';
import type { Answer, Existing, Known, Newcomer } from './rule.ts';
import { rule } from './rules.ts';

function stateOf({ state, remotePort, timeLeft }: SocketRow): Existing['state'] {
  if (state === STATE.LISTEN) return 'listening';
  // What Linux tells an end of is kept as a TIME_WAIT, FIN_WAIT2 that nobody has too (tcp_rcv_state_process).
  if (state === STATE.TIME_WAIT || timeLeft !== undefined) return 'time-wait';
  return remotePort === undefined ? 'bound' : 'connected';
}

/** A row of the list as the rule sees it. */
export function existingOf(row: SocketRow): Existing {
  const { address, family } = canonical(row.address);
  const { ipv6Only, reuseAddress, reusePort, uid } = row;
  return { address, family, ipv6Only, state: stateOf(row), reuseAddress, reusePort, exclusive: undefined, uid };
}

function newcomerWith(settings: readonly Setting[], request: BindRequest, place: Place): Newcomer {
  const has = (name: string) => settings.some(([option, value]) => option === name && value === true);
  return {
    protocol: request.protocol,
    address: place.address,
    family: place.addressFamily,
    ipv6Only: request.ipv6Only,
    reuseAddress: has('SO_REUSEADDR'),
    reusePort: has('SO_REUSEPORT'),
    exclusive: has('SO_EXCLUSIVEADDRUSE'),
    uid: process.geteuid?.(),
  };
}

const isRefused = (answer: Answer) => answer !== undefined && answer !== 'ok';

function predictBy(policy: Policy, existing: readonly Existing[], request: BindRequest, place: Place): Known {
  const { guard, guardOptions = [], rivals = [], attempts } = policy;
  const holds = ({ state, address }: Existing) => state === 'listening' || (state === 'bound' && isAny(address));
  if (existing.some((one) => holds(one) && rivals.includes(one.address))) return false;
  if (guard !== undefined) {
    const guarded = { ...newcomerWith(guardOptions, request, place), ...canonical(guard) };
    const answer = rule.bind(existing, guarded);
    if (answer !== 'ok') return isRefused(answer) ? false : undefined;
  }
  const answers = attempts.map(({ beforeBind, beforeListen }) => {
    const answer = rule.bind(existing, newcomerWith(beforeBind, request, place));
    if (answer !== 'ok' || request.protocol === 'udp') return answer;
    return rule.listen(existing, newcomerWith([...beforeBind, ...beforeListen], request, place));
  });
  if (answers.includes('ok')) return true;
  return answers.includes(undefined) ? undefined : false;
}

/**
 * Whether the request could be bound now, and listened on. Undefined where the list does not tell enough.
 * @throws Error `ENOTSUP` naming the option that this system does not have
 */
export function predict(rows: readonly SocketRow[], request: BindRequest, place: Place): Known {
  const { policy } = compiledFor(request, place);
  const existing = rows.map(existingOf);
  const predicted = predictBy(policy, existing, request, place);
  const isOnlyConnections = existing.every(({ state }) => state === 'connected' || state === 'time-wait');
  if (predicted !== false || policy.overLeftovers === undefined || !isOnlyConnections) return predicted;
  return predictBy(policy.overLeftovers, existing, request, place);
}
