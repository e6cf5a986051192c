// The group of waiting: from the release of a port to the waiter's 'listening', and what waiting costs meanwhile.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { BoundSocket, listen } from 'exactbind';
import { ask, end } from '../harness/ask.mjs';
import { spread } from '../harness/compare.mjs';
import { shuffled, sideBySide } from '../harness/measure.mjs';
import { pointOf } from '../report/point.mjs';
import { leftOutLines, table } from '../report/table.mjs';
import { timings } from '../report/timings.mjs';
import { retry } from './retry.mjs';

/**
 * @import { Server } from 'node:net'
 * @import { LeftOut, Plot, Samples, Timed } from '../group.ts'
 * @import { Variant } from '../harness/measure.mjs'
 * @import { ChildProcess } from 'node:child_process'
 *
 * @typedef {{ start: (port: number) => Promise<Server>, within: number, by?: string }} Wait
 * @typedef {Wait & { name: string, rounds: number }} Waiter
 * @typedef {{ how: string, churn?: string, every?: number }} Idler
 * @typedef {{ share: number, perSecond: number }} Cost of a core, and the sockets that were closed meanwhile
 */

const HOST = '127.0.0.1';
const OTHER_HOST = '127.0.0.2';
const CLOSES = 5000;
const IDLE = { rounds: 5, seconds: 4 };
/** What there is time for in a quick run. */
const QUICK = { share: 0.1, slowest: 50, idle: { rounds: 1, seconds: 1 } };

const other = () => fork(fileURLToPath(new URL('release.mjs', import.meta.url)), { serialization: 'advanced' });

/** @param {number} port */
const waiting = (port) => {
  const server = createServer();
  return listen(server, { port, host: HOST, wait: { timeout: 60_000 } }).then(() => server);
};
/** @type {(every: number) => Wait['start']} */
const again = (every) => (port) => retry(createServer(), { port, host: HOST }, every);

/**
 * Nanoseconds from the release of a port, at no particular moment, to 'listening'.
 * @param {ChildProcess} holder
 * @param {Wait} wait
 */
async function wakeUp(holder, { start, within, by }) {
  const { port } = await ask(holder, { do: 'hold', port: 0 });
  const started = start(port).then((server) => ({ server, at: process.hrtime.bigint() }));
  const [released, { server, at }] = await Promise.all([
    ask(holder, { do: 'release', by, after: 5 + Math.random() * within }),
    started,
  ]);
  const closed = once(server, 'close');
  server.close();
  await closed;
  return Number(at - released.at);
}

const WAIT = 'wait';
/** @type {Waiter[]} */
const VARIANTS = [
  { name: WAIT, start: waiting, within: 50, rounds: 200 },
  { name: 'again every 50 ms', start: again(50), within: 50, rounds: 200 },
  { name: 'again every 250 ms', start: again(250), within: 250, rounds: 100 },
  { name: 'again every 1,000 ms', start: again(1000), within: 1000, rounds: 30 },
  { name: 'wait, holder killed', start: waiting, within: 50, rounds: 50, by: 'kill' },
];

/**
 * A variant that waits longer takes part in fewer rounds, the first ones.
 * @param {Waiter[]} variants
 * @param {number} share
 */
async function wakeUps(variants, share) {
  /** @type {Samples} */
  const samples = Object.fromEntries(variants.map(({ name }) => [name, []]));
  const next = shuffled(variants);
  const holder = other();
  try {
    for (let warmUp = 0; warmUp < 20 * share; warmUp++) await wakeUp(holder, variants[0]);
    const most = Math.max(...variants.map(({ rounds }) => rounds)) * share;
    for (let round = 0; round < most; round++) {
      for (const variant of next()) {
        if (round >= variant.rounds * share) continue;
        const own = variant.by === 'kill' ? other() : holder;
        samples[variant.name].push(await wakeUp(own, variant));
      }
    }
  } finally {
    await end(holder);
  }
  return samples;
}

/**
 * The share of a core that a waiting process takes, while another one closes sockets or none does.
 * @param {Idler & { seconds: number }} idler
 * @returns {Promise<Cost>}
 */
async function idle({ churn, seconds, ...command }) {
  const [holder, waiter, closer] = [other(), other(), other()];
  try {
    const { port } = await ask(holder, { do: 'hold', port: 0 });
    const closing = churn && { host: OTHER_HOST, port: churn === 'same' ? port : 0, perSecond: CLOSES };
    // Until the waiter has been told that it is over, with what it takes to begin.
    const churning = closing && ask(closer, { do: 'churn', seconds: seconds + 2, ...closing });
    const { share } = await ask(waiter, { do: 'idle', port, seconds, ...command });
    return { share, perSecond: (await churning)?.perSecond ?? 0 };
  } finally {
    await Promise.all([holder, waiter, closer].map((one) => end(one)));
  }
}

// A timer is there in each of them, because Node collects garbage when it idles.
/** @type {Record<string, Idler>} */
const IDLERS = {
  'nothing but a timer': { how: 'sleep' },
  [WAIT]: { how: 'wait' },
  [`${WAIT}, closes on other ports`]: { how: 'wait', churn: 'other' },
  [`${WAIT}, closes on the same port of another address`]: { how: 'wait', churn: 'same' },
  'again every 50 ms': { how: 'again', every: 50 },
};

/** Why this system has no second address to close sockets on, if it has none. */
function whyNoOtherHost() {
  try {
    new BoundSocket({ port: 0, host: OTHER_HOST }).close();
    return undefined;
  } catch (error) {
    return `${/** @type {import('exactbind').SystemError} */ (error).code} on ${OTHER_HOST}`;
  }
}

/** @param {boolean} quick */
async function idling(quick) {
  const { rounds, seconds } = quick ? QUICK.idle : IDLE;
  const reason = whyNoOtherHost();
  /** @type {LeftOut} */
  const leftOut = {};
  /** @type {Variant<Cost>[]} */
  const variants = [];
  for (const [name, how] of Object.entries(IDLERS)) {
    if (how.churn && reason !== undefined) leftOut[name] = reason;
    else variants.push({ name, run: () => idle({ seconds, ...how }) });
  }
  const cpu = await sideBySide(quick ? variants.slice(0, 2) : variants, { rounds, cycles: 1, warmUp: 0 });
  return { cpu, leftOut };
}

/** @param {{ quick: boolean }} how */
async function wakeGroup({ quick }) {
  const variants = VARIANTS.filter(({ within }) => !quick || within <= QUICK.slowest);
  const samples = await wakeUps(variants, quick ? QUICK.share : 1);
  // A slower machine wakes up later, and its timers are the same.
  const timer = { higherIsBetter: true, machineBound: true };
  const comparisons = variants
    .slice(1)
    .map(({ name, by }) => ({ name, baseline: WAIT, ...(by === 'kill' ? {} : timer) }));
  return { unit: 'ns', comparisons, samples, ...(await idling(quick)) };
}

/** @param {[string, Cost[]]} entry */
function costs([name, rounds]) {
  const shares = rounds.map(({ share }) => share * 100);
  const { median } = spread(shares);
  const closes = spread(rounds.map(({ perSecond }) => perSecond)).median;
  const ends = [Math.min(...shares), Math.max(...shares)].map((share) => share.toFixed(2));
  return [name, `${median.toFixed(2)} %`, `${ends.join(' – ')} %`, closes.toFixed(0)];
}

/**
 * @param {Timed} group
 * @returns {Plot[]}
 */
function plots({ samples }) {
  const names = Object.keys(samples);
  const points = names.map((name) => pointOf(name, samples[name], 1e6));
  return [
    {
      name: 'wake',
      kind: 'bar',
      title: "From the release of a port to 'listening'",
      x: { name: '', categories: names },
      y: { name: 'milliseconds: median, p10 – p90', log: true },
      series: [{ name: "to 'listening'", points }],
    },
  ];
}

export const groups = { wake: wakeGroup };

export const reports = {
  wake: {
    title: 'Waiting for a port',
    note:
      "From the moment before another process closes the port (or kills itself) to the waiter's 'listening': `listen()` with " +
      "`wait`, and `server.listen()` again after a pause, as Node's documentation has it. Then the processor time of a process " +
      'that waits, its median and its range, and the sockets that another process closes meanwhile.',
    /** @param {Timed & { cpu: Record<string, Cost[]>, leftOut: LeftOut }} group */
    lines: (group) => [
      ...timings(group),
      '',
      ...table(['', 'of a core', 'range', 'closes per second'], Object.entries(group.cpu).map(costs)),
      ...leftOutLines(group.leftOut),
    ],
    plots,
  },
};
