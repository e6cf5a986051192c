// What is predicted of a pair of sockets, on every system; and that a rule which is wrong does not pass for right.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { linux } from '../../lib/systems/linux.ts';
import type { Rule } from '../../lib/systems/system.ts';
import {
  ADDRESSES,
  agrees,
  type Cell,
  type CellAddress,
  type FirstSocket,
  firstSockets,
  type MatrixSystem,
  type SecondSocket,
  secondSockets,
  targetOf,
} from '../../matrix/cells.ts';
import { predict } from '../../matrix/predict.ts';
import { MATRIX_RULES } from '../../matrix/systems.ts';

const bench = (file: string) => import(new URL(`../../matrix/page/${file}`, import.meta.url).href);
const { fold, unfold, compare } = await bench('fold.mjs');
const { inOrder, machineOf } = await bench('systems.mjs');

const folder = fileURLToPath(new URL('../../bench/results/', import.meta.url));

const OWN = 1000;
const MACHINE = { addresses: ADDRESSES, own: OWN, other: OWN + 1 };

const first = (state: FirstSocket['state'], sharing: FirstSocket['sharing'], address: CellAddress = '127.0.0.1') => ({
  state,
  sharing,
  address,
});
const second = (
  sharing: SecondSocket['sharing'],
  address: CellAddress = '127.0.0.1',
  owner: SecondSocket['owner'] = 'other-process',
) => ({ sharing, address, owner });

describe('an address to reach both at', () => {
  it.each<[CellAddress, CellAddress, CellAddress | undefined]>([
    ['0.0.0.0', '0.0.0.0', '127.0.0.1'],
    ['0.0.0.0', '127.0.0.2', '127.0.0.2'],
    ['127.0.0.1', '127.0.0.2', undefined],
    ['::', '::', '::1'],
    ['::', '0.0.0.0', '127.0.0.1'],
    [':: V6ONLY', '0.0.0.0', undefined],
    [':: V6ONLY', '::', '::1'],
    ['::1', '127.0.0.1', undefined],
    ['::ffff:0.0.0.0', '::', '127.0.0.1'],
    ['::ffff:0.0.0.0', ':: V6ONLY', undefined],
  ])('of %s and %s is %s', (one, other, target) => {
    expect(targetOf([one, other], ADDRESSES)).toBe(target);
    expect(targetOf([other, one], ADDRESSES)).toBe(target);
  });

  it('is one that the machine has', () => {
    expect(targetOf(['::'], ['0.0.0.0', '127.0.0.1', '::'])).toBe('127.0.0.1');
    expect(targetOf([':: V6ONLY'], ['0.0.0.0', '127.0.0.1', '::', ':: V6ONLY'])).toBeUndefined();
  });
});

describe('a prediction', () => {
  const linux = (one: FirstSocket, two: SecondSocket) => predict(MATRIX_RULES.linux, 'tcp', one, two, MACHINE);

  it('asks nothing after a refusal', () => {
    const refused = { bind: 'EADDRINUSE', listen: null, firstListen: null, receives: null };
    expect(linux(first('bound', 'none'), second('both'))).toEqual(refused);
    expect(linux(first('listening', 'reuse-address'), second('reuse-address'))).toEqual(refused);
  });

  it('has the first listen later', () => {
    expect(linux(first('bound', 'reuse-address'), second('reuse-address'))).toEqual({
      bind: 'ok',
      listen: 'ok',
      firstListen: 'EADDRINUSE',
      receives: 'second',
    });
    expect(linux(first('bound', 'both'), second('both'))).toMatchObject({ firstListen: 'ok', receives: 'either' });
  });

  it('has a connection where it was made, and not where its listener was', () => {
    expect(linux(first('accepted', 'none', '0.0.0.0'), second('none', '127.0.0.2')).bind).toBe('ok');
    expect(linux(first('listening', 'none', '0.0.0.0'), second('none', '127.0.0.2')).bind).toBe('EADDRINUSE');
  });

  it('knows users, but not of leftovers', () => {
    const other = second('reuse-port', '127.0.0.1', 'other-user');
    expect(linux(first('listening', 'reuse-port'), other).bind).toBe('EADDRINUSE');
    expect(linux(first('orphan', 'reuse-port'), other).bind).toBe('ok');
  });

  it('has no listen() of UDP', () => {
    const udp = predict(MATRIX_RULES.linux, 'udp', first('bound', 'reuse-address'), second('reuse-address'), MACHINE);
    expect(udp).toEqual({ bind: 'ok', listen: null, firstListen: null, receives: 'second' });
  });

  it('tells the hole that each system leaves', () => {
    const over = [first('listening', 'reuse-address', '0.0.0.0'), second('reuse-address')] as const;
    const taken = { bind: 'ok', listen: 'ok', receives: 'second' };
    expect(linux(...over)).toMatchObject({ bind: 'EADDRINUSE' });
    expect(predict(MATRIX_RULES.darwin, 'tcp', ...over, MACHINE)).toMatchObject(taken);
    const same = { ...MACHINE, other: OWN };
    expect(predict(MATRIX_RULES.windows, 'tcp', ...over, same)).toMatchObject(taken);
    const exclusive = first('listening', 'exclusive', '0.0.0.0');
    expect(predict(MATRIX_RULES.windows, 'tcp', exclusive, second('reuse-address'), same).bind).toBe('EACCES');
  });

  it('leaves open what no source says', () => {
    const same = { ...MACHINE, other: OWN };
    const pair = [first('bound', 'reuse-address'), second('reuse-address')] as const;
    const { receives } = predict(MATRIX_RULES.windows, 'udp', ...pair, same);
    expect(receives).toBe('unknown');
    const right = { bind: 'ok', listen: 'ok', firstListen: null, receives: 'unknown' } as const;
    expect(agrees({ measured: { ...right, receives: 'first' }, predicted: right })).toBe(true);
    expect(agrees({ measured: { ...right, listen: 'EADDRINUSE' }, predicted: right })).toBe(false);
  });
});

describe('a matrix', () => {
  const pairs = (['tcp', 'udp'] as const).flatMap((protocol) =>
    firstSockets(protocol, ['none', 'both'], ADDRESSES).flatMap((one) =>
      secondSockets(['none', 'both'], ADDRESSES, ['same-process', 'other-user']).map((two): Cell => {
        const predicted = predict(linux.rule, protocol, one, two, MACHINE);
        return { protocol, first: one, second: two, measured: predicted, predicted };
      }),
    ),
  );

  it('is the same unfolded as it was folded', () => {
    const matrix = { os: 'linux', uid: 0, cells: pairs };
    const cells = pairs.map(({ predicted: _, ...cell }) => cell);
    expect(unfold(JSON.parse(JSON.stringify(fold(matrix))))).toEqual({ ...matrix, cells });
  });

  it('is not folded if the letters do not suffice', () => {
    const cells = pairs
      .slice(0, 53)
      .map((cell, index) => ({ ...cell, measured: { ...cell.measured, bind: `E${index}` } }));
    expect(fold({ cells: cells.slice(1) }).seconds).toHaveLength(28);
    expect(() => fold({ cells })).toThrow('more than 52');
  });

  it('stands by its system, and then by its Node, whatever the machine', () => {
    const known = [
      { os: 'linux', arch: 'arm64', node: 'v26.1.0' },
      { os: 'linux', arch: 'x64', node: 'v20.9.0' },
      { os: 'linux', arch: 'x64', node: 'v20.10.0' },
      { os: 'darwin', arch: 'arm64', node: 'v24.1.0' },
      { os: 'linux', arch: 'arm64', node: 'v20.10.0' },
    ];
    expect(inOrder(known)).toEqual([known[3], known[1], known[4], known[2], known[0]]);
  });

  it('is compared pair by pair', () => {
    const changed = pairs.map((cell, index) =>
      index === 7 ? { ...cell, measured: { ...cell.measured, bind: 'EINVAL' } } : cell,
    );
    expect(compare({ cells: pairs }, { cells: changed })).toEqual({ common: pairs.length, different: 1 });
    expect(compare({ cells: pairs.slice(5) }, { cells: pairs })).toEqual({ common: pairs.length - 5, different: 0 });
  });
});

const files = readdirSync(folder).filter((name) => /^matrix-.*\.json$/.test(name));
const matrixIn = (file: string): { os: MatrixSystem; runs: Record<string, object> } =>
  JSON.parse(readFileSync(folder + file, 'utf8'));

/** How many cells of a run a rule predicts otherwise. */
function wrongBy(rule: Rule, run: object): number {
  const { cells } = unfold(run) as { cells: Cell[] };
  const wrong = cells.filter(({ protocol, first: one, second: two, measured }) => {
    return !agrees({ measured, predicted: predict(rule, protocol, one, two, machineOf(run)) });
  });
  return wrong.length;
}

describe('the rule there is', () => {
  it.each(files)('is right in every pair of %s', (file) => {
    const { os, runs } = matrixIn(file);
    expect(unfold(runs['first']).cells.length).toBeGreaterThan(5000);
    for (const [name, run] of Object.entries(runs)) expect(wrongBy(MATRIX_RULES[os], run), name).toBe(0);
  });
});

describe('a rule that is wrong', () => {
  const [file = ''] = files.filter((name) => name.startsWith('matrix-linux-'));
  const run = matrixIn(file).runs['first'] as { uid: number };
  const { uid } = run;

  const asked = (change: Partial<Pick<Rule, 'bind' | 'listen' | 'receives'>>): Rule => ({ ...linux.rule, ...change });
  const existingAs = (change: object): Rule =>
    asked({
      bind: (existing, newcomer) =>
        linux.rule.bind(
          existing.map((one) => ({ ...one, ...change })),
          newcomer,
        ),
      listen: (existing, newcomer) =>
        linux.rule.listen(
          existing.map((one) => ({ ...one, ...change })),
          newcomer,
        ),
    });

  it.each<[mutation: string, rule: Rule]>([
    ['takes a listener for a bound socket', existingAs({ state: 'bound' })],
    ['does not ask whose a group is', existingAs({ uid })],
    ['takes a leftover for a connection of somebody', existingAs({ state: 'connected' })],
    ['forgets what an IPv6 connection of :: does to IPv4', existingAs({ ipv6Only: true })],
    ['asks nothing at listen()', asked({ listen: () => 'ok' })],
    [
      'gives to the oldest',
      asked({ receives: (sockets, target) => linux.rule.receives([...sockets].reverse(), target) }),
    ],
    ['spreads nothing', asked({ receives: (sockets, target) => linux.rule.receives(sockets, target)?.slice(0, 1) })],
    ['prefers no address', asked({ receives: (sockets) => sockets.slice(-1) })],
  ])('%s, and is caught', (_, rule) => {
    expect(wrongBy(rule, run)).toBeGreaterThan(0);
  });
});
