// The group of restarts: from the release of a port to its successor's first answer, and what clients meet meanwhile.
import { fileURLToPath } from 'node:url';
import { printedBy } from '../harness/alone.mjs';
import { lines, plots } from './report.mjs';

/**
 * @import { Comparison, LeftOut, Samples } from '../group.ts'
 * @import { Restarts } from './report.mjs'
 */

const PROGRAM = fileURLToPath(new URL('scene.mjs', import.meta.url));

/**
 * What is compared with what Node alone does in the same case.
 * @type {Record<string, string>}
 */
const AGAINST = {
  wait: 'again every 100 ms',
  "sharing: 'reuse-port'": 'again every 100 ms',
  'wait, killed': 'again every 100 ms, killed',
};

const FIGURES = /** @type {const} */ ([
  { figure: 'listening', title: "to 'listening'" },
  { figure: 'answered', title: 'to the first answer' },
]);

/**
 * One that listens before the release has no time until then.
 * @param {Restarts} restarts
 */
function timings(restarts) {
  /** @type {Samples} */
  const samples = {};
  /** @type {Comparison[]} */
  const comparisons = [];
  for (const { figure, title } of FIGURES) {
    for (const [name, one] of Object.entries(restarts)) {
      if (one[figure].some((nanoseconds) => nanoseconds <= 0)) continue;
      samples[`${title}, ${name}`] = one[figure];
      const baseline = AGAINST[name];
      if (baseline === undefined) continue;
      // A pause is as long on a slow machine as on a fast one.
      comparisons.push({ name: `${title}, ${name}`, baseline: `${title}, ${baseline}`, machineBound: true });
    }
  }
  return { samples, comparisons };
}

/** @param {{ quick: boolean }} how */
async function restartGroup({ quick }) {
  /** @type {{ restarts: Restarts, leftOut: LeftOut }} */
  const { restarts, leftOut } = printedBy(PROGRAM, [JSON.stringify(quick)]);
  return { unit: 'ns', ...timings(restarts), restarts, leftOut };
}

export const groups = { restart: restartGroup };

export const reports = {
  restart: {
    title: 'A restart under load',
    note:
      'An HTTP server lets go of its port, and another process that was started before takes it over: with `listen(server, ' +
      "{ wait })`; with `sharing: 'reuse-port'`, listening before the old one closes; and as Node's documentation has it, with " +
      '`server.listen()` again after `EADDRINUSE` and a pause. The old server calls `close()`, or is killed with eight idle ' +
      'connections and what is being answered. Clients of a third process send 200 requests a second, each on a connection of ' +
      'its own; what is told of them begins with the release and ends with the tenth answer of the successor. The first answer ' +
      'is to one of the requests that come after it listens, every 5 ms, and has its own time in it.',
    lines,
    plots,
  },
};
