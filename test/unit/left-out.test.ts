// What a machine lacks is said in one line, counted, and a fault where nothing may be left out.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { itOn } from '../fixtures/systems.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { sumUp } = (await import(`${root}scripts/left-out.mjs`)) as {
  sumUp(lacking: readonly Record<string, string>[]): string;
};

describe('the line about what was left out', () => {
  it('counts the tests, and names each thing and each command once', () => {
    const python3 = 'apt install python3';
    const lacking = [
      { python3 },
      { python3, 'another user': 'run as root' },
      { strace: 'apt install strace' },
      { 'another network': 'run as root' },
    ];
    expect(sumUp(lacking)).toBe(
      '4 left out: python3, another user, strace, another network (apt install python3 strace; run as root)',
    );
    expect(sumUp([])).toBe('');
  });

  itOn('linux')('ends a run without Python, which passes unless nothing may be left out', () => {
    const words = [
      'scripts/test.mjs',
      '--project',
      'listen',
      'test/listen/udp.test.ts',
      '-t',
      'cannot be stolen, neither',
    ];
    const end = (env: object) => {
      const options = { cwd: root, encoding: 'utf8', env: { PATH: `${root}docs`, ...env } } as const;
      const { status, stdout } = spawnSync(process.execPath, words, options);
      return { status, last: stdout.trim().split('\n').at(-1) };
    };
    const last = '1 left out: python3 (apt install python3)';
    expect(end({})).toEqual({ status: 0, last });
    expect(end({ EXACTBIND_NOTHING_LEFT_OUT: '1' })).toEqual({ status: 1, last });
  });
});

describe('every test that can be left out', () => {
  it('says what it needs: none is skipped in another way', () => {
    const files = (readdirSync(`${root}test`, { recursive: true }) as string[]).filter((path) => path.endsWith('.ts'));
    const skips = files.filter((path) =>
      /\b(context\.skip|(it|describe|test)\.(skip|skipIf|runIf|todo))\b/.test(
        readFileSync(`${root}test/${path}`, 'utf8'),
      ),
    );
    expect(skips.filter((path) => path !== 'package/package.test.ts')).toEqual([]);
  });
});
