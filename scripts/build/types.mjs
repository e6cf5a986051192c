// Rolls the declarations of lib/ up to one file for each entry, in which only the public names are visible.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';

const tsc = createRequire(import.meta.url)
  .resolve('typescript/package.json')
  .replace('package.json', 'bin/tsc');

// TypeScript before 5.2 knows no such symbol, and the libraries of many projects are older than that.
/** @param {string} name */
const symbol = (name) => `declare global {
  interface SymbolConstructor {
    readonly ${name}: unique symbol;
  }
}`;

/**
 * Writes index.d.cts, and the same for the other entries, which import the types of index.
 * @param {{ root: string, into: string, entries: string[] }} places
 */
export async function rollUp({ root, into, entries }) {
  const folder = join(root, 'dist.types');
  rmSync(folder, { recursive: true, force: true });
  const compile = [tsc, '-p', 'tsconfig.build.json', '--outDir', folder];
  const { status } = spawnSync(process.execPath, compile, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);

  mkdirSync(into, { recursive: true });
  for (const entry of ['index', ...entries]) {
    const declarations = await rolledUp(folder, entry);
    const symbols = ['dispose', 'asyncDispose'].filter((name) => declarations.includes(`[Symbol.${name}]`));
    const lines = [polished(declarations), ...symbols.map(symbol)];
    writeFileSync(join(into, `${entry}.d.cts`), `${lines.join('\n')}\n`);
  }
  rmSync(folder, { recursive: true, force: true });
}

// What is not in the folder of an entry is a type of index: one class BoundSocket, not two.
/**
 * @param {string} folder
 * @param {string} entry
 */
async function rolledUp(folder, entry) {
  const own = join(folder, entry);
  /** @type {import('rolldown').Plugin} */
  const others = {
    name: 'types-of-index',
    resolveId(source, importer) {
      if (entry === 'index' || importer === undefined || !source.startsWith('.')) return null;
      const path = resolve(dirname(importer), source);
      return path.startsWith(own) ? null : { id: './index.cjs', external: true };
    },
  };
  const build = await rolldown({
    input: { [entry]: `${own}.d.ts` },
    external: [/^node:/],
    plugins: [others, dts({ dtsInput: true, tsconfig: false })],
  });
  const { output } = await build.generate({ format: 'es' });
  await build.close();
  const [declarations] = output
    .filter((file) => file.type === 'chunk')
    .filter(({ fileName }) => fileName.endsWith('.d.ts'));
  return declarations.code;
}

// Default imports would need esModuleInterop in every program that compiles against this.
/** @param {string} code */
function polished(code) {
  return code
    .replace(/^\/\/ dist\.types\/.*\n|^\/\/#(end)?region.*\n/gm, '')
    .replace(/^import (\w+), (\{.*\}) from (".*");$/gm, 'import type * as $1 from $3;\nimport type $2 from $3;')
    .replace(/^import (\w+) from (".*");$/gm, 'import type * as $1 from $2;')
    .replace(/^import (\{.*\}) from (".*");$/gm, 'import type $1 from $2;');
}
