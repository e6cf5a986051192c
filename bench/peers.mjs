// The groups of the peers: what other packages say of a port, and how long they and others take to find who has it.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildFloor } from './floor.mjs';

// Nobody else's ports and processes are in the way, and nothing is left behind.
const ALONE = [
  '--net',
  '--pid',
  '--fork',
  '--mount-proc',
  '--kill-child',
  'sh',
  '-c',
  'ip link set lo up && "$@"; exit $?',
];

const MOST = 600_000;

const path = (name) => fileURLToPath(new URL(`peers/${name}`, import.meta.url));

const isPossible = process.platform === 'linux' && process.getuid() === 0;
const skipped = 'network and pid namespaces, and a listener of another user, take root on Linux';

/** Runs a program of bench/peers in namespaces of its own; what it prints is the group. */
function alone(program, ...args) {
  const printed = execFileSync('unshare', [...ALONE, 'sh', process.execPath, path(program), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: MOST,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 26,
  });
  return JSON.parse(printed);
}

/** The packages stay out of this package's own lock file: nothing but these two groups uses them. */
function install() {
  execFileSync('npm', ['ci', '--prefix', path(''), '--ignore-scripts', '--no-audit', '--no-fund'], { stdio: 'ignore' });
  return JSON.parse(readFileSync(path('package.json'), 'utf8')).dependencies;
}

async function accuracyGroup() {
  if (!isPossible) return { skipped };
  const versions = install();
  return { versions, ...alone('accuracy.mjs') };
}

async function lookupGroup({ scale }) {
  if (!isPossible) return { skipped };
  const versions = install();
  const floor = buildFloor(fileURLToPath(new URL('owner.c', import.meta.url)));
  try {
    return { versions, unit: 'ns', ...alone('lookup.mjs', floor.program, String(scale)) };
  } finally {
    floor.remove();
  }
}

export const groups = { accuracy: accuracyGroup, lookup: lookupGroup };
