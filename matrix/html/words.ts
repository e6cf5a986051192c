// What the page of the matrix calls things, and the pairs that it proposes.
import type { Protocol } from '../../lib/door.ts';
import type { CellOwner, CellSharing, CellState, FirstSocket, Outcome, SecondSocket } from '../cells.ts';

interface Shown {
  /** Beside each colour, for whoever does not tell colours apart. */
  readonly sign: string;
  readonly short: string;
  readonly text: string;
}

export const WORDS = {
  sharings: {
    none: 'no option',
    'reuse-address': 'SO_REUSEADDR',
    'reuse-port': 'SO_REUSEPORT',
    both: 'both',
    exclusive: 'SO_EXCLUSIVEADDRUSE',
  } satisfies Record<CellSharing, string>,
  short: {
    none: 'none',
    'reuse-address': 'REUSEADDR',
    'reuse-port': 'REUSEPORT',
    both: 'both',
    exclusive: 'EXCLUSIVE',
  } satisfies Record<CellSharing, string>,
  owners: {
    'same-process': 'the same process',
    'other-process': 'another process',
    'other-user': 'another user',
  } satisfies Record<CellOwner, string>,
  states: {
    tcp: {
      bound: 'bound, not listening',
      listening: 'listening',
      accepted: 'a connection it accepted; listener closed',
      'time-wait': 'TIME_WAIT of an earlier run',
      orphan: 'killed, its client still connected',
      outgoing: 'a client bound to the port',
    },
    udp: { bound: 'bound', outgoing: 'bound and connected to a peer' },
  } satisfies Record<Protocol, Partial<Record<CellState, string>>>,
  // `alone`: the second receives, beside a first that serves nobody.
  outcomes: {
    refused: { sign: '×', short: 'refused', text: 'The second socket is refused' },
    'cannot listen': { sign: '!', short: 'cannot listen', text: 'The second socket binds, but cannot listen' },
    beside: { sign: '–', short: 'side by side', text: 'Side by side: no address in common' },
    alone: { sign: '✓', short: 'gets the port', text: 'The second socket gets the port' },
    first: { sign: '1', short: 'first receives', text: 'Both have the port, and the first receives' },
    either: { sign: '½', short: 'either receives', text: 'Both have the port, and either receives' },
    second: { sign: '2', short: 'second receives', text: 'The second socket takes over what comes' },
    unknown: { sign: '?', short: 'not known', text: 'No source decides' },
  } satisfies Record<Outcome | 'alone', Shown>,
} as const;

/** The fields of the page. */
interface Pair {
  readonly protocol: Protocol;
  readonly state: FirstSocket['state'];
  readonly one: CellSharing;
  readonly at: FirstSocket['address'];
  readonly two: CellSharing;
  readonly on: SecondSocket['address'];
  readonly owner: CellOwner;
}

const listening = { protocol: 'tcp', state: 'listening', owner: 'other-process' } as const;
const alike = (sharing: CellSharing) => ({ one: sharing, two: sharing });

export const EXAMPLES: readonly (readonly [title: string, pair: Pair])[] = [
  ['A second server', { ...listening, ...alike('reuse-address'), at: '::', on: '::' }],
  ['A specific address under a wildcard', { ...listening, ...alike('reuse-address'), at: '0.0.0.0', on: '127.0.0.1' }],
  ['Two dev servers, :: and 0.0.0.0', { ...listening, ...alike('none'), at: '0.0.0.0', on: '::' }],
  [
    'Restart over TIME_WAIT',
    { ...listening, ...alike('reuse-address'), state: 'time-wait', at: '0.0.0.0', on: '0.0.0.0' },
  ],
  [
    "Another user's group",
    { ...listening, ...alike('reuse-port'), at: '127.0.0.1', on: '127.0.0.1', owner: 'other-user' },
  ],
];
