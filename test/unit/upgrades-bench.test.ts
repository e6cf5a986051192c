// What the benchmark of upgrades makes of what its clients met: counted by code, told as so many of so many, and drawn.
import { describe, expect, it } from 'vitest';

// Not by a literal: these modules have no types.
const bench = (name: string) => import(String(new URL(`../../bench/${name}`, import.meta.url)));
const { withMeasured } = await bench('upgrades/measured.mjs');
const { failuresOf, lines, plots } = await bench('upgrades/report.mjs');

const met = {
  'keep-alive 0': { answered: 1000, failed: { ECONNRESET: 3, REFUSED_STREAM: 7 } },
  'keep-alive 60': { answered: 90, failed: {} },
  'close 0': { answered: 900, failed: { ECONNREFUSED: 5, ETIMEDOUT: 1, CUT: 1 } },
};

const HTTP = { way: 'close, then listen', kind: 'http', met, gaps: [20, 31.4] };
const HTTP2 = {
  ...HTTP,
  way: 'listenOrTake()',
  kind: 'http2',
  met: { 'keep-alive 0': { answered: 9, failed: { REFUSED_STREAM: 2 } } },
};

/** The cells of the first row that begins so. */
function cells(list: string[], start: string): string[] {
  const row = list.find((line) => line.startsWith(`| ${start}`)) ?? '';
  return row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

describe('failuresOf()', () => {
  it('adds up what failed by code, and takes a refused stream for neither a failure nor an answer', () => {
    expect(failuresOf(met)).toEqual({
      failed: 10,
      codes: { ECONNRESET: 3, ECONNREFUSED: 5, ETIMEDOUT: 1, CUT: 1 },
      refusedStreams: 7,
      all: 2000,
    });
  });
});

describe('the page', () => {
  const told = lines({ outcomes: [HTTP, HTTP2], versions: { pm2: '7.0.4' }, leftOut: {} });

  it('says how many of how many failed, of what, and how long nobody answered', () => {
    const row = ['2', '10 of 2,000', '5', '4', '1 ETIMEDOUT', '', '26 ms', '31 ms'];
    expect(cells(told, 'close, then listen, http')).toEqual(['close, then listen, http', ...row]);
    expect(cells(told, 'listenOrTake(), http2').slice(2, 7)).toEqual(['0 of 9', '0', '0', '', '2']);
    expect(told).toContain('pm2 7.0.4.');
  });

  it('says it of each kind of client, and nothing of a kind that was not there', () => {
    const rest = told.slice(told.findIndex((line: string) => line.startsWith('| failed of all')));
    const row = ['3 of 1,003', '0 of 90', '7 of 907'];
    expect(cells(rest, 'failed of all').slice(1)).toEqual(['keep-alive 0 ms', 'keep-alive 60 ms', 'close 0 ms']);
    expect(cells(rest, 'close, then listen').slice(1)).toEqual(row);
    expect(cells(rest, 'listenOrTake()').slice(1)).toEqual(['0 of 9', '', '']);
  });

  it('sets throughput beside that of a plain start, before and after', () => {
    const rates = { own: [200, 220, 210], plain: [100, 110, 105] };
    const list = lines({ outcomes: [{ ...HTTP, before: rates, after: rates, renewed: rates }], leftOut: {} });
    for (const when of ['before', 'after 2 upgrades', 'after one more'])
      expect(cells(list, `close, then listen, ${when}`).slice(1, 4)).toEqual(['210', '105', '2.00x']);
  });

  it('draws losses for each kind of connection, and gaps, of http alone', () => {
    const [failures, gaps] = plots({ outcomes: [HTTP, HTTP2] });
    expect(failures.series.map(({ points }: { points: unknown }) => points)).toEqual([
      [['close, then listen', 1.5]],
      [['close, then listen', 3.5]],
    ]);
    expect(gaps.series[0].points[0].slice(0, 2)).toEqual(['close, then listen', 25.7]);
  });
});

describe('the page of restarts', () => {
  const [begin, end] = [
    '<!-- measured: bench/report/page.mjs writes this from bench/results/ -->',
    '<!-- measured: end -->',
  ];
  const samples = {
    'takeSockets(), to the first answer': [31e6, 32e6, 90e6],
    'server.listen(), to the first answer': [9e6, 10e6, 11e6],
  };
  const results = (node: string, outcomes?: object[]) => ({
    machine: { node },
    groups: outcomes === undefined ? {} : { upgrades: { outcomes, leftOut: {} }, 'upgrade-time': { samples } },
  });

  it('adds up all versions of Node, between its two comments alone', () => {
    const all = [results('v20.1.0', [HTTP, HTTP2]), results('v22.0.0'), results('v24.2.0', [HTTP, HTTP2])];
    const page = withMeasured(`before\n${begin}\nstale\n${end}\nafter\n`, all);
    expect(page.startsWith(`before\n${begin}\n\nRequests`)).toBe(true);
    expect(page.endsWith(`\n\n${end}\nafter\n`)).toBe(true);
    expect(page).not.toContain('stale');
    expect(page).toContain('Node 20.1.0, 24.2.0 together');
    const list = page.split('\n');
    expect(cells(list, 'close, then').slice(1)).toEqual(['4', '20 of 4,000', '', '', '26 ms']);
    expect(cells(list, '**listenOrTake()**').slice(1)).toEqual(['4', '', '', '0 of 18', '26 ms']);
    expect(page).toContain('to the first answer of the new process: 32 ms (Node 20.1.0), 32 ms (Node 24.2.0).');
    expect(page).toContain('of a plain process: 10 ms (Node 20.1.0), 10 ms (Node 24.2.0).');
    expect(withMeasured(page, all)).toBe(page);
  });

  it('is no page without them', () => {
    expect(() => withMeasured('text', [])).toThrow(/measured/);
  });
});
