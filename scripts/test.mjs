// Runs the tests; on Linux in a network namespace of their own, where no other program's ports are in the way.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inOwnNetwork } from './own-network.mjs';

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const node = process.env.EXACTBIND_TEST_NODE ?? process.execPath;
const args = process.argv.slice(2);

// Hundreds of tests start a Python 3: where it is a version manager's shell script, that script takes most of their time.
function pathOfPython() {
  const { stdout } = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' });
  return [...(stdout ? [dirname(stdout.trim())] : []), process.env.PATH].join(delimiter);
}

// Reporters that are asked for replace the default one, and not the line about what was left out.
const leftOut = `--reporter=${fileURLToPath(new URL('left-out.mjs', import.meta.url))}`;
const reporters = [...(args.some((arg) => arg.startsWith('--reporter')) ? [] : ['--reporter=default']), leftOut];

// What tests leave behind goes with this folder. Processes of other users read in it.
const temporary = mkdtempSync(join(tmpdir(), 'exactbind-'));
chmodSync(temporary, 0o755);
/** @type {NodeJS.ProcessEnv} */
const env = { ...process.env, TMPDIR: temporary };
if (process.platform !== 'win32') env.PATH = pathOfPython();

try {
  const [file, ...words] = inOwnNetwork([node, vitest, 'run', ...args, ...reporters]);
  const { status, error } = spawnSync(file, words, { stdio: 'inherit', env });
  if (error) console.error(error.message);
  process.exitCode = status ?? 1;
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
