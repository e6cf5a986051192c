// System calls that fail, are interrupted, or stand still in a thread that ends: a code each, or the truth; nothing stays open.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { needs } from '../fixtures/needs.ts';

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const fixture = (name: string) => file(`../fixtures/hijack/${name}`);
const folder = mkdtempSync(join(tmpdir(), 'exactbind-'));
const state = join(folder, 'state');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A library to preload, and a file that it and the program map. */
function compile(source: string): string {
  needs('gcc');
  const library = join(folder, `${source}.so`);
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', library, fixture(source)];
  const { status, stderr } = spawnSync(process.env['CC'] ?? 'cc', flags, { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  writeFileSync(state, '');
  truncateSync(state, 4096);
  return library;
}

// Each counts up from its first port, one for each attempt: below what ownPort() gives to any file of tests.
const FIRST_PORTS = { calls: '2000', hook: '5000', threads: '5500', workers: '7500', storm: '8500' } as const;

/** With EXACTBIND_KEEP, where docs/reliability.md has its figures from (scripts/hijack/page.mjs). */
function keep(name: string, figures: object): void {
  if (process.env['EXACTBIND_KEEP'] === undefined) return;
  const path = file('../../bench/results/faults-linux-x64.json');
  const known = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  const { injected, wrong } = figures as Faults;
  const counts = injected === undefined ? figures : { injected, wrong: wrong.length };
  writeFileSync(path, `${JSON.stringify({ ...known, [name]: counts }, undefined, 2)}\n`);
}

interface Faults {
  injected: number;
  wrong: string[];
}

function run(program: string, mode: keyof typeof FIRST_PORTS): Faults {
  const library = compile('faults.c');
  const args = [fixture(program), file('../../dist'), mode, FIRST_PORTS[mode]];
  const env = { ...process.env, EXACTBIND_FAULTS: state, LD_PRELOAD: library };
  const timeout = process.env['EXACTBIND_ALL_FAULTS'] === '1' ? 3_500_000 : 890_000;
  const { stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8', timeout });
  expect(stderr).toBe('');
  const found = JSON.parse(stdout) as Faults;
  console.log(`faults: ${mode}: ${found.injected} injected, ${found.wrong.length} wrong`);
  keep(mode, found);
  return found;
}

const timeout = process.env['EXACTBIND_ALL_FAULTS'] === '1' ? 3_600_000 : 900_000;

describe('a system call that fails', () => {
  it.for([
    ['public calls', 'faults.mjs', 'calls', 1500] as const,
    ['exactbind/register', 'faults.mjs', 'hook', 100] as const,
    ['the threads that look and wait', 'thread-faults.mjs', 'threads', 400] as const,
  ])('is a code of %s, or the truth, and nothing is left', { timeout }, ([, program, mode, least]) => {
    const { injected, wrong } = run(program, mode);
    expect(wrong).toEqual([]);
    expect(injected).toBeGreaterThan(least);
  });
});

describe('a worker thread', () => {
  it('can be terminated inside every system call, and leaves nothing', { timeout }, () => {
    const { injected, wrong } = run('terminated.mjs', 'workers');
    expect(wrong).toEqual([]);
    expect(injected).toBeGreaterThan(40);
  });
});

describe('a storm of signals', () => {
  it('changes nothing, and nothing is lost or left', { timeout }, () => {
    const library = compile('storm.c');
    const env = { ...process.env, EXACTBIND_STORM: state, LD_PRELOAD: library };
    const args = [fixture('storm.mjs'), FIRST_PORTS.storm, '22'];
    const { stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8', timeout });
    expect(stderr).toBe('');
    const { scenes, wrong, left } = JSON.parse(stdout) as { scenes: number; wrong: string[]; left: number };
    const signals = readFileSync(state).readInt32LE(0);
    console.log(`storm: ${signals} signals in ${scenes} scenes, ${wrong.length} wrong`);
    keep('storm', { signals, scenes, wrong: wrong.length, left });
    expect({ scenes, wrong, left }).toEqual({ scenes: 110, wrong: [], left: 0 });
    expect(signals).toBeGreaterThan(2000);
  });
});
