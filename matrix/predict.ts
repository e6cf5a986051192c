// What the rule of a system says of a cell of the matrix; the rule is the one that inspectPort() asks.
import {
  bestFitting,
  type Canonical,
  type Existing,
  type Newcomer,
  type Protocol,
  type Rule,
  type SharingOptions,
} from '../lib/door.ts';
import {
  answering,
  type CellAddress,
  type CellSharing,
  type CellState,
  type FirstSocket,
  localOf,
  optionsOf,
  type Receives,
  type Results,
  type SecondSocket,
  targetOf,
} from './cells.ts';

/** What a prediction has to know of the machine. */
export interface Machine {
  /** Those that can be bound there. */
  readonly addresses: readonly CellAddress[];
  /** The users of the measuring process and of `owner: 'other-user'`; on Windows the same number twice. */
  readonly own: number;
  readonly other: number;
}

function optionsAs(sharing: CellSharing): SharingOptions & Pick<Newcomer, 'reuseAddress' | 'reusePort' | 'exclusive'> {
  const set = optionsOf(sharing);
  return {
    reuseAddress: set.includes('SO_REUSEADDR'),
    reusePort: set.includes('SO_REUSEPORT'),
    exclusive: set.includes('SO_EXCLUSIVEADDRUSE'),
  };
}

// Linux keeps the FIN_WAIT2 of a socket that nobody has as a TIME_WAIT (tcp_rcv_state_process, net/ipv4/tcp_input.c).
const AS_EXISTING: Readonly<Record<CellState, Existing['state']>> = {
  bound: 'bound',
  listening: 'listening',
  accepted: 'connected',
  'time-wait': 'time-wait',
  orphan: 'time-wait',
  outgoing: 'connected',
};

/** A socket as bind() sees it that meets it, or as it meets others itself. */
function socketWith(protocol: Protocol, sharing: CellSharing, address: CellAddress, uid: number): Newcomer {
  return { protocol, ...localOf(address), ...optionsAs(sharing), uid };
}

/** A connection has the address that it was made on, whatever its listener, or its own bind(), was given. */
function existingAt(socket: Newcomer, { state, address }: FirstSocket, { addresses }: Machine): Existing {
  const isConnection = state !== 'bound' && state !== 'listening';
  const place = isConnection ? localOf(targetOf([address], addresses) as CellAddress) : socket;
  const { family, address: literal } = place;
  const boundTo = state === 'outgoing' ? { boundTo: socket } : {};
  return { ...socket, ...boundTo, family, address: literal, state: AS_EXISTING[state] };
}

const answer = (said: string | undefined) => said ?? 'unknown';

/** The first socket as it meets the second. */
export function existingIn(protocol: Protocol, first: FirstSocket, machine: Machine): Existing {
  return existingAt(socketWith(protocol, first.sharing, first.address, machine.own), first, machine);
}

/** Which case of the rule gives a result, and of which family the sockets are that it decides about. */
export interface Because {
  readonly by: string;
  readonly family: 4 | 6;
}

/** What a rule foretells, and why; null where it was not asked. */
export interface Foretold {
  readonly results: Results;
  because(): Readonly<Record<keyof Results, Because | null>>;
}

/** Why somebody receives: the words for it are each system's. */
export type ReceivingCase = 'alone' | 'best-fit' | 'group' | 'older' | 'younger' | 'untold';

function receivingCase(
  inOrder: readonly Newcomer[],
  found: readonly Newcomer[] | undefined,
  target: Canonical,
): ReceivingCase {
  if (found === undefined) return 'untold';
  if (inOrder.length === 1) return 'alone';
  if (found.length > 1) return 'group';
  if (bestFitting(inOrder, target).length === 1) return 'best-fit';
  return found[0] === inOrder[0] ? 'older' : 'younger';
}

/** What happens to a pair of sockets by the rule, and why. */
export function foretell(
  rule: Rule,
  protocol: Protocol,
  first: FirstSocket,
  second: SecondSocket,
  machine: Machine,
): Foretold {
  const isTcp = protocol === 'tcp';
  const uid = second.owner === 'other-user' ? machine.other : machine.own;
  const one = socketWith(protocol, first.sharing, first.address, machine.own);
  const two = socketWith(protocol, second.sharing, second.address, uid);
  const existing = [existingAt(one, first, machine)];

  const bind = answer(rule.bind(existing, two));
  const asked = (ask: () => string | undefined) => {
    if (bind === 'unknown') return bind;
    return bind === 'ok' && isTcp ? answer(ask()) : null;
  };
  const listen = asked(() => rule.listen(existing, two));
  const beside: Existing[] = [{ ...two, state: listen === 'ok' ? 'listening' : 'bound' }];
  const firstListen = first.state === 'bound' ? asked(() => rule.listen(beside, one)) : null;

  const why = (result: string | null, newcomer: Newcomer, ask: () => string) =>
    result === null || bind === 'unknown' ? null : { by: ask(), family: newcomer.family };
  const because = (receives: Because | null) => ({
    bind: { by: rule.because.bind(existing, two), family: two.family },
    listen: why(listen, two, () => rule.because.listen(existing, two)),
    firstListen: why(firstListen, one, () => rule.because.listen(beside, one)),
    receives,
  });
  const ended = (receives: Results['receives'], by: Because | null): Foretold => ({
    results: { bind, listen, firstListen, receives },
    because: () => because(by),
  });

  if ([bind, listen, firstListen].includes('unknown')) return ended('unknown', null);
  const found = answering(protocol, first, second, { bind, listen, firstListen }, machine.addresses);
  if (found === undefined) return ended(null, null);
  const { isFirst, isSecond } = found;
  const target = localOf(found.target);
  // A first that listens only later is the younger listener, but not the younger socket.
  const isLater = firstListen === 'ok';
  const { family } = target;
  if (isLater && isFirst && isSecond && rule.age === undefined) return ended('unknown', { by: 'untold', family });
  const isYounger = isLater && rule.age === 'listen';
  const inOrder = isYounger ? [isSecond && two, isFirst && one] : [isFirst && one, isSecond && two];
  const serving = inOrder.filter((socket) => socket !== false);
  const receivers = rule.receives(serving, target);
  return ended(nameOf(receivers, one), { by: receivingCase(serving, receivers, target), family });
}

/** What happens to a pair of sockets by the rule. */
export const predict = (...asked: Parameters<typeof foretell>): Results => foretell(...asked).results;

function nameOf(receivers: readonly Newcomer[] | undefined, one: Newcomer): Receives | 'unknown' {
  if (receivers === undefined) return 'unknown';
  if (receivers.length > 1) return 'either';
  if (receivers.length === 0) return 'none';
  return receivers[0] === one ? 'first' : 'second';
}
