// Every system call of every public call fails in turn: a code each, and nothing stays open or bound.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'exactbind-'));
const library = join(folder, 'faults.so');
const state = join(folder, 'state');

function compile(): void {
  const source = file('../fixtures/hijack/faults.c');
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', library, source];
  const { status, stderr } = spawnSync(process.env['CC'] ?? 'cc', flags, { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  writeFileSync(state, '');
  truncateSync(state, 4096);
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a system call that fails', () => {
  it.for([['public calls', 'calls', 1000] as const, ['exactbind/register', 'hook', 100] as const])(
    'is a code of %s, and nothing is left',
    { timeout: 300_000 },
    ([, mode, least]) => {
      needs('gcc');
      compile();
      // It counts up from there, two thousand times.
      const args = [file('../fixtures/hijack/faults.mjs'), file('../../dist'), mode, String(ownPort() + 10_000)];
      const env = { ...process.env, EXACTBIND_FAULTS: state, LD_PRELOAD: library };
      const { stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8', timeout: 290_000 });
      expect(stderr).toBe('');
      const { injected, wrong } = JSON.parse(stdout) as { injected: number; wrong: string[] };
      console.log(`${mode}: ${injected} injected, ${wrong.length} wrong`);
      expect(wrong).toEqual([]);
      expect(injected).toBeGreaterThan(least);
    },
  );
});
