// A quick run of the benchmarks fails where a ratio is twice as bad as the committed one, and nowhere else; no figure is lost.
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

const bench = (file: string) => import(new URL(`../../bench/${file}`, import.meta.url).href);

const { check, verdict } = await bench('harness/baseline.mjs');
const { holding, kept, nearest } = await bench('harness/results.mjs');
const { families, groups, reports, chosen } = await bench('families.mjs');

/** Rounds whose ratio of `ours` to `theirs` is around one figure. */
function timed(ratio: number, more: object = {}, rounds = 20) {
  const theirs = Array.from({ length: rounds }, (_, round) => 10_000 + 100 * (round % 5));
  return {
    unit: 'ns',
    comparisons: [{ name: 'ours', baseline: 'theirs', ...more }],
    samples: { theirs, ours: theirs.map((one, round) => one * ratio * (1 + (round % 3) / 100)) },
  };
}

const REPORT = { title: '', note: '' };

describe('a quick run', () => {
  it('passes at 1.9 times the committed ratio, and fails beyond twice', () => {
    const committed = timed(1.2);
    expect(check(REPORT, timed(1.2 * 1.9), committed)).toEqual({ fine: 1, failures: [], left: [] });
    const { fine, failures } = check(REPORT, timed(1.2 * 2.1), committed);
    expect(fine).toBe(0);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatch(/^ours against theirs: 2\.5\dx \(.*\) is more than 2 times the committed 1\.2\dx$/);
  });

  it('passes what is faster, and is not failed by a few slow rounds', () => {
    const committed = timed(1.2);
    expect(check(REPORT, timed(0.3), committed).failures).toEqual([]);
    const noisy = timed(1.2);
    noisy.samples.ours = noisy.samples.ours.map((one, round) => (round % 2 === 0 ? one * 5 : one));
    expect(check(REPORT, noisy, committed).failures).toEqual([]);
    const few = timed(4, {}, 2);
    expect(check(REPORT, few, committed)).toMatchObject({
      fine: 0,
      failures: [],
      left: [expect.stringMatching(/2 rounds/)],
    });
  });

  it('fails half a ratio where more is better', () => {
    const more = { higherIsBetter: true };
    expect(check(REPORT, timed(20 / 1.9, more), timed(20, more)).failures).toEqual([]);
    expect(check(REPORT, timed(20 / 2.1, more), timed(20, more)).failures).toHaveLength(1);
    expect(check(REPORT, timed(60, more), timed(20, more)).failures).toEqual([]);
  });

  it('compares differences likewise, unless the committed one may be none', () => {
    const more = { difference: true };
    expect(check(REPORT, timed(2.8, more), timed(2, more)).failures).toEqual([]);
    expect(check(REPORT, timed(3.2, more), timed(2, more)).failures).toEqual([
      expect.stringMatching(
        /^ours against theirs: 2\d\.\d\d µs \(.*\) is more than 2 times the committed 1\d\.\d\d µs, 1\d\.\d\d µs at the pace of this run$/,
      ),
    ]);
    const slow = timed(2, more);
    for (const list of Object.values(slow.samples)) for (const round of list.keys()) (list[round] as number) *= 4;
    expect(check(REPORT, slow, timed(2, more)).failures).toEqual([]);
    const none = timed(1, more);
    expect(check(REPORT, timed(3, more), none)).toMatchObject({ fine: 0, failures: [], left: [expect.any(String)] });
  });

  it('leaves out what is bound to the machine where that is another one', () => {
    const more = { machineBound: true };
    expect(check(REPORT, timed(9, more), timed(1, more), { sameMachine: true }).failures).toHaveLength(1);
    const elsewhere = check(REPORT, timed(9, more), timed(1, more), { sameMachine: false });
    expect(elsewhere).toMatchObject({ fine: 0, failures: [], left: [expect.stringMatching(/of the machine/)] });
    expect(check(REPORT, timed(9), timed(1), { sameMachine: false }).failures).toHaveLength(1);
  });

  it('says what the committed results do not have', () => {
    expect(check(REPORT, timed(9), undefined).left).toHaveLength(1);
    expect(check(REPORT, timed(9), { skipped: 'no strace' }).left).toHaveLength(1);
    const other = { ...timed(1), samples: { theirs: [1], another: [1] } };
    expect(check(REPORT, timed(9), other)).toEqual({
      fine: 0,
      failures: [],
      left: ['ours against theirs: not in the committed results'],
    });
  });

  it('says how many of the committed ratios were not measured, and takes counts for what they are', () => {
    const committed = timed(1.2);
    committed.comparisons.push({ name: 'theirs', baseline: 'ours' });
    expect(check(REPORT, timed(1.2), committed)).toEqual({
      fine: 1,
      failures: [],
      left: ['1 of the committed ratios, not measured now'],
    });
    const counted = (ours: number) => timed(ours, { isExact: true }, 1);
    expect(check(REPORT, counted(2.5), counted(1)).failures).toHaveLength(1);
    expect(check(REPORT, counted(1.5), counted(1))).toEqual({ fine: 1, failures: [], left: [] });
  });

  it('fails a group that throws, and in CI one that is skipped and was measured before', () => {
    const stands = (now: object, before: object | undefined, isCi: boolean) =>
      verdict(REPORT, now, before, { sameMachine: true, isCi }).count;
    const skipped = { group: { skipped: 'no wrk' } };
    expect(stands({ error: new Error('thrown') }, timed(1), false)).toBe('failed');
    expect(stands(skipped, timed(1), true)).toBe('failed');
    expect(stands(skipped, timed(1), false)).toBe('skipped');
    expect(stands(skipped, { skipped: 'no wrk' }, true)).toBe('skipped');
    expect(stands(skipped, undefined, true)).toBe('skipped');
    expect(stands({ group: timed(1) }, timed(1), true)).toBe('passed');
    expect(stands({ group: timed(3) }, timed(1), true)).toBe('failed');
  });

  it('is not ended by what one group throws in a callback or leaves rejected', () => {
    const module = new URL('../../bench/harness/attempt.mjs', import.meta.url).href;
    const faults = [
      '() => { throw new Error("thrown"); }',
      '() => new Promise(() => setImmediate(() => { throw new Error("called"); }))',
      '() => new Promise(() => { Promise.reject(new Error("rejected")); })',
    ];
    const messages = faults.map((run) => `(await attempt(${run})).error.message`);
    const code = `import { attempt } from ${JSON.stringify(module)};
      setInterval(() => {}, 1000);
      console.log(${messages.join(', ')}, (await attempt(async () => 1)).value);
      process.exit();`;
    const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
    expect([stdout, status]).toEqual(['thrown called rejected 1\n', 0]);
  });

  it('takes the results of the same version of Node, else of the nearest, and of no other system', () => {
    const names = ['22.1.0', '24.9.0', '24.11.0', '26.0.0'].map((node) => `linux-x64-node${node}.json`);
    const like = (node: string, arch = 'x64') => nearest({ os: 'linux', arch, node }, names);
    expect(like('v24.9.0')).toBe('linux-x64-node24.9.0.json');
    expect(like('v24.2.0')).toBe('linux-x64-node24.9.0.json');
    expect(like('v20.1.0')).toBe('linux-x64-node22.1.0.json');
    expect(like('v28.0.0')).toBe('linux-x64-node26.0.0.json');
    expect(like('v24.9.0', 'arm64')).toBeUndefined();
  });
});

describe('the results to compare with', () => {
  it('are those that hold the group, measured', () => {
    const files: Record<string, object> = {
      some: { groups: { upgrades: {} } },
      all: { groups: { upgrades: {}, listen: {} } },
      without: { groups: { listen: { skipped: 'no wrk' } } },
    };
    const found = (group: string) => holding(group, [...Object.keys(files), 'none'], (name: string) => files[name]);
    expect(found('listen')).toEqual(['all']);
    expect(found('upgrades')).toEqual(['some', 'all']);
    expect(found('wake')).toEqual([]);
  });
});

describe('the results of a machine', () => {
  const machine = { os: 'linux', arch: 'x64', cpu: 'this one', node: 'v24.0.0' };
  const before = { machine, groups: { listen: {}, wake: {} } };
  const elsewhere = { ...before, machine: { ...machine, cpu: 'another' } };

  it('stay beside what is measured again', () => {
    expect(kept(before, { ...machine }, { all: false, replace: false })).toEqual({ groups: before.groups });
  });

  it('are lost to those of another machine only where that is asked for', () => {
    const { refused } = kept(elsewhere, machine, { all: false, replace: false });
    expect(refused).toContain('bench/results/linux-x64-node24.0.0.json');
    expect(refused).toContain('listen, wake');
    expect(refused).toContain('--replace');
    expect(kept(elsewhere, machine, { all: false, replace: true })).toEqual({ groups: {} });
    expect(kept(elsewhere, machine, { all: true, replace: false })).toEqual({ groups: {} });
  });
});

describe('the groups', () => {
  it('are each of one family, and each is in the docs', () => {
    const names = Object.values(families).flat();
    expect(names).toEqual(Object.keys(groups));
    expect(Object.keys(reports)).toEqual(names);
  });

  it('are chosen by family or by name', () => {
    expect(chosen([])).toEqual(Object.keys(groups));
    expect(chosen(['peers', 'listen', 'accuracy'])).toEqual([...families.peers, 'listen']);
    expect(chosen(['listen', 'nothing'])).toBeUndefined();
    expect(chosen(['toString'])).toBeUndefined();
  });
});
