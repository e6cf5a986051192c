// Who may share an address under Wine 10: a table of its own for TCP (server/sock.c), and then the rule of the Linux below.
import {
  answersBy,
  type Decision,
  decisive,
  type Existing,
  isAny,
  isMappedAny,
  type Local,
  type Newcomer,
  type Rule,
  SYSTEMS,
} from '../lib/door.ts';

const { rule: linuxRule } = SYSTEMS.linux;

/** An entry of the table. */
interface Entry {
  readonly address: string;
  readonly family: 4 | 6;
  /** An exclusive wildcard stands for every address of its family. */
  readonly isEvery: boolean;
}

function entriesOf({ address, family, ipv6Only }: Local, exclusive: boolean): Entry[] {
  const isEvery = exclusive && isAny(address);
  const own = { address, family, isEvery };
  const isDual = family === 6 && !ipv6Only && isEvery;
  return isDual ? [own, { address: '0.0.0.0', family: 4, isEvery }] : [own];
}

/** The cases of the rule; those of Linux come after. */
export type WineCase =
  | 'untold'
  | 'apart'
  | 'both-reuse-address'
  | 'exclusive-wildcard'
  | 'no-common-option'
  | 'reuse-address-alone';

const NOTHING: Decision<WineCase> = { answer: 'ok', by: 'apart' };

function decideBeside(existing: Existing, newcomer: Newcomer): Decision<WineCase> {
  // What was accepted has not been bound, and a socket that has connected is still known by what it was bound to.
  const bound = existing.state === 'bound' || existing.state === 'listening' ? existing : existing.boundTo;
  if (bound === undefined) return NOTHING;
  if (existing.reuseAddress && newcomer.reuseAddress) return { answer: 'ok', by: 'both-reuse-address' };
  const decisions = entriesOf(bound, existing.exclusive === true).flatMap((one) =>
    entriesOf(newcomer, newcomer.exclusive).map((other): Decision<WineCase> => {
      const isSame = one.address === other.address || one.isEvery || other.isEvery;
      if (one.family !== other.family || !isSame) return NOTHING;
      if (one.isEvery) return { answer: 'EACCES', by: 'exclusive-wildcard' };
      return newcomer.reuseAddress
        ? { answer: 'EACCES', by: 'reuse-address-alone' }
        : { answer: 'EADDRINUSE', by: 'no-common-option' };
    }),
  );
  return decisive(decisions, 'apart');
}

// Every TCP socket of Wine has Linux's SO_REUSEADDR, a UDP socket only if the program sets it.
const below = <Socket extends Existing | Newcomer>(socket: Socket, isTcp: boolean): Socket =>
  isTcp ? { ...socket, reuseAddress: true } : socket;

function decideBelow(call: 'bind' | 'listen', existing: readonly Existing[], newcomer: Newcomer): Decision {
  const isTcp = newcomer.protocol === 'tcp';
  const asked = [existing.map((one) => below(one, isTcp)), below(newcomer, isTcp)] as const;
  return { answer: linuxRule[call](...asked), by: `linux ${linuxRule.because[call](...asked)}` };
}

function decide(existing: readonly Existing[], newcomer: Newcomer): Decision {
  // Not measured, and its table is not made for it.
  if ([...existing, newcomer].some(({ address }) => isMappedAny(address))) return { answer: undefined, by: 'untold' };
  if (newcomer.protocol === 'tcp') {
    const decision = decisive(
      existing.map((one) => decideBeside(one, newcomer)),
      'apart',
    );
    if (decision.answer !== 'ok') return decision;
  }
  const { answer, by } = decideBelow('bind', existing, newcomer);
  return { answer: answer === 'EADDRINUSE' && newcomer.reuseAddress ? 'EACCES' : answer, by };
}

export const wineRule: Rule = {
  age: linuxRule.age,
  overlaps: linuxRule.overlaps,
  ...answersBy(decide, (existing, newcomer) => decideBelow('listen', existing, newcomer)),
  receives: linuxRule.receives,
};
