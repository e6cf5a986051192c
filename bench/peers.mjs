// The groups of the peers: what other packages say of a port, and how long they and others take to find who has it.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isPossible, printedBy } from './alone.mjs';
import { floor } from './floor.mjs';
import { accuracyLines, accuracyPlots, lookupComparisons, lookupLines, lookupPlots } from './report-peers.mjs';

const QUICK = {
  cases: ['bound, not listening'],
  scenes: ['idle'],
  scale: 0.1,
};

const path = (name) => fileURLToPath(new URL(`peers/${name}`, import.meta.url));

const skipped = 'network and pid namespaces, and a listener of another user, take root on Linux';

/** What is installed is what the lock file says. */
function isInstalled() {
  const installed = path('node_modules/.package-lock.json');
  if (!existsSync(installed)) return false;
  const versions = (file) =>
    Object.entries(JSON.parse(readFileSync(file, 'utf8')).packages).map(([name, { version }]) => `${name} ${version}`);
  const wanted = versions(path('package-lock.json'));
  return versions(installed).every((one) => wanted.includes(one));
}

/** The packages stay out of this package's own lock file: nothing but these groups and `options` uses them. */
function install() {
  const { dependencies } = JSON.parse(readFileSync(path('package.json'), 'utf8'));
  if (!isInstalled()) {
    const args = ['ci', '--prefix', path(''), '--ignore-scripts', '--no-audit', '--no-fund'];
    execFileSync('npm', args, { stdio: 'ignore' });
  }
  return dependencies;
}

async function accuracyGroup({ quick }) {
  if (!isPossible) return { skipped };
  const versions = install();
  return { versions, ...printedBy(path('accuracy.mjs'), quick ? QUICK.cases : []) };
}

async function lookupGroup({ scale, quick }) {
  if (!isPossible) return { skipped };
  const { program, skipped: withoutC } = floor('owner');
  if (withoutC !== undefined) return { skipped: withoutC };
  const versions = install();
  const length = quick ? [QUICK.scale, ...QUICK.scenes] : [scale];
  return { versions, unit: 'ns', ...printedBy(path('lookup.mjs'), [program, ...length.map(String)]) };
}

export const groups = { accuracy: accuracyGroup, lookup: lookupGroup };

export const reports = {
  accuracy: {
    title: 'Who is right about a port',
    note:
      'What this package and others say of a port in states that other processes made, each asked in a process of its own, in ' +
      'a network namespace where nobody else is.',
    lines: accuracyLines,
    plots: accuracyPlots,
  },
  lookup: {
    title: 'Who has the port, and how long it takes to find out',
    note:
      'The holder of a port is found by everybody in turn, in one run. The command lines are started as a program starts ' +
      'them, and their output is not parsed.',
    lines: lookupLines,
    comparisons: lookupComparisons,
    plots: lookupPlots,
  },
};
