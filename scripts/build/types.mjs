// Rolls the declarations of lib/ up to one file, in which only the public names are visible.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';

const tsc = createRequire(import.meta.url)
  .resolve('typescript/package.json')
  .replace('package.json', 'bin/tsc');

// TypeScript before 5.2 knows no such symbol, and the libraries of many projects are older than that.
const DISPOSE = `declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}`;

/**
 * Writes index.d.cts.
 * @param {{ root: string, into: string }} where
 */
export async function rollUp({ root, into }) {
  const folder = join(root, 'dist.types');
  rmSync(folder, { recursive: true, force: true });
  const compile = [tsc, '-p', 'tsconfig.build.json', '--outDir', folder];
  const { status } = spawnSync(process.execPath, compile, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);

  const build = await rolldown({
    input: { index: join(folder, 'index.d.ts') },
    external: [/^node:/],
    plugins: [dts({ dtsInput: true, tsconfig: false })],
  });
  const { output } = await build.generate({ format: 'es' });
  await build.close();
  rmSync(folder, { recursive: true, force: true });
  const [rolled] = output.filter((file) => file.type === 'chunk' && file.fileName.endsWith('.d.ts'));
  if (rolled?.type !== 'chunk') throw new Error('no declarations were rolled up');
  mkdirSync(into, { recursive: true });
  writeFileSync(join(into, 'index.d.cts'), `${polished(rolled.code)}\n${DISPOSE}\n`);
}

/**
 * Default imports would need esModuleInterop of whoever compiles against this.
 * @param {string} code
 */
function polished(code) {
  return code
    .replace(/^\/\/ dist\.types\/.*\n|^\/\/#(end)?region.*\n/gm, '')
    .replace(/^import (\w+), (\{.*\}) from (".*");$/gm, 'import type * as $1 from $3;\nimport type $2 from $3;')
    .replace(/^import (\w+) from (".*");$/gm, 'import type * as $1 from $2;')
    .replace(/^import (\{.*\}) from (".*");$/gm, 'import type $1 from $2;');
}
