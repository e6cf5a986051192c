// Who may share an address under Wine 10: a table of its own for TCP (server/sock.c), and then the rule of the Linux below.
import {
  type Answer,
  type Existing,
  isAny,
  isMappedAny,
  type Local,
  type Newcomer,
  type Rule,
  SYSTEMS,
  strictest,
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

function answerBeside(existing: Existing, newcomer: Newcomer): Answer {
  // What was accepted has not been bound, and a socket that has connected is still known by what it was bound to.
  const bound = existing.state === 'bound' || existing.state === 'listening' ? existing : existing.boundTo;
  if (bound === undefined || (existing.reuseAddress && newcomer.reuseAddress)) return 'ok';
  const answers = entriesOf(bound, existing.exclusive === true).flatMap((one) =>
    entriesOf(newcomer, newcomer.exclusive).map((other): Answer => {
      const isSame = one.address === other.address || one.isEvery || other.isEvery;
      if (one.family !== other.family || !isSame) return 'ok';
      return newcomer.reuseAddress || one.isEvery ? 'EACCES' : 'EADDRINUSE';
    }),
  );
  return strictest(answers);
}

// Every TCP socket of Wine has Linux's SO_REUSEADDR, a UDP socket only if the program sets it.
const below = <Socket extends Existing | Newcomer>(socket: Socket, isTcp: boolean): Socket =>
  isTcp ? { ...socket, reuseAddress: true } : socket;

function answerBelow(ask: Rule['bind'], existing: readonly Existing[], newcomer: Newcomer): Answer {
  const isTcp = newcomer.protocol === 'tcp';
  const sockets = existing.map((one) => below(one, isTcp));
  return ask(sockets, below(newcomer, isTcp));
}

export const wineRule: Rule = {
  age: linuxRule.age,
  overlaps: linuxRule.overlaps,
  bind(existing, newcomer) {
    // Not measured, and its table is not made for it.
    if ([...existing, newcomer].some(({ address }) => isMappedAny(address))) return undefined;
    if (newcomer.protocol === 'tcp') {
      const answer = strictest(existing.map((one) => answerBeside(one, newcomer)));
      if (answer !== 'ok') return answer;
    }
    const answer = answerBelow(linuxRule.bind, existing, newcomer);
    return answer === 'EADDRINUSE' && newcomer.reuseAddress ? 'EACCES' : answer;
  },
  listen: (existing, newcomer) => answerBelow(linuxRule.listen, existing, newcomer),
  receives: linuxRule.receives,
};
