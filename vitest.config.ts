// The test projects: one for each folder in test/.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Tests use what is published: the compiled package, under its own name.
const alias = {
  'exactbind/register': fileURLToPath(new URL('dist/register.cjs', import.meta.url)),
  exactbind: fileURLToPath(new URL('dist/index.js', import.meta.url)),
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
    projects: [
      project('unit'),
      project('native'),
      project('listen'),
      project('cli'),
      project('matrix'),
      project('hijack'),
      project('package'),
      project('types', { typecheck: { enabled: true, only: true, include: ['test/types/**/*.test-d.ts'] } }),
    ],
  },
});
