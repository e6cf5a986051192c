// The group of one port served by several processes: how much they serve together, and how evenly.
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { printedBy } from '../harness/alone.mjs';
import { lines, plots } from './report.mjs';
import { BASELINE, LOADS, sampleName } from './variants.mjs';
import { wrkVersion } from './wrk.mjs';

/**
 * @import { Run } from './report.mjs'
 */

const PROGRAM = fileURLToPath(new URL('rounds.mjs', import.meta.url));

// A hash spreads few connections badly, whatever does the hashing.
const CONNECTIONS = 64;

const FULL = { sizes: [1, 2, 4, 8], loads: LOADS.map(({ name }) => name), rounds: 7, warmUp: 1, milliseconds: 400 };
const QUICK = { sizes: [2], loads: ['Connection: close'], rounds: 3, warmUp: 1, milliseconds: 300 };

/**
 * One thread of wrk loads some processes of Node; more of them would take the workers' CPUs. A power of two divides the connections.
 * @param {number} cpus
 */
const threadsFor = (cpus) => 2 ** Math.max(0, Math.min(3, Math.floor(Math.log2(cpus / 4))));

/** @param {{ quick: boolean }} how */
async function spreadGroup({ quick }) {
  if (process.platform === 'win32') return { skipped: 'wrk, which makes the load, does not run on Windows' };
  const wrk = wrkVersion();
  if (wrk === undefined) return { skipped: 'wrk, which makes the load, is missing (Debian package wrk)' };
  const cpus = os.availableParallelism();
  const plan = quick ? QUICK : FULL;
  const size = { connections: CONNECTIONS, threads: threadsFor(cpus) };
  /** @type {{ leftOut: Record<string, string>, runs: Run[] }} */
  const { leftOut, runs } = printedBy(PROGRAM, [JSON.stringify({ ...plan, ...size })]);

  const samples = Object.fromEntries(
    runs.map((run) => [sampleName(run), run.requestsPerSecond.map((perSecond) => 1e9 / perSecond)]),
  );
  const comparisons = runs
    .filter(({ variant }) => variant !== BASELINE)
    .map((run) => ({
      name: sampleName(run),
      baseline: sampleName({ ...run, variant: BASELINE }),
      // What spreading wins is a matter of how many CPUs there are.
      machineBound: true,
    }));
  return { unit: 'ns', wrk, cpus, ...size, ...plan, leftOut, comparisons, samples, runs };
}

export const groups = { spread: spreadGroup };

export const reports = {
  spread: {
    title: 'One port, several processes',
    note:
      'Workers serve the same port, all of them listening before the load begins: `keep-alive` opens its connections once a ' +
      'run, `Connection: close` opens one for each request. The ratio is of requests per second, within a round, at the same ' +
      'number of workers. The load comes from the same machine, so that its CPUs are the limit of all variants, and more ' +
      "workers than CPUs show what is lost, not what is won. Jain's index is 1 where all workers serve the same, and 1/n " +
      'where one of n serves everything.',
    lines,
    plots,
  },
};
