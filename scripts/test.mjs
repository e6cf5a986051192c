// Runs the tests; on Linux in a network namespace of their own, where no other program's ports are in the way.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const node = process.env.EXACTBIND_TEST_NODE ?? process.execPath;
const command = [node, vitest, 'run', ...process.argv.slice(2)];

const up = ['sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
// An ordinary user needs a user namespace as well, where the system allows it.
const unshare = [
  ['unshare', '--net'],
  ['unshare', '--net', '--map-root-user'],
];

function network() {
  if (process.platform !== 'linux') return [];
  const found = unshare.find((prefix) => spawnSync(prefix[0], [...prefix.slice(1), ...up, 'true']).status === 0);
  if (found !== undefined) return [...found, ...up];
  console.error('This user gets no network namespace here: the tests bind ports of the machine, from 10000 on.');
  return [];
}

const [file, ...args] = [...network(), ...command];
const { status } = spawnSync(file, args, { stdio: 'inherit' });
process.exitCode = status ?? 1;
