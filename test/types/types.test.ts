// The types of the package, as the compiler finds them in dist/: options.test-d.ts says what it must accept and refuse.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const manifest = createRequire(import.meta.url).resolve('typescript/package.json');

// Not by vitest's own `typecheck`, which warns in every run that it is an experiment.
it('TypeScript accepts and refuses what options.test-d.ts says', () => {
  const project = fileURLToPath(new URL('.', import.meta.url));
  const words = [join(dirname(manifest), 'bin/tsc'), '-p', project, '--pretty', 'false'];
  const { status, stdout } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  expect(stdout).toBe('');
  expect(status).toBe(0);
});
