// Compiles lib/ to dist/: declarations file by file, and the code as few modules, because each one costs at import.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = createRequire(import.meta.url)
  .resolve('typescript/package.json')
  .replace('package.json', 'bin/tsc');

async function bundle(options, output) {
  const build = await rolldown({ cwd: root, platform: 'node', ...options });
  await build.write({ dir: `${root}dist`, comments: false, ...output });
  await build.close();
}

rmSync(`${root}dist`, { recursive: true, force: true });
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

await bundle(
  { input: { index: 'lib/index.ts', hook: 'lib/adopt/hook.ts' }, external: [/^node:/] },
  { format: 'esm', chunkFileNames: 'core.js' },
);
// register is CommonJS, and requires the hook as the ES module it is.
await bundle(
  { input: { register: 'lib/register.cts' }, external: [/hook\.ts$/] },
  { format: 'cjs', entryFileNames: 'register.cjs', paths: (id) => (id.endsWith('hook.ts') ? './hook.js' : id) },
);
