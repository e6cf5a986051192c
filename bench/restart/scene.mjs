// Restarts a server in every way, side by side, while clients connect; prints what each restart took and how many failed.
import { fork } from 'node:child_process';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ask, end } from '../harness/ask.mjs';
import { sideBySide } from '../harness/measure.mjs';
import { columns } from './summary.mjs';

/**
 * @import { Restart } from './summary.mjs'
 * @typedef {{ way: 'wait' | 'share' | 'retry', every?: number, isKilled?: boolean }} How
 * @typedef {{ name: string, only?: string, isLong?: boolean } & How} Way
 */

const SHORT = 100;
const LONG = 1000;
const ROUNDS = 36;
const QUICK_ROUNDS = 7;
const WARM_UP = 1;

/** @type {Way[]} */
const VARIANTS = [
  { name: 'wait', way: 'wait' },
  { name: "sharing: 'reuse-port'", way: 'share', only: 'linux' },
  { name: 'again every 100 ms', way: 'retry', every: SHORT },
  { name: 'again every 1,000 ms', way: 'retry', every: LONG, isLong: true },
  { name: 'wait, killed', way: 'wait', isKilled: true },
  { name: 'again every 100 ms, killed', way: 'retry', every: SHORT, isKilled: true },
  { name: 'again every 1,000 ms, killed', way: 'retry', every: LONG, isKilled: true, isLong: true },
];

const quick = JSON.parse(process.argv[2]);

/** @param {string} file */
function start(file) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), { serialization: 'advanced' });
  return {
    pid: child.pid,
    ask: (/** @type {object} */ command) => ask(child, command),
    async kill() {
      const at = process.hrtime.bigint();
      await end(child, 'SIGKILL');
      return at;
    },
  };
}

const servers = [start('server.mjs'), start('server.mjs')];
const clients = start('clients.mjs');

// Every share of a pause comes as often as any other, in few rounds too, and all ways of a round meet the same one.
const GOLDEN = (Math.sqrt(5) - 1) / 2;
/** @param {number} round */
const shareOf = (round) => (1.5 + round * GOLDEN) % 1;

/**
 * @param {How} how
 * @param {number} round
 * @returns {Promise<Restart>}
 */
async function restart({ way, every, isKilled }, round) {
  const [old, successor] = servers;
  await old.ask({ do: 'start', way, port: 0, every });
  const { port } = await old.ask({ do: 'listening' });
  await clients.ask({ do: 'begin', port });
  await successor.ask({ do: 'start', way, port, every });
  const listening = successor.ask({ do: 'listening' });
  if (way === 'share') await listening;
  // The process that releases a port knows nothing of the attempts of others.
  await pause(shareOf(round) * (every ?? SHORT));
  const released = isKilled ? await old.kill() : (await old.ask({ do: 'release' })).at;
  const { at } = await listening;
  const met = await clients.ask({ do: 'finish', pid: successor.pid, released });
  await successor.ask({ do: 'stop' });
  if (isKilled) servers[0] = start('server.mjs');
  else await old.ask({ do: 'stop' });
  servers.reverse();
  return { listening: Number(at - released), ...met };
}

/** @param {Omit<Way, 'name'>} way */
function reasonWithout({ only, isLong }) {
  if (only !== undefined && process.platform !== only) return `takes ${only}`;
  return quick && isLong ? 'takes seconds: not in a quick run' : undefined;
}

/** @type {Record<string, Restart[]>} */
const restarts = {};
/** @type {Record<string, string>} */
const leftOut = {};
const variants = [];
for (const { name, ...how } of VARIANTS) {
  const reason = reasonWithout(how);
  if (reason !== undefined) {
    leftOut[name] = reason;
    continue;
  }
  /** @type {Restart[]} */
  const list = [];
  restarts[name] = list;
  variants.push({ name, run: async () => void list.push(await restart(how, list.length - WARM_UP)) });
}
const rounds = quick ? QUICK_ROUNDS : ROUNDS;
await sideBySide(variants, { rounds, cycles: 1, warmUp: WARM_UP });
await Promise.all([...servers, clients].map((one) => one.kill()));

const result = Object.fromEntries(Object.entries(restarts).map(([name, list]) => [name, columns(list.slice(WARM_UP))]));
console.log(JSON.stringify({ restarts: result, leftOut }));
