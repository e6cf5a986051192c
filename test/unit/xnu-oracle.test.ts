// The rule of macOS against the kernel's own source, which was run in user space and not on a Mac: every cell of the matrix.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { darwin } from '../../lib/systems/darwin.ts';
import type { Existing, Newcomer, Rule } from '../../lib/systems/system.ts';
import {
  ADDRESSES,
  type CellAddress,
  type CellSharing,
  type CellState,
  KEYS,
  localOf,
  type Results,
} from '../../matrix/cells.ts';
import { predict } from '../../matrix/predict.ts';

const file = fileURLToPath(new URL('data/xnu-oracle.csv.gz', import.meta.url));
const [, ...lines] = gunzipSync(readFileSync(file)).toString().trim().split('\n');

const OWN = 501;
const UIDS: Readonly<Record<string, number>> = { 'same-uid': OWN, 'other-uid': 502, root: 0 };

interface Row {
  readonly line: string;
  readonly protocol: 'tcp' | 'udp';
  readonly first: { sharing: CellSharing; state: CellState; address: CellAddress };
  readonly second: { sharing: CellSharing; address: CellAddress; owner: 'other-user' };
  readonly uid: number;
  readonly measured: Results;
}

const rows = lines.map((line): Row => {
  const [protocol, sharing, state, address, other, where, owner, bind, ...more] = line.split(',');
  const [listen, firstListen, receives] = more.map((word) => (word === '' ? null : word));
  return {
    line,
    protocol: protocol as Row['protocol'],
    first: { sharing, state, address } as Row['first'],
    second: { sharing: other, address: where, owner: 'other-user' } as Row['second'],
    uid: UIDS[owner as string] as number,
    measured: { bind, listen, firstListen, receives } as Results,
  };
});

/** How many cells a rule predicts otherwise, by outcome; what it leaves open counts. */
function wrongBy(rule: Rule) {
  const wrong = { bind: 0, listen: 0, firstListen: 0, receives: 0 };
  for (const { protocol, first, second, uid, measured } of rows) {
    const predicted = predict(rule, protocol, first, second, { addresses: ADDRESSES, own: OWN, other: uid });
    for (const key of KEYS) if (predicted[key] !== measured[key]) wrong[key]++;
  }
  return wrong;
}

describe('the rule of macOS', () => {
  it('is that of the kernel in all four outcomes of 13,824 cells', () => {
    expect(rows).toHaveLength(13_824);
    expect(wrongBy(darwin.rule)).toEqual({ bind: 0, listen: 0, firstListen: 0, receives: 0 });
  });

  const { rule } = darwin;

  it('would be wrong in 84 of them if listen() made a socket younger', () => {
    expect(wrongBy({ ...rule, age: 'listen' })).toEqual({ bind: 0, listen: 0, firstListen: 0, receives: 84 });
  });

  it.each<[mutation: string, rule: Rule]>([
    ['forgets whose a socket is', { ...rule, bind: (existing, one) => rule.bind(existing, { ...one, uid: 0 }) }],
    [
      'takes a connection for a bound socket',
      {
        ...rule,
        bind: (existing, one) =>
          rule.bind(
            existing.map((each) => ({ ...each, state: 'bound' })),
            one,
          ),
      },
    ],
    [
      'does not see what the newcomer sets',
      { ...rule, bind: (all, one) => rule.bind(all, { ...one, reuseAddress: false }) },
    ],
    [
      'gives to the youngest',
      { ...rule, receives: (sockets, target) => rule.receives([...sockets].reverse(), target) },
    ],
  ])('is caught if it %s', (_, mutated) => {
    expect(Math.max(...Object.values(wrongBy(mutated)))).toBeGreaterThan(0);
  });
});

describe('the best fit', () => {
  const at = (address: CellAddress, more: Partial<Existing> = {}): Existing => ({
    ...localOf(address),
    state: 'listening',
    uid: OWN,
    reuseAddress: false,
    reusePort: false,
    exclusive: false,
    ...more,
  });
  const newcomer = (address: CellAddress, more: Partial<Newcomer> = {}): Newcomer => ({
    protocol: 'tcp',
    ...localOf(address),
    reuseAddress: false,
    reusePort: false,
    exclusive: false,
    uid: OWN,
    ...more,
  });
  const both = { reuseAddress: true, reusePort: true };
  const others = { uid: 502 };

  it.each<[string, Existing[], Newcomer, string | undefined]>([
    // in_pcblookup_local() finds 0.0.0.0, which a dual-stack :: lets be.
    ['hides a specific address behind 0.0.0.0', [at('0.0.0.0'), at('127.0.0.1')], newcomer('::'), 'ok'],
    ['does not hide it from 0.0.0.0', [at('0.0.0.0'), at('127.0.0.1')], newcomer('0.0.0.0'), 'EADDRINUSE'],
    [
      'is the exact address before the wildcard',
      [at('0.0.0.0'), at('127.0.0.1', both)],
      newcomer('127.0.0.1', both),
      'ok',
    ],
    [
      'is the unconnected before the connected',
      [at('127.0.0.1', { state: 'connected' }), at('127.0.0.1', both)],
      newcomer('127.0.0.1', both),
      'ok',
    ],
    [
      'is asked for its user alone',
      [at('0.0.0.0', others), at('127.0.0.1', { state: 'bound' })],
      newcomer('127.0.0.1', { uid: OWN, reuseAddress: true }),
      'EADDRINUSE',
    ],
    [
      'hides a wildcard of another user',
      [at('0.0.0.0', others), at('127.0.0.1', both)],
      newcomer('127.0.0.1', both),
      'ok',
    ],
    [
      'is one of several, and the list does not tell which',
      [at('127.0.0.1', both), at('127.0.0.1')],
      newcomer('127.0.0.1', both),
      undefined,
    ],
  ])('%s', (_, existing, one, answer) => {
    expect(darwin.rule.bind(existing, one)).toBe(answer);
    expect(darwin.rule.bind([...existing].reverse(), one)).toBe(answer);
  });
});
