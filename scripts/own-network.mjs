// On Linux, a network namespace for a command: no other program's ports are in the way, and it is in nobody's.
import { spawnSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';

const LOOPBACK = '::1';
const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === LOOPBACK));
// A machine without IPv6 has none in there either.
const withoutIpv6 = hasIpv6 ? '' : 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; ';
const up = ['sh', '-c', `${withoutIpv6}ip link set lo up && exec "$@"`, 'sh'];
// An ordinary user needs a user namespace as well, where the system allows it.
const unshare = [
  ['unshare', '--net'],
  ['unshare', '--net', '--map-root-user'],
];

/** @param {string[]} command */
const works = ([file = '', ...args]) => spawnSync(file, [...args, ...up, process.execPath, '--version']).status === 0;

/**
 * The words that run a command in a network of its own; the command itself where there is none to be had.
 * @param {string[]} command
 */
export function inOwnNetwork(command) {
  if (process.platform !== 'linux') return command;
  const found = unshare.find(works);
  if (found !== undefined) return [...found, ...up, ...command];
  console.error('This user gets no network namespace here: ports of the machine are bound, from 10000 on.');
  return command;
}
