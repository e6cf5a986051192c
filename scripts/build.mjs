// Compiles lib/ to dist/: declarations file by file, and the code as few modules, because each one costs at import.
import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = createRequire(import.meta.url)
  .resolve('typescript/package.json')
  .replace('package.json', 'bin/tsc');

// What is there stays whole until all of it can be replaced.
const dist = `${root}dist`;
const next = `${root}dist.next`;

/**
 * @param {import('rolldown').InputOptions} options
 * @param {import('rolldown').OutputOptions} output
 */
async function bundle(options, output) {
  const build = await rolldown({ cwd: root, platform: 'node', ...options });
  const { output: written } = await build.write({ dir: next, comments: false, ...output });
  await build.close();
  return written.flatMap((one) => (one.type === 'chunk' ? one.moduleIds : []));
}

rmSync(next, { recursive: true, force: true });
const compile = [tsc, '-p', 'tsconfig.build.json', '--outDir', next];
const { status } = spawnSync(process.execPath, compile, { cwd: root, stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

await bundle(
  { input: { index: 'lib/index.ts', door: 'lib/door.ts', hook: 'lib/adopt/hook.ts' }, external: [/^node:/] },
  { format: 'esm', chunkFileNames: 'core.js' },
);
// register is CommonJS, and requires the hook as the ES module it is.
await bundle(
  { input: { register: 'lib/register.cts' }, external: [/hook\.ts$/] },
  { format: 'cjs', entryFileNames: 'register.cjs', paths: (id) => (id.endsWith('hook.ts') ? './hook.js' : id) },
);
// They enter the library by its door, when they have something to ask: without a binary, the command can still say so.
const inCommand = await bundle(
  { input: { cli: 'cli/main.ts', matrix: 'matrix/index.ts' }, external: [/^node:/, /lib\/door\.ts$/] },
  {
    format: 'esm',
    paths: (id) => (id.endsWith('lib/door.ts') ? './door.js' : id),
    chunkFileNames: 'cli-[name].js',
  },
);
// What others wrote is in the command, and so are their licences.
const packages = [...new Set(inCommand.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id) ?? []))].sort();
const licences = packages.map((folder) => {
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  return `${folder.replace(/^.*\/node_modules\//, '')}\n\n${readFileSync(`${folder}/${file}`, 'utf8').trim()}\n`;
});
writeFileSync(`${next}/THIRD-PARTY-LICENSES.txt`, licences.join(`\n${'-'.repeat(80)}\n\n`));
chmodSync(`${next}/cli.js`, 0o755);

rmSync(dist, { recursive: true, force: true });
renameSync(next, dist);
