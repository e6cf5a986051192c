// What the benchmark of restarts makes of what its clients met: counted by code, from the release on, and told.
import { describe, expect, it } from 'vitest';

// Not by a literal: these modules have no types.
const bench = (name: string) => import(String(new URL(`../../bench/${name}`, import.meta.url)));
const { sumUp, columns, failures } = await bench('restart/summary.mjs');
const { lines, plots } = await bench('restart/report.mjs');
const { duration } = await bench('report/duration.mjs');

const OLD = 1;
const SUCCESSOR = 2;
const RELEASED = 1_000n;

describe('sumUp()', () => {
  const records = [
    { ended: 900n, pid: OLD },
    { ended: 950n, pid: SUCCESSOR },
    { ended: 1_100n, pid: OLD },
    { ended: 1_200n, code: 'ECONNRESET' },
    { ended: 1_300n, code: 'ECONNREFUSED' },
    { ended: 1_400n, code: 'ECONNREFUSED' },
    { ended: 1_700n, pid: SUCCESSOR },
    { ended: 1_600n, pid: SUCCESSOR },
  ];

  it('counts what ended after the release, failures by code', () => {
    const { requests, failed } = sumUp(records, { pid: SUCCESSOR, released: RELEASED });
    expect(requests).toBe(6);
    expect(failed).toEqual({ ECONNREFUSED: 2, ECONNRESET: 1 });
  });

  it('takes the first answer of the successor after the release, in whatever order answers came', () => {
    expect(sumUp(records, { pid: SUCCESSOR, released: RELEASED }).answered).toBe(600);
  });
});

const restart = (listening: number, failed: object) => ({
  listening,
  answered: 5e6,
  requests: 12,
  heldBack: 0,
  failed,
});
const killed = columns([restart(4e6, { ECONNRESET: 2 }), restart(2e6, {}), restart(3e6, { ECONNREFUSED: 1 })]);
const shared = columns([restart(-1e6, {}), restart(-2e6, {}), restart(-3e6, {})]);

describe('columns()', () => {
  it('has a figure of each restart in each list, and 0 for a code that was not met', () => {
    expect(killed.listening).toEqual([4e6, 2e6, 3e6]);
    expect(killed.failed).toEqual({ ECONNREFUSED: [0, 0, 1], ECONNRESET: [2, 0, 0] });
  });

  it('keeps what all failures of a restart need', () => {
    expect(failures(killed)).toEqual([2, 0, 1]);
    expect(failures(shared)).toEqual([0, 0, 0]);
  });
});

describe('the report', () => {
  const restarts = { killed, shared };
  const told = lines({ restarts, samples: {}, comparisons: [], leftOut: { other: 'takes linux' } }).join('\n');

  it('tells the failures of all requests, by code', () => {
    expect(told).toMatch(/killed .* 3 of 36 .* 1 ECONNREFUSED, 2 ECONNRESET/);
  });

  it('tells no time of one that listens before the release, and what was left out', () => {
    expect(told).toMatch(/\| shared +\| before /);
    expect(told).toContain('Left out: other (takes linux).');
  });

  it('plots one bar for each way', () => {
    for (const { x, series } of plots({ restarts })) {
      expect(x.categories).toEqual(['killed', 'shared']);
      for (const { points } of series) expect(points.map(([at]: number[]) => at)).toEqual([0, 1]);
    }
  });
});

describe('duration()', () => {
  it.each([
    [912, '0.91 µs'],
    [12_340, '12.3 µs'],
    [1_234_000, '1.23 ms'],
    [543_000_000, '543 ms'],
    [2_500_000_000, '2.50 s'],
  ])('writes %i ns as %s', (nanoseconds, text) => {
    expect(duration(nanoseconds)).toBe(text);
  });
});
