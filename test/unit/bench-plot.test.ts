// A plot of the benchmarks has the same bytes for the same data, whatever was drawn before it, and everything it is to show.
import { describe, expect, it } from 'vitest';

const { svgOf, altOf } = await import(new URL('../../bench/report/plot.mjs', import.meta.url).href);

const BARS = {
  name: 'bars',
  kind: 'bar',
  title: 'Asking & answering',
  x: { name: '', categories: ['one', 'another\nof two lines'] },
  y: { name: 'ms: median, p10 – p90', log: true },
  series: [
    {
      name: 'measured',
      points: [
        ['one', 2, 1, 4],
        [1, 30, 0, 40],
      ],
    },
    { name: 'target', mark: true, points: [['one', 3]] },
  ],
};

const LINES = {
  name: 'lines',
  kind: 'line',
  title: 'Growing',
  x: { name: 'sockets', log: true },
  y: { name: 'µs' },
  series: [
    {
      name: 'ours',
      points: [
        [1, 2, 1, 3],
        [100, 3, 2, 5],
      ],
    },
    {
      name: 'theirs',
      points: [
        [1, 4, 3, 5],
        [100, 300.123, 200, 450],
      ],
    },
  ],
};

describe('a plot', () => {
  it('has the same bytes whatever was drawn before', () => {
    const first = [svgOf(BARS), svgOf(LINES)];
    const second = [svgOf(LINES), svgOf(LINES), svgOf(BARS)];
    expect(second).toEqual([first[1], first[1], first[0]]);
  });

  it.each([BARS, LINES])('shows its title, its axes and its series on white: $name', (spec) => {
    const svg = svgOf(spec);
    for (const text of [spec.y.name, spec.x.name, ...spec.series.map(({ name }) => name)]) expect(svg).toContain(text);
    expect(svg).toContain(spec.title.replace('&', '&amp;'));
    expect(svg).toMatch(/<rect [^>]*fill="#ffffff"/);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('has words for those who do not see it', () => {
    expect(altOf(BARS)).toBe('Asking & answering, ms: median, p10 – p90: measured; target');
    expect(altOf(LINES)).toBe('Growing, µs, over sockets: ours; theirs');
  });
});
