// Foretells from the list of sockets whether a request could be bound, by the rule of the running system.
import type { SocketRow } from '../addon.ts';
import { isAny } from '../address.ts';
import { type Doer, follow } from '../bind/guard.ts';
import type { Place } from '../bind/places.ts';
import { type Compiled, compiledFor } from '../bind/plan.ts';
import type { BindRequest } from '../bind/request.ts';
import { has } from '../own.ts';
import { existingOf } from '../socket-list.ts';
import { rule } from '../systems/running.ts';
import type { Answer, Existing, Known, Newcomer, Role, Rule, Step } from '../systems/system.ts';

/** What the rule says against an attempt; without a code where it does not decide. */
interface Foreseen {
  readonly code: string | undefined;
}

interface Allowed {
  readonly isAllowed: true;
}

const ALLOWED: Allowed = { isAllowed: true };

/** A socket of an attempt, as far as its steps have come. */
interface Own {
  family: 4 | 6;
  options: Map<string, unknown>;
  bound: Existing | undefined;
}

const unbound = (family: 4 | 6): Own => ({ family, options: new Map(), bound: undefined });

/** The attempts as the rule of the system foretells them. */
class ByRule implements Doer<Compiled, Allowed, Foreseen> {
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

  attempt({ policy }: Compiled): Allowed | Foreseen {
    const answers = policy.attempts.map(({ steps }) => this.#answerTo(steps));
    const isAllowed = answers.includes('ok');
    this.#own = isAllowed ? 1 : 0;
    if (isAllowed) return ALLOWED;
    return { code: answers.includes(undefined) ? undefined : answers[0] };
  }

  isListenedOn(): boolean {
    return this.#existing.some(({ state }) => state === 'listening');
  }

  countUnconnected(): number {
    return this.#existing.filter(({ state }) => state === 'listening' || state === 'bound').length + this.#own;
  }

  undo(): void {
    this.#own = 0;
  }

  /** The first answer but 'ok'. */
  #answerTo(steps: readonly Step[]): Answer {
    const own = new Map<Role, Own>([['ours', unbound(this.#place.addressFamily)]]);
    for (const step of steps) {
      const answer = this.#take(step, own);
      if (answer !== 'ok') return answer;
    }
    return 'ok';
  }

  #take(step: Step, own: Map<Role, Own>): Answer {
    if (step.do === 'open') own.set(step.role, unbound(step.family));
    else if (step.do === 'close') own.delete(step.role);
    else if (step.do === 'set') for (const [name, value] of step.options) own.get(step.role)?.options.set(name, value);
    else if (step.do === 'bind') return this.#bind(step.role, step.address, own);
    else if (step.do === 'bind-or-alone') return this.#bindOrAlone(own);
    else if (step.do === 'listen') return this.#ask(rule.listen, 'ours', own);
    return 'ok';
  }

  #bind(role: Role, address: string | undefined, own: Map<Role, Own>): Answer {
    const socket = own.get(role) as Own;
    const answer = this.#ask(rule.bind, role, own, address);
    if (answer === 'ok') {
      const newcomer = this.#newcomer(socket, address);
      socket.bound = { ...newcomer, state: 'bound', boundTo: undefined, reusePortAtBind: newcomer.reusePort };
    }
    return answer;
  }

  #bindOrAlone(own: Map<Role, Own>): Answer {
    const answer = this.#bind('ours', undefined, own);
    if (answer === 'ok') return answer;
    own.delete('guard');
    own.delete('third');
    return this.#bind('ours', undefined, own);
  }

  #ask(ask: Rule['bind'], role: Role, own: Map<Role, Own>, address?: string): Answer {
    const socket = own.get(role) as Own;
    // The options of the others may have changed since they were bound.
    const others = [...own.values()].filter((one) => one !== socket && one.bound !== undefined);
    const beside = others.map((one) => ({ ...(one.bound as Existing), ...optionsOf(one) }));
    const newcomer =
      socket.bound === undefined ? this.#newcomer(socket, address) : { ...socket.bound, ...optionsOf(socket) };
    return ask([...this.#existing, ...beside], { ...newcomer, protocol: this.#request.protocol } as Newcomer);
  }

  #newcomer(socket: Own, address: string | undefined): Newcomer {
    const isOurs = address === undefined;
    const ipv6Only = isOurs ? this.#request.ipv6Only : socket.options.get('IPV6_V6ONLY') !== false;
    const { address: place, addressFamily } = this.#place;
    return {
      protocol: this.#request.protocol,
      address: address ?? place,
      family: isOurs ? addressFamily : socket.family,
      ipv6Only,
      ...optionsOf(socket),
      uid: process.geteuid?.(),
    };
  }
}

function optionsOf({ options }: Own): Pick<Newcomer, 'reuseAddress' | 'reusePort' | 'exclusive'> {
  const has = (name: string) => options.get(name) === true;
  return {
    reuseAddress: has('SO_REUSEADDR'),
    reusePort: has('SO_REUSEPORT'),
    exclusive: has('SO_EXCLUSIVEADDRUSE'),
  };
}

/**
 * Whether the request could be bound now, and listened on. Undefined where the list does not tell enough.
 * @throws Error `ENOTSUP` naming the option that this system does not have
 */
export function predict(rows: readonly SocketRow[], request: BindRequest, place: Place): Known {
  const how = compiledFor(request, place);
  if (rows.length === 0) return true;
  const foreseen = follow(how, new ByRule(request, place, rows.map(existingOf)));
  if (!has(foreseen, 'code')) return true;
  return foreseen.code === undefined ? undefined : false;
}
