// The groups of the peers: what other packages say of a port, and how long they and others take to find who has it.
import { fileURLToPath } from 'node:url';
import { isPossible, printedBy } from '../harness/alone.mjs';
import { floor } from '../harness/floor.mjs';
import { install } from './install.mjs';
import { accuracyLines, accuracyPlots, lookupComparisons, lookupLines, lookupPlots } from './report.mjs';

const QUICK = { cases: ['bound, not listening'], scenes: ['idle'] };

/** @param {string} name */
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

const skipped = 'network and pid namespaces, and a listener of another user, take root on Linux';

/** @param {{ quick: boolean }} how */
async function accuracyGroup({ quick }) {
  if (!isPossible) return { skipped };
  const versions = install();
  return { versions, ...printedBy(path('accuracy.mjs'), quick ? QUICK.cases : []) };
}

/** @param {{ quick: boolean }} how */
async function lookupGroup({ quick }) {
  if (!isPossible) return { skipped };
  const { program, skipped: withoutC } = floor('owner');
  if (withoutC !== undefined) return { skipped: withoutC };
  const versions = install();
  const scenes = quick ? QUICK.scenes : [];
  return { versions, unit: 'ns', ...printedBy(path('lookup.mjs'), [program, JSON.stringify(quick), ...scenes]) };
}

export const groups = { accuracy: accuracyGroup, lookup: lookupGroup };

export const reports = {
  accuracy: {
    title: 'Who is right about a port',
    note:
      'Other processes bring a port into each state. This package and others then say what it is, each in its own process, in ' +
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
