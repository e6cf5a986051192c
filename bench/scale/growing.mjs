// Times listening, refusals and inspections while the sockets or the processes of the machine grow; prints the samples.
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { BoundSocket, inspectPortSync, listen } from 'exactbind';
import { crowd } from '../harness/crowd.mjs';
import { calledBack, inTurn, sideBySide, synchronous, timed } from '../harness/measure.mjs';
import { printWhole } from '../harness/print.mjs';
import { refused, refusedToNode } from '../harness/refusals.mjs';

/**
 * @import { LeftOut } from '../group.ts'
 * @import { Scene } from './report.mjs'
 */

const HOST = '127.0.0.1';
// Outside the ephemeral range; nobody else is in this network namespace.
const FREE_PORT = 9999;
const ASKED_ABOUT = [10_000, 10_001];
const REFUSED = [10_002, 10_003];
const CYCLES = 20;
const FEW = 3;
const QUICK_ROUNDS = 4;
const DESCRIPTORS = 20;
/** Twice what one took on Linux 6.18, with its descriptors. */
const BYTES_OF_ONE = { sockets: 8 * 1024, processes: 4 * 2 ** 20 };

/**
 * The rounds of each size, fewer where they take long.
 * @type {Record<'sockets' | 'processes', Record<string, number>>}
 */
const SIZES = {
  sockets: { 10: 25, 1000: 25, 10000: 20, 100000: 10 },
  processes: { 10: 25, 100: 25, 1000: 12 },
};
const QUICK = { sockets: 1000, processes: 100 };

/** @type {(pattern: RegExp, file: string) => number} */
const numberIn = (pattern, file) => Number(pattern.exec(readFileSync(file, 'utf8'))?.[1]);

const inUse = {
  sockets: () => numberIn(/^TCP: inuse (\d+)/m, '/proc/net/sockstat'),
  processes: () => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length,
};

const [word, words] = process.argv.slice(2);
const kind = /** @type {keyof typeof SIZES} */ (word);
const quick = JSON.parse(words);

/** @param {number} size */
function reasonWithout(size) {
  if (quick && size > QUICK[kind]) return 'not in a quick run';
  const needed = size * BYTES_OF_ONE[kind];
  const available = 1024 * numberIn(/^MemAvailable:\s+(\d+)/m, '/proc/meminfo');
  return needed > available ? `takes ${Math.round(needed / 2 ** 20)} MB of memory` : undefined;
}

const serving = calledBack((next) => {
  const server = net.createServer();
  server.on('close', next);
  server.on('listening', () => server.close());
  server.listen({ port: 0, host: HOST, exclusive: true });
});

const opening = synchronous(() => new BoundSocket({ port: 0, host: HOST }).close());

/**
 * A listen() that is refused, and says who.
 * @param {import('exactbind').ListenOptions} where
 */
async function refusedLater(where) {
  const error = await listen(net.createServer(), where).catch((/** @type {NodeJS.ErrnoException} */ error) => error);
  if (!('code' in error) || error.code !== 'EADDRINUSE') throw error;
}

/**
 * For how long the main thread is busy with it.
 * @param {() => import('exactbind').ListenOptions} whereOf
 */
const busyWith = (whereOf) => async () => {
  const before = performance.eventLoopUtilization();
  await refusedLater(whereOf());
  return performance.eventLoopUtilization(before).active * 1e6;
};

function variants() {
  const [asked, taken] = [inTurn(ASKED_ABOUT), inTurn(REFUSED)];
  /** @param {number} port */
  const where = (port) => ({ port, host: HOST });
  /** @param {number} port */
  const inspect = (port) => inspectPortSync(where(port));
  const plainlyRefused = refusedToNode(() => where(taken()));
  return [
    { name: 'server.listen, close', run: () => serving(CYCLES) },
    { name: 'new BoundSocket, close', run: () => opening(CYCLES) },
    { name: 'server.listen, refused', run: () => plainlyRefused(CYCLES) },
    { name: 'await listen, refused', run: timed(() => refusedLater(where(taken())), FEW) },
    { name: 'await listen, refused: the main thread', run: busyWith(() => where(taken())) },
    { name: 'new BoundSocket, refused', run: timed(() => refused(where(taken())), FEW) },
    { name: 'inspectPortSync, listening', run: timed(() => inspect(asked()), FEW) },
    { name: 'inspectPortSync, free', run: timed(() => inspect(FREE_PORT), FEW) },
  ];
}

/**
 * Each variant finds the right process, or nothing is timed.
 * @param {number} port
 * @param {number} pid
 */
function check(port, pid) {
  const [found, none] = [port, FREE_PORT].map((one) => inspectPortSync({ port: one, host: HOST }));
  if (found.holders[0]?.pid !== pid || none.verdict !== 'free') {
    throw new Error(`pid ${pid} has port ${port}, and the reports are ${JSON.stringify([found, none])}`);
  }
}

/**
 * @param {number} size
 * @param {number} most
 * @returns {Promise<{ reason: string } | ({ reason?: undefined } & Scene)>}
 */
async function measure(size, most) {
  const missing = reasonWithout(size);
  if (missing !== undefined) return { reason: missing };
  const ports = [...REFUSED, ...ASKED_ABOUT];
  const { pids, reason, end } = await crowd({ [kind]: size, descriptors: DESCRIPTORS, ports });
  try {
    if (reason !== undefined) return { reason };
    const there = inUse[kind]();
    if (there < size) throw new Error(`${there} ${kind} are there instead of ${size}`);
    // An error may have had no time to find the process.
    const named = REFUSED.map((port, index) => refused({ port, host: HOST }).report?.holders[0]?.pid === pids[index]);
    for (const [index, port] of ports.entries()) check(port, pids[index]);
    const rounds = quick ? QUICK_ROUNDS : most;
    const samples = await sideBySide(variants(), { rounds, cycles: 1, warmUp: 1 });
    return { there, named: named.every(Boolean), samples };
  } finally {
    await end();
  }
}

/** @type {Record<string, Scene>} */
const scenes = {};
/** @type {LeftOut} */
const leftOut = {};
for (const [size, rounds] of Object.entries(SIZES[kind])) {
  const { reason, ...scene } = await measure(Number(size), rounds);
  if (reason === undefined) scenes[size] = /** @type {Scene} */ (scene);
  else leftOut[size] = reason;
}
printWhole({ scenes, leftOut });
