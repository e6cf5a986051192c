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
  if (found === undefined) {
    console.error('skipped: tests that bind a port again (this system gives no network namespace to this user)');
    return undefined;
  }
  return [...found, ...up];
}

const prefix = network();
const [file, ...args] = [...(prefix ?? []), ...command];
const env = { ...process.env, ...(prefix === undefined ? {} : { EXACTBIND_TEST_NETWORK: '1' }) };
const { status } = spawnSync(file, args, { stdio: 'inherit', env });
process.exitCode = status ?? 1;
