// Runs the tests; on Linux in a network namespace of their own, where no other program's ports are in the way.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { inOwnNetwork } from './own-network.mjs';

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const node = process.env.EXACTBIND_TEST_NODE ?? process.execPath;

// Hundreds of tests start a Python 3: where it is a version manager's shell script, that script takes most of their time.
function pathOfPython() {
  const { stdout } = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' });
  return [...(stdout ? [dirname(stdout.trim())] : []), process.env.PATH].join(delimiter);
}

const [file, ...args] = inOwnNetwork([node, vitest, 'run', ...process.argv.slice(2)]);
const env = process.platform === 'win32' ? process.env : { ...process.env, PATH: pathOfPython() };
const { status } = spawnSync(file, args, { stdio: 'inherit', env });
process.exitCode = status ?? 1;
