// Checks what a machine can check about the sources: format, lint, types, generated tables and C++.
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const require = createRequire(import.meta.url);

// Started through node itself: on Windows the commands in node_modules/.bin are scripts of a shell.
/**
 * @param {string} name
 * @param {string} command
 * @returns {string[]}
 */
function tool(name, command) {
  const manifest = require.resolve(`${name}/package.json`);
  const { bin } = require(manifest);
  return [process.execPath, join(dirname(manifest), typeof bin === 'string' ? bin : bin[command])];
}

/** @param {string} command */
function isInstalled(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

/**
 * @param {string[]} command
 * @param {'inherit' | 'pipe'} [stdio]
 */
function run([file, ...args], stdio = 'inherit') {
  const { status, error, stdout, stderr } = spawnSync(file, args, {
    cwd: root,
    stdio,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (error !== undefined) console.error(error.message);
  if (status !== 0 && stdio === 'pipe') console.error(`${stdout}${stderr}`);
  return status === 0;
}

const cpp = readdirSync(join(root, 'native'), { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.(h|cpp)$/.test(path))
  .map((path) => join('native', path));

/** @type {Record<string, string>} */
const SYSTEMS = { darwin: 'darwin', win32: 'windows' };
const { all, [SYSTEMS[process.platform] ?? 'linux']: own } = JSON.parse(
  readFileSync(join(root, 'native/sources.json'), 'utf8'),
);

/**
 * @param {string[]} files
 * @returns {Promise<boolean>}
 */
function tidied(files) {
  return new Promise((resolve) => {
    /** @type {(error: Error | null, stdout: string, stderr: string) => void} */
    const done = (error, stdout, stderr) => {
      if (error !== null) console.error(`${stdout}${stderr}`);
      resolve(error === null);
    };
    execFile('clang-tidy', ['--quiet', '-p', 'build-tidy', ...files], { cwd: root, maxBuffer: 2 ** 26 }, done);
  });
}

// clang-tidy reads how each file is compiled from CMake; only the sources of this system are. It takes them one by one.
async function tidy() {
  if (!run([...tool('cmake-js', 'cmake-js'), 'configure', '--out', 'build-tidy'], 'pipe')) return false;
  const count = availableParallelism();
  const parts = Array.from({ length: count }, (_, part) => [...all, ...own].filter((_, at) => at % count === part));
  return (await Promise.all(parts.map(tidied))).every(Boolean);
}

// Tests see the types in dist/, as everybody does.
/** @param {string} project */
const types = (project) => run([...tool('typescript', 'tsc'), '-p', project]);

// Left to itself Biome colours what goes into a file too.
const colors = `--colors=${process.stdout.isTTY ? 'force' : 'off'}`;

/** @type {{ name: string, run: () => boolean | Promise<boolean>, needs?: string[] }[]} */
const checks = [
  { name: 'biome', run: () => run([...tool('@biomejs/biome', 'biome'), 'ci', '--error-on-warnings', colors]) },
  {
    name: 'tsc',
    run: () => run([process.execPath, 'scripts/build.mjs']) && types('tsconfig.json') && types('tsconfig.scripts.json'),
  },
  { name: 'generate-options', run: () => run([process.execPath, 'scripts/generate-options.mjs', '--check']) },
  { name: 'benchmarks', run: () => run([process.execPath, 'bench/report/page.mjs', '--check']) },
  { name: 'reliability', run: () => run([process.execPath, 'scripts/hijack/page.mjs', '--check']) },
  { name: 'bind-semantics', run: () => run([process.execPath, 'matrix/page/page.mjs', '--check']) },
  { name: 'api', run: () => run([process.execPath, 'scripts/api-page.mjs', '--check']) },
  { name: 'clang-format', run: () => run(['clang-format', '--dry-run', '-Werror', ...cpp]), needs: ['clang-format'] },
  { name: 'clang-tidy', run: tidy, needs: ['clang-tidy', 'cmake'] },
];

for (const { name, run: check, needs = [] } of checks) {
  const missing = needs.filter((command) => !isInstalled(command));
  const started = performance.now();
  let result = 'ok';
  if (missing.length === 0) result = (await check()) ? 'ok' : 'FAILED';
  // CI installs everything, so there a missing tool is a fault.
  else result = `${process.env.CI ? 'FAILED' : 'skipped'}: not installed: ${missing.join(', ')}`;
  if (result.startsWith('FAILED')) process.exitCode = 1;
  console.log(`${name.padEnd(18)}${result} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
}
