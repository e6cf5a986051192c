// The test projects: one for each folder in test/.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Where the files of tests tell each other which ports they have: test/fixtures/ports.ts.
const ports = mkdtempSync(join(tmpdir(), 'ports-'));
process.env.EXACTBIND_TEST_PORTS = ports;
process.once('exit', () => rmSync(ports, { recursive: true, force: true }));

// Tests use what is published: the compiled package, under its own name.
const alias = {
  'exactbind/handover': fileURLToPath(new URL('dist/handover.mjs', import.meta.url)),
  'exactbind/register': fileURLToPath(new URL('dist/register.cjs', import.meta.url)),
  exactbind: fileURLToPath(new URL('dist/index.mjs', import.meta.url)),
};

// A state that will come may come late on a busy machine.
const limits = { testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 20_000 } } };

const project = (name: string, more: object = {}) => ({
  resolve: { alias },
  test: { name, include: [`test/${name}/**/*.test.ts`], ...limits, ...more },
});

export default defineConfig({
  test: {
    pool: 'forks',
    // By itself vitest leaves one processor idle, which is half of two.
    maxWorkers: '100%',
    // Which files are in which sample of CI; a sweep runs them all (docs/testing.md).
    tags: [
      { name: 'node', description: 'Node itself has a part in it: runs on each version' },
      { name: 'windows', description: 'Windows has a part in it that Wine can play: runs as a Windows program' },
      { name: 'sanitize', description: 'runs under the sanitizers: its other processes only hold ports' },
    ],
    projects: [
      project('unit'),
      project('native'),
      // What only one system can run.
      ...(process.platform === 'linux' ? [project('linux'), project('hijack')] : []),
      ...(process.platform === 'win32' ? [project('windows')] : []),
      project('listen'),
      project('handover'),
      project('cli'),
      project('matrix'),
      project('docs'),
      project('package'),
      project('types'),
    ],
  },
});
