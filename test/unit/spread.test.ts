// What the benchmark of one port with several processes computes: fairness, what wrk prints, who takes part, what it reports.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

interface PlotSpec {
  name: string;
  series: { name: string; points: number[][] }[];
}

const bench = fileURLToPath(new URL('../../bench/spread/', import.meta.url));
const { fairness } = (await import(`${bench}fairness.mjs`)) as { fairness: (served: number[]) => object };
const { crossCheck, parseWrk } = await import(`${bench}wrk.mjs`);
const { BASELINE, hasReusePort, sampleName } = await import(`${bench}variants.mjs`);
const { lines, plots } = (await import(`${bench}report.mjs`)) as {
  lines: (group: object) => string[];
  plots: (group: object) => PlotSpec[];
};

describe('fairness', () => {
  it.each([
    ['everybody serves the same', [5, 5, 5, 5], { busiest: 1, idlest: 1, jain: 1 }],
    ['one serves everything', [12, 0, 0, 0], { busiest: 4, idlest: 0, jain: 1 / 4 }],
    ['one is alone', [7], { busiest: 1, idlest: 1, jain: 1 }],
    ['one serves three times as much', [3, 1], { busiest: 1.5, idlest: 0.5, jain: 16 / 20 }],
  ])('where %s', (_, served, expected) => {
    expect(fairness(served)).toEqual(expected);
  });

  it('is nothing where nothing was served', () => {
    expect(() => fairness([0, 0])).toThrow(RangeError);
  });
});

const printed = (...failures: string[]) =>
  [
    'Running 2s test @ http://127.0.0.1:33981/',
    '  1 threads and 64 connections',
    '  Thread Stats   Avg      Stdev     Max   +/- Stdev',
    '    Latency    16.48ms   34.91ms 242.66ms   89.97%',
    '    Req/Sec    12.30k     9.10k   25.40k    75.00%',
    '  4882 requests in 403.08ms, 591.18KB read',
    ...failures,
    'Requests/sec:  12111.80',
    'Transfer/sec:      1.43MB',
    '',
  ].join('\n');

describe('what wrk prints', () => {
  it('is requests and a rate', () => {
    expect(parseWrk(printed())).toEqual({ requests: 4882, perSecond: 12111.8 });
  });

  it.each([
    ['  Socket errors: connect 0, read 3, write 0, timeout 0', /Socket errors: connect 0, read 3/],
    ['  Non-2xx or 3xx responses: 17', /Non-2xx or 3xx responses: 17/],
  ])('is an error with "%s"', (line, message) => {
    expect(() => parseWrk(printed(line))).toThrow(message);
  });

  it.each([
    ['nothing', ''],
    ['no rate', printed().replace(/^Requests.*$/m, '')],
    ['a rate that is no number', printed().replace('12111.80', '-nan')],
    ['no requests', printed().replace('4882', '0')],
  ])('is an error with %s', (_, text) => {
    expect(() => parseWrk(text)).toThrow(/no figures/);
  });
});

describe('the counts of workers and of wrk', () => {
  it.each([
    [[60, 40], 100],
    [[60, 48], 100],
  ])('%j are those of %i requests and four connections', (served, requests) => {
    expect(() => crossCheck(served, requests, 4)).not.toThrow();
  });

  it.each([
    [[60, 39], 100],
    [[60, 49], 100],
  ])('%j are not those of %i requests and four connections', (served, requests) => {
    expect(() => crossCheck(served, requests, 4)).toThrow(/60 \+ /);
  });
});

it.each([
  ['20.20.2', false],
  ['22.11.0', false],
  ['22.12.0', true],
  ['23.0.0', false],
  ['23.1.0', true],
  ['24.0.0', true],
])('Node %s has reusePort: %s', (version, has) => {
  expect(hasReusePort(version)).toBe(has);
});

describe('the report', () => {
  const OTHER = 'other';
  const LOAD = 'keep-alive';
  const run = (variant: string, workers: number, requestsPerSecond: number[], jain: number) => ({
    variant,
    workers,
    load: LOAD,
    requestsPerSecond,
    fairness: { busiest: [1.5, 1.5, 1.75], idlest: [0.5, 0.5, 0.25], jain: [jain, jain, jain] },
  });
  const runs = [
    run(BASELINE, 1, [1000, 1000, 1000], 1),
    run(BASELINE, 2, [1000, 2000, 4000], 1),
    run(OTHER, 2, [2000, 4000, 8000], 0.8),
  ];
  const samples = Object.fromEntries(runs.map((one) => [sampleName(one), one.requestsPerSecond.map((n) => 1e9 / n)]));
  const group = { runs, samples, leftOut: { gone: 'a reason' }, wrk: '4', cpus: 2, connections: 64, threads: 1 };
  const cells = (text: string) => text.split('|').map((cell) => cell.trim());

  it('has ratios of what is served, within a round', () => {
    const row = lines({ ...group, milliseconds: 400, rounds: 3 }).find((line) => /^\| 2 +\| other/.test(line)) ?? '';
    expect(cells(row).slice(3)).toEqual(['4,000', '2,400 – 7,200', '2.00x', '2.00x – 2.00x', '2.00x – 2.00x', '']);
  });

  it('has no ratio of the baseline', () => {
    const rows = lines(group).filter((line) => line.includes(`| ${BASELINE} `) && line.includes('00'));
    expect(rows.slice(0, 2).map((row) => cells(row).slice(-4))).toEqual([
      ['', '', '', ''],
      ['', '', '', ''],
    ]);
  });

  it('has the shares of several workers, and the worst of them', () => {
    const table = lines(group).filter((line) => /^\| \d/.test(line));
    expect(table).toHaveLength(5);
    expect(cells(table.at(-1) ?? '').slice(1, -1)).toEqual([
      '2',
      OTHER,
      '1.50x',
      '1.75x',
      '0.50x',
      '0.25x',
      '0.800',
      '0.800',
    ]);
  });

  it('says what is left out', () => {
    expect(lines(group)).toContain('\nLeft out: gone (a reason).');
  });

  it('has plots with the median between its quantiles', () => {
    const [throughput, even] = plots(group);
    expect([throughput?.name, even?.name]).toEqual(['spread-throughput-keep-alive', 'spread-fairness-keep-alive']);
    expect(throughput?.series.map(({ name }) => name)).toEqual([BASELINE, OTHER]);
    expect(throughput?.series[0]?.points).toEqual([
      [1, 1000, 1000, 1000],
      [2, 2000, 1200, 3600],
    ]);
    expect(even?.series[1]?.points).toEqual([[2, 0.8, 0.8, 0.8]]);
  });
});
