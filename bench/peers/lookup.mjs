// Times who finds the holder of a port, while the sockets and then the processes of the machine grow; prints the samples.
import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';
import find from 'find-process';
import { portToPid } from 'pid-port';
import { crowd } from '../harness/crowd.mjs';
import { inspectPort, inspectPortSync } from '../harness/exactbind.mjs';
import { startFloor } from '../harness/floor.mjs';
import { inTurn, sideBySide, synchronous, timed } from '../harness/measure.mjs';
import { loadAddon } from '../harness/package.mjs';
import { printWhole } from '../harness/print.mjs';
import { refused, refusedToNode } from '../harness/refusals.mjs';
import { startActor } from './cases.mjs';

/**
 * @import { Samples } from '../group.ts'
 * @import { Refusals } from './report.mjs'
 * @typedef {ReturnType<typeof startFloor>} Floor
 */

// Outside the ephemeral range; nobody else is in this network namespace.
const FIRST_PORT = 10_000;
const REFUSALS = 1000;
const REFUSAL_ROUNDS = 5;
const QUICK_REFUSALS = 50;

// What a machine without load has: in a pid namespace of its own /proc would be all but empty.
const IDLE = { processes: 100, descriptors: 10, sockets: 0 };
const QUICK_ROUNDS = 4;
/** @type {Record<string, { rounds: number, sockets?: number, processes?: number, descriptors?: number }>} */
const SCENES = {
  idle: { rounds: 40 },
  '1,000 sockets': { sockets: 1000, rounds: 15 },
  '5,000 sockets': { sockets: 5000, rounds: 15 },
  '10,000 sockets': { sockets: 10_000, rounds: 15 },
  '100 processes': { processes: 100, descriptors: 200, rounds: 15 },
  '250 processes': { processes: 250, descriptors: 200, rounds: 12 },
  '500 processes': { processes: 500, descriptors: 200, rounds: 10 },
};

const [program, words, ...named] = process.argv.slice(2);
const quick = JSON.parse(words);
const run = promisify(execFile);

/** @param {Parameters<typeof crowd>[0]} size */
async function filled(size) {
  const { reason, end } = await crowd(size);
  if (reason !== undefined) throw new Error(`the crowd did not come: ${reason}`);
  return end;
}

/** The addon as the package has it: with no time for pids, a report is left with verdict, uid and control group. */
const addon = loadAddon();
const { sockets } = addon;
/**
 * @template T
 * @param {() => T} inspect
 */
function withoutPids(inspect) {
  addon.sockets = (type, port, states) => sockets(type, port, states, 0);
  try {
    return inspect();
  } finally {
    addon.sockets = sockets;
  }
}

const FAST = 3;

/**
 * @param {number[]} ports
 * @param {Floor} floor
 */
function variantsOn(ports, floor) {
  const next = inTurn(ports);
  /** @param {(port: number) => unknown} ask */
  const quick = (ask) => timed(() => ask(next()), FAST);
  /** @param {(port: number) => unknown} ask */
  const slow = (ask) => timed(() => ask(next()));
  return [
    { name: 'C', run: () => floor.run(next(), FAST) },
    { name: 'inspectPortSync without pids', run: quick((port) => withoutPids(() => inspectPortSync(port))) },
    { name: 'inspectPortSync', run: quick(inspectPortSync) },
    { name: 'inspectPort', run: quick(inspectPort) },
    { name: 'new BoundSocket, refused', run: quick((port) => refused({ port })) },
    { name: 'pid-port', run: slow((port) => portToPid({ port, host: '*' })) },
    { name: 'find-process', run: slow((port) => find('port', port)) },
    { name: 'lsof -nP -i :port', run: slow((port) => run('lsof', ['-nP', '-i', `:${port}`])) },
    { name: 'ss -tlnp', run: slow(() => run('ss', ['-tlnp'])) },
  ];
}

/**
 * Everybody finds the same process, or nothing is timed.
 * @param {number} port
 * @param {number | undefined} pid
 * @param {Floor} floor
 */
async function check(port, pid, floor) {
  const limited = withoutPids(() => inspectPortSync(port));
  const { stdout } = await run('lsof', ['-nP', '-t', '-i', `:${port}`]);
  const said = [
    inspectPortSync(port).holders[0]?.pid,
    (await inspectPort(port)).holders[0]?.pid,
    (await floor.ask(port, 1))[0],
    await portToPid({ port, host: '*' }),
    (await find('port', port))[0]?.pid,
    Number(stdout),
  ];
  if (said.some((one) => one !== pid)) throw new Error(`pid ${pid} has port ${port}, and they say ${said}`);
  if (
    limited.verdict !== 'listening' ||
    limited.holders[0]?.uid === undefined ||
    limited.holders[0].pid !== undefined
  ) {
    throw new Error(`without pids the report is ${JSON.stringify(limited)}`);
  }
}

/**
 * The nanoseconds that many refused listens take, one after another.
 * @param {number} port
 * @returns {Promise<Refusals>}
 */
async function refusedOften(port) {
  const count = quick ? QUICK_REFUSALS : REFUSALS;
  const variants = [
    { name: 'server.listen', run: refusedToNode(() => ({ port })) },
    { name: 'new BoundSocket', run: synchronous(() => refused({ port })) },
  ];
  const each = await sideBySide(variants, { rounds: REFUSAL_ROUNDS, cycles: count, warmUp: 0 });
  const samples = Object.fromEntries(
    Object.entries(each).map(([name, list]) => [name, list.map((one) => one * count)]),
  );
  return { count, samples };
}

const floor = startFloor(program);
const leave = await filled(IDLE);
/** @type {Record<string, Samples>} */
const scenes = {};
/** @type {Refusals | undefined} */
let refusals;
let nextPort = FIRST_PORT;

/** A listener of another process, on every IPv4 address. */
async function hold() {
  const port = nextPort++;
  const holder = startActor();
  await holder.do({ do: 'open', host: '0.0.0.0', port, options: ['SO_REUSEADDR'], listen: true });
  await check(port, holder.pid, floor);
  return { port, end: holder.end };
}

for (const [name, { rounds, ...size }] of Object.entries(SCENES)) {
  if (named.length > 0 && !named.includes(name)) continue;
  const end = await filled(size);
  // Started last: a search through /proc in its order comes to them at the end.
  const holders = [await hold(), await hold()];
  const ports = holders.map(({ port }) => port);
  const length = { rounds: quick ? QUICK_ROUNDS : rounds, cycles: 1, warmUp: 1 };
  scenes[name] = await sideBySide(variantsOn(ports, floor), length);
  if (name === 'idle') refusals = await refusedOften(ports[0]);
  await Promise.all(holders.map((holder) => holder.end()));
  await end();
}
floor.end();
await leave();
printWhole({ idle: IDLE, scenes, refusals });
