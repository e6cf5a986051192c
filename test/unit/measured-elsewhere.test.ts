// What others have measured on Windows and macOS, each point beside what the rule says: no disagreement without a reason.
import { describe, expect, it } from 'vitest';
import { ADDRESSES, type CellAddress, type CellSharing, type CellState } from '../../matrix/cells.ts';
import { predict } from '../../matrix/predict.ts';
import { MATRIX_RULES } from '../../matrix/systems.ts';
import data from './data/measured-elsewhere.json' with { type: 'json' };

interface Row {
  readonly id: string;
  readonly system: 'Windows' | 'macOS';
  readonly protocol?: 'tcp' | 'udp';
  /** The first and the second socket: address, options and, of the first, its state. */
  readonly pairs?: readonly (readonly [first: string, second: string])[];
  readonly measured: string;
  /** Why the rule is right all the same. */
  readonly disagrees?: string;
  /** The test of what is no pair of sockets. */
  readonly elsewhere?: string;
  readonly grade: string;
  readonly source: string;
}

const rows = data.rows as unknown as readonly Row[];
const pairs = rows.flatMap((row) => (row.pairs ?? []).map(([first, second]) => ({ ...row, first, second })));

const SOCKET = /^(.+?) (none|reuse-address|reuse-port|both|exclusive)(?: (.+))?$/;

function socketIn(words: string) {
  const [, address, sharing, state] = SOCKET.exec(words) ?? [];
  return { address: address as CellAddress, sharing: sharing as CellSharing, state: state as CellState };
}

const OWN = 501;

/** What the rule says of a pair: `ok`, with who receives if the measurement tells, or the code. */
function predicted({ system, protocol = 'tcp', first, second, measured }: (typeof pairs)[number]): string {
  const rule = MATRIX_RULES[system === 'macOS' ? 'darwin' : 'windows'];
  const machine = { addresses: ADDRESSES, own: OWN, other: OWN };
  const two = { ...socketIn(second), owner: 'other-process' as const };
  const { bind, receives } = predict(rule, protocol, socketIn(first), two, machine);
  if (measured === 'refused') return ['EADDRINUSE', 'EACCES'].includes(bind) ? 'refused' : bind;
  return bind === 'ok' && measured.includes(',') ? `ok, ${receives}` : bind;
}

describe('the data points', () => {
  it('are all there, each with its grade and its source', () => {
    expect(rows.filter(({ system }) => system === 'Windows').length).toBeGreaterThan(35);
    expect(rows.filter(({ system }) => system === 'macOS').length).toBeGreaterThan(25);
    for (const { id, grade, source, pairs: own, elsewhere } of rows) {
      expect(grade, id).toMatch(/^[TRr]$/);
      expect(source, id).not.toBe('');
      // What is no pair says where else it is tested.
      expect(own === undefined, id).toBe(elsewhere !== undefined);
    }
    for (const { id, first, second } of pairs) {
      for (const words of [first, second]) {
        const { address, sharing } = socketIn(words);
        expect(ADDRESSES, id).toContain(address);
        expect(sharing, id).toBeDefined();
      }
      expect(socketIn(first).state, id).toBeDefined();
    }
  });

  const agreeing = pairs.filter(({ disagrees }) => disagrees === undefined);
  it.each(agreeing)('$id: $system $first <- $second: $measured', (pair) => {
    expect(predicted(pair)).toBe(pair.measured);
  });

  const others = pairs.filter(({ disagrees }) => disagrees !== undefined);
  it.each(others)('$id is not what the rule says, because $disagrees', (pair) => {
    expect(predicted(pair)).not.toBe(pair.measured);
  });

  it('are at odds with the rule in two points alone', () => {
    expect(others.map(({ id }) => id)).toEqual(['M19', 'M24b']);
  });
});
