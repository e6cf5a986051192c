// What the scripts say of themselves, and the soak's verdict.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('scripts/environments.mjs', () => {
  const run = (...words: string[]) => {
    const args = ['scripts/environments.mjs', ...words];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    return { status, stdout, stderr };
  };

  it.each(['--help', '-h'])('prints its usage for %s', (word) => {
    const { status, stdout, stderr } = run(word);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage, as root: .*\n\n.*\nNAME: bare, private-folder, /);
  });

  it.each([[], ['nowhere'], ['constructor'], ['bare', '--nothing']])('refuses %j with it', (...words) => {
    const { status, stdout, stderr } = run(...words);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^environments\.mjs: .*\nUsage, as root: /);
    expect(stderr).not.toContain('    at ');
  });
});

interface Verdict {
  measure: string;
  from: number;
  to: number;
  isFlat: boolean;
}

const { judge, MEASURES } = (await import(`${root}scripts/soak/verdict.mjs`)) as {
  judge(samples: object[], warm: number): Verdict[];
  MEASURES: string[];
};

describe('the verdict of a soak', () => {
  const MIB = 2 ** 20;
  const samples = (more: (at: number) => object = () => ({})) =>
    Array.from({ length: 100 }, (_, at) => ({
      ...{
        seconds: at,
        rounds: at,
        rss: 60 * MIB,
        privateDirty: 20 * MIB,
        heap: 5 * MIB,
        descriptors: 20,
        threads: 11,
      },
      ...more(at),
    }));
  const growing = (more: (at: number) => object) =>
    judge(samples(more), 10).flatMap(({ measure, isFlat }) => (isFlat ? [] : [measure]));

  it('is flat where nothing grows, or only while it warms up, or for a moment', () => {
    expect(judge(samples(), 10).map(({ measure }) => measure)).toEqual(MEASURES);
    expect(growing(() => ({}))).toEqual([]);
    expect(growing((at) => (at < 10 ? { rss: at * MIB, descriptors: at } : {}))).toEqual([]);
    expect(growing((at) => (at === 50 ? { rss: 600 * MIB, descriptors: 99 } : {}))).toEqual([]);
  });

  it('is not where memory, a descriptor or a thread stays', () => {
    expect(growing((at) => ({ rss: (60 + at / 5) * MIB }))).toEqual(['rss']);
    expect(growing((at) => ({ privateDirty: (20 + at / 5) * MIB }))).toEqual(['privateDirty']);
    expect(growing((at) => ({ heap: (5 + at / 50) * MIB }))).toEqual(['heap']);
    expect(growing((at) => ({ descriptors: at < 60 ? 20 : 21 }))).toEqual(['descriptors']);
    expect(growing((at) => ({ threads: at < 60 ? 11 : 12 }))).toEqual(['threads']);
  });

  it('needs more than one sample', () => {
    expect(judge(samples().slice(0, 11), 10).every(({ isFlat }) => !isFlat)).toBe(true);
  });
});
