// Runs a program in network and pid namespaces of its own where this user may make them, and reads the JSON that it prints.
import { execFileSync } from 'node:child_process';
import process from 'node:process';

// Nobody else's ports and processes are in the way, and nothing is left behind.
const ALONE = [
  'unshare',
  '--net',
  '--pid',
  '--fork',
  '--mount-proc',
  '--kill-child',
  'sh',
  '-c',
  'ip link set lo up && "$@"; exit $?',
  'sh',
];

const MOST = 1_800_000;

export const isPossible = process.platform === 'linux' && process.getuid?.() === 0;

/**
 * Starts a program of Node; without the right to make namespaces it runs beside everybody else's.
 * @param {string} program
 * @param {string[]} args
 */
export function printedBy(program, args) {
  const [file, ...rest] = [...(isPossible ? ALONE : []), process.execPath, program, ...args];
  const printed = execFileSync(file, rest, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: MOST,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 26,
  });
  return JSON.parse(printed);
}
