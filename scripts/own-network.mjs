// On Linux, a network namespace for a command: no other program's ports are in the way, and it is in nobody's.
import { spawnSync } from 'node:child_process';

const up = ['sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
// An ordinary user needs a user namespace as well, where the system allows it.
const unshare = [
  ['unshare', '--net'],
  ['unshare', '--net', '--map-root-user'],
];

/** The words that run a command in a network of its own; the command itself where there is none to be had. */
export function inOwnNetwork(command) {
  if (process.platform !== 'linux') return command;
  const found = unshare.find(
    (prefix) => spawnSync(prefix[0], [...prefix.slice(1), ...up, process.execPath, '--version']).status === 0,
  );
  if (found !== undefined) return [...found, ...up, ...command];
  console.error('This user gets no network namespace here: ports of the machine are bound, from 10000 on.');
  return command;
}
