// The groups of upgrades: what clients meet while a server is replaced in each way, and how long one upgrade takes.
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { CACHE, install } from '../../scripts/node-binaries.mjs';
import { isPossible, printedBy } from '../harness/alone.mjs';
import { wrkVersion } from '../spread/wrk.mjs';
import { failuresOf, lines, plots } from './report.mjs';
import { LESS, OWN } from './ways.mjs';

/**
 * @import { Comparison, LeftOut, Samples } from '../group.ts'
 * @import { Cell, Outcome, Plan } from './scene.mjs'
 */

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

// Not in the lock file of bench/peers/: no other group needs them, and they bring a hundred packages.
const TOOLS = join(CACHE, 'tools/restarters');
const VERSIONS = { nodemon: '3.1.14', pm2: '7.0.4' };

const OTHERS = ['cluster, by hand', 'node --watch', 'nodemon', 'close, then listen', 'kill, then start'];
/** Of which throughput is measured before and after. */
const THROUGHPUT = ['listenOrTake()', 'exactbind run, SIGHUP'];

// A slow machine makes fewer upgrades in them.
const MINUTES = Number(process.env['UPGRADES_MINUTES'] ?? 7);

/** @type {(ways: string[], kind: Cell['kind'], upgrades: number, blocks: number) => Cell[]} */
const cellsOf = (ways, kind, upgrades, blocks) => ways.map((way) => ({ way, kind, upgrades, blocks }));

/** @param {boolean} hasWrk */
function fullPlan(hasWrk) {
  const own = Object.keys(OWN);
  const cells = [
    ...cellsOf(own, 'http', 100, 10).map((cell) => ({ ...cell, throughput: hasWrk && THROUGHPUT.includes(cell.way) })),
    ...cellsOf(own, 'https', 5, 1),
    ...cellsOf(own, 'http2', 5, 1),
    ...cellsOf([...Object.keys(LESS), ...OTHERS], 'http', 10, 1),
    // A reload of pm2 takes seconds.
    ...cellsOf(['pm2 reload'], 'http', 3, 1),
  ];
  return { cells, slices: 6, minutes: MINUTES };
}

const skipped = 'network and pid namespaces take root on Linux';

/**
 * A request that one of these ways loses is a fault, not a figure.
 * @param {Outcome[]} outcomes
 */
function checkLossless(outcomes) {
  for (const { way, kind, met } of outcomes) {
    const { failed, codes } = failuresOf(met);
    if (failed > 0) throw new Error(`${way}, ${kind}: ${failed} requests failed (${Object.keys(codes).join(', ')})`);
  }
}

/** @param {{ quick: boolean }} how */
async function upgradesGroup({ quick }) {
  if (!isPossible) return { skipped };
  /** @param {Omit<Plan, 'tools'>} plan @returns {Outcome[]} */
  const run = (plan) => {
    const tools = join(TOOLS, 'node_modules');
    return printedBy(path('scene.mjs'), [JSON.stringify({ ...plan, tools })]).outcomes;
  };
  if (quick) {
    const outcomes = run({ cells: cellsOf(Object.keys(OWN), 'http', 2, 1), slices: 0, minutes: 10 });
    checkLossless(outcomes);
    return { outcomes, leftOut: { others: 'not in a quick run' } };
  }
  if (process.env['UPGRADES'] === 'own') {
    const cells = cellsOf(Object.keys(OWN), 'http', 100, 10);
    return {
      outcomes: run({ cells, slices: 0, minutes: MINUTES }),
      leftOut: { others: 'not with this version of Node' },
    };
  }
  install(
    TOOLS,
    Object.entries(VERSIONS).map((entry) => entry.join('@')),
  );
  const hasWrk = wrkVersion() !== undefined;
  /** @type {LeftOut} */
  const leftOut = hasWrk ? {} : { throughput: 'wrk is missing (Debian package wrk)' };
  return { versions: VERSIONS, outcomes: run(fullPlan(hasWrk)), leftOut };
}

const ROUNDS = 30;
const QUICK_ROUNDS = 4;

/** @type {Comparison[]} */
const comparisons = [
  {
    name: 'takeSockets(), to the first answer',
    baseline: 'server.listen(), to the first answer',
    difference: true,
    machineBound: true,
  },
  { name: 'new process that takes, whole', baseline: 'plain start, whole', difference: true, machineBound: true },
  { name: 'exactbind run, from SIGHUP', baseline: 'plain start, whole', difference: true, machineBound: true },
];

/** @param {{ quick: boolean }} how */
async function timeGroup({ quick }) {
  if (!isPossible) return { skipped };
  const length = quick ? { rounds: QUICK_ROUNDS, warmUp: 1 } : { rounds: ROUNDS, warmUp: 3 };
  /** @type {Samples} */
  const samples = printedBy(path('timing.mjs'), [JSON.stringify(length)]);
  return { unit: 'ns', samples, comparisons };
}

export const groups = { upgrades: upgradesGroup, 'upgrade-time': timeGroup };

export const reports = {
  upgrades: {
    title: 'Upgrades under load',
    note:
      'A server is replaced by a new process again and again while clients ask: two of each kind, over a connection that they ' +
      'keep (`keep-alive`) or over a new one for each request (`close`), and each waits 0, 5 or 60 ms after an answer; after a ' +
      'failure at least 5 ms. HTTP/2 clients keep their session. Refused is `ECONNREFUSED`; reset is `ECONNRESET`, `EPIPE` or an ' +
      'answer that was cut; nothing is asked again. `REFUSED_STREAM`, which a client may repeat, is no failure and stands apart. ' +
      '`keepAliveTimeout` is 30 s, so that no idle connection ends by itself. The longest time without an answer is that of all clients together, in one upgrade. The program of `exactbind run`, of ' +
      'nodemon, pm2 and node --watch is the same, and calls `server.close()` on a signal, as Node documents it; files are touched ' +
      'for what watches. pm2 and the cluster replace two workers each time, reuse-port one of two members. The socket unit is restarted as systemd ' +
      'does it: the old process ends, then the new one starts, and clients wait in the queue; `draining` leaves idle connections ' +
      'to clients, `close()` is what docs/systemd.md has. In "close, then listen" the new process is loaded before. Clients and ' +
      'servers share the processors.',
    lines,
    plots,
  },
  'upgrade-time': {
    title: 'The time of an upgrade',
    note:
      'From the call of `takeSockets()`, in a process that is loaded, until a client has the first answer of that process; ' +
      'beside it `server.listen()` in a plain one. Whole: from the start of the process, with the loading of Node and, in the one ' +
      'that takes, of this package. A client asks all the time, over a new connection each time.',
  },
};
