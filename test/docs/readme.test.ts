// What the README shows and says in figures is what was run and measured.
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { read, root } from '../fixtures/docs/markdown.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn } from '../fixtures/systems.ts';

const text = read('README.md');
const json = (name: string) => JSON.parse(readFileSync(`${root}bench/results/${name}`, 'utf8'));

describe('the README', () => {
  it('is read in a minute', () => {
    expect(text.split('\n').length - 1).toBeLessThanOrEqual(150);
  });

  it('says how often a port was taken as it was measured', () => {
    const { ways } = json('keeps-linux-x64.json') as { ways: Record<string, { taken: number; tries: number }> };
    const rows = [...text.matchAll(/^\| (.*?) \|.*?taken (\d+) of (\d+) times/gm)];
    expect(rows.length).toBe(5);
    for (const [row, name = '', taken, tries] of rows) {
      const found = Object.entries(ways).filter(([way]) =>
        way.startsWith(name.replace(/\*\*|`/g, '').split(' ')[0] as string),
      );
      expect(found, row).not.toEqual([]);
      for (const [, way] of found) expect(way, row).toMatchObject({ taken: Number(taken), tries: Number(tries) });
    }
    const migrating = read('docs/migrating.md');
    for (const { taken, tries } of Object.values(ways)) expect(migrating).toContain(`| ${taken} of ${tries} |`);
  });

  it('has the price of the benchmarks', () => {
    const benchmarks = read('docs/benchmarks.md');
    const [, calls, of, more] =
      /costs (\d+) system calls where Node makes (\d+), and ([\d.]+) µs more/.exec(text) ?? [];
    const callsOf = (name: string) => new RegExp(`^\\| ${name} +\\| (\\d+) `, 'm').exec(benchmarks)?.[1];
    expect([calls, of]).toEqual([
      callsOf('server.listen\\(new BoundSocket\\), 127.0.0.1'),
      callsOf('server.listen, 127.0.0.1'),
    ]);
    const median = (name: string) => Number(new RegExp(`^\\| ${name} +\\| ([\\d.]+) µs`, 'm').exec(benchmarks)?.[1]);
    const difference = median('server.listen\\(new BoundSocket\\), 127.0.0.1') - median('server.listen, 127.0.0.1');
    expect(Number(more)).toBeCloseTo(difference, 1);
  });

  it('has the attempts of the hijack suite', () => {
    const [, attempts] = /\) in ([\d,]+) attempts: under `full`/.exec(text) ?? [];
    const reliability = read('docs/reliability.md');
    expect(reliability).toContain(`**${attempts} attempts**`);
    expect(reliability).toMatch(/^\| connections and datagrams that another user got[^|]*\| \*\*0\*\* \|/m);
  });
});

// The picture is of Linux; the sentences of other systems are a little different.
describeOn('linux')('the picture of the README', () => {
  needs('IPv6');
  let drawn: [name: string, svg: string][];
  beforeAll(async () => {
    const { pictures } = await import(`${root}scripts/terminal-picture.mjs`);
    drawn = await pictures(ownPort());
  });

  it('is what a run shows now', () => {
    for (const [name, svg] of drawn) expect(readFileSync(`${root}docs/pictures/${name}`, 'utf8')).toBe(svg);
  });

  it('comes in both colours', () => {
    expect(drawn.map(([name]) => name).filter((name) => !text.includes(`docs/pictures/${name}`))).toEqual([]);
  });
});
