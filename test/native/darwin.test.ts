// What of native/darwin/ needs no macOS: its reading of the kernel's clock, compiled here.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { has, needs } from '../fixtures/needs.ts';
import { describeOn } from '../fixtures/systems.ts';

const path = (file: string) => fileURLToPath(new URL(`../../${file}`, import.meta.url));

describeOn('linux', 'darwin')('the clock of TCP timers on macOS', () => {
  needs('g++');
  let folder = '';

  beforeAll(() => {
    if (!has('g++')) return;
    folder = mkdtempSync(join(tmpdir(), 'exactbind-clock-'));
    const sources = [path('test/fixtures/darwin/clock.cpp'), path('native/darwin/pcblist.cpp')];
    const { status, stderr } = spawnSync('c++', ['-std=c++17', '-o', join(folder, 'clock'), ...sources]);
    expect(status, String(stderr)).toBe(0);
  });

  afterAll(() => {
    if (folder !== '') rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ['counts from a random start', [123, 2_000_000, 5_000_999], '3123'],
    ['is the uptime where the two numbers are one (macOS 26)', [7000, 7000, 9_000_500], '9000'],
    ['wraps around at 32 bits', [4_294_967_295, 0, 2000], '1'],
    ['is unknown where the start is yet to come', [123, 2_000_000, 1000], 'unknown'],
  ])('%s', (_, numbers, expected) => {
    const { stdout } = spawnSync(join(folder, 'clock'), numbers.map(String), { encoding: 'utf8' });
    expect(stdout.trim()).toBe(expected);
  });
});
