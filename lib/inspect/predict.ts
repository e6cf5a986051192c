// Foretells from the list of sockets whether a request could be bound, by the rule of the running system.
import type { SocketRow } from '../addon.ts';
import { canonical, isAny } from '../address.ts';
import { follow, type Steps } from '../bind/guard.ts';
import type { Place } from '../bind/places.ts';
import { type Compiled, compiledFor } from '../bind/plan.ts';
import type { BindRequest } from '../bind/request.ts';
import { has } from '../own.ts';
import { existingOf } from '../socket-list.ts';
import { rule } from '../systems/running.ts';
import type { Answer, Attempt, Existing, Known, Newcomer, Setting } from '../systems/system.ts';

/** What the rule says against a step; without a code where it does not decide. */
interface Foreseen {
  readonly code: string | undefined;
}

interface Allowed {
  readonly isAllowed: true;
}

const ALLOWED: Allowed = { isAllowed: true };

const isIdle = ({ state }: Existing) => state === 'listening' || state === 'bound';

/** The steps of a policy as the rule of the system foretells them. */
class RuleSteps implements Steps<Compiled, Allowed, Allowed, Foreseen> {
  readonly port: number;
  readonly #request: BindRequest;
  readonly #place: Place;
  readonly #existing: readonly Existing[];
  #own = 0;

  constructor(request: BindRequest, place: Place, existing: readonly Existing[]) {
    this.port = request.port;
    this.#request = request;
    this.#place = place;
    this.#existing = existing;
  }

  conflict(addresses: readonly string[]): Foreseen | undefined {
    const holds = (one: Existing) => one.state === 'listening' || (one.state === 'bound' && isAny(one.address));
    const isHeld = this.#existing.some((one) => holds(one) && addresses.includes(one.address));
    return isHeld ? { code: 'EADDRINUSE' } : undefined;
  }

  hold(address: string, options: readonly Setting[]): Allowed | Foreseen {
    const guard = { ...this.#newcomer(options), ...canonical(address), ipv6Only: true };
    const answer = rule.bind(this.#existing, guard);
    return answer === 'ok' ? ALLOWED : { code: answer };
  }

  portOf(): number {
    return this.port;
  }

  letGo(): void {}

  attempt({ policy }: Compiled): Allowed | Foreseen {
    const answers = policy.attempts.map((attempt) => this.#answerTo(attempt));
    const isAllowed = answers.includes('ok');
    this.#own = isAllowed ? 1 : 0;
    if (isAllowed) return ALLOWED;
    return { code: answers.includes(undefined) ? undefined : answers[0] };
  }

  countUnconnected(): number {
    return this.#existing.filter(isIdle).length + this.#own;
  }

  undo(): void {
    this.#own = 0;
  }

  #answerTo({ beforeBind, beforeListen }: Attempt): Answer {
    const answer = rule.bind(this.#existing, this.#newcomer(beforeBind));
    if (answer !== 'ok' || this.#request.protocol === 'udp') return answer;
    return rule.listen(this.#existing, this.#newcomer([...beforeBind, ...beforeListen]));
  }

  #newcomer(settings: readonly Setting[]): Newcomer {
    const has = (name: string) => settings.some(([option, value]) => option === name && value === true);
    const { address, addressFamily: family } = this.#place;
    return {
      protocol: this.#request.protocol,
      address,
      family,
      ipv6Only: this.#request.ipv6Only,
      reuseAddress: has('SO_REUSEADDR'),
      reusePort: has('SO_REUSEPORT'),
      exclusive: has('SO_EXCLUSIVEADDRUSE'),
      uid: process.geteuid?.(),
    };
  }
}

/**
 * Whether the request could be bound now, and listened on. Undefined where the list does not tell enough.
 * @throws Error `ENOTSUP` naming the option that this system does not have
 */
export function predict(rows: readonly SocketRow[], request: BindRequest, place: Place): Known {
  const foreseen = follow(compiledFor(request, place), new RuleSteps(request, place, rows.map(existingOf)));
  if (!has(foreseen, 'code')) return true;
  return foreseen.code === undefined ? undefined : false;
}
