// Times one upgrade after the other beside plain starts, in an order that changes; prints nanoseconds.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { sideBySide } from '../harness/measure.mjs';
import { Place, program } from './place.mjs';
import { clientOf } from './requests.mjs';
import { OWN } from './ways.mjs';

/**
 * @import { ChildProcess } from 'node:child_process'
 * @typedef {{ began: bigint, ready: bigint }} Told
 * @typedef {{ spawned: bigint, began?: bigint, ready?: bigint, answered: bigint }} Times
 */

/** @type {{ rounds: number, warmUp: number }} */
const length = JSON.parse(process.argv[2]);
const folder = mkdtempSync(join(tmpdir(), 'upgrade-time-'));

/** @param {number} port */
async function placeAt(port) {
  const place = new Place('http', port, join(folder, String(port)));
  await place.open();
  return place;
}

/**
 * When the first answer comes that is by nobody of before.
 * @param {number} port
 * @param {Set<number>} before
 */
async function answerOf(port, before) {
  const client = clientOf('http', port, false);
  for (;;) {
    const met = await client.ask();
    if ('pid' in met && !before.has(met.pid)) return process.hrtime.bigint();
    // The programs need a processor, too.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const taking = await placeAt(10_001);
taking.node([program('timed.mjs'), 'first'], { ipc: true });
await taking.crew.until('the first', ({ size }) => size === 1);

/**
 * @param {Place} place
 * @param {() => ChildProcess} start
 * @returns {Promise<Times>}
 */
async function told(place, start) {
  const before = new Set(place.crew.pids);
  const spawned = process.hrtime.bigint();
  const said = once(start(), 'message');
  const answered = answerOf(place.port, before);
  const [{ began, ready }] = /** @type {[Told]} */ (await said);
  return { spawned, began, ready, answered: await answered };
}

async function take() {
  const before = new Set(taking.crew.pids);
  const times = await told(taking, () => taking.node([program('timed.mjs'), 'take'], { ipc: true }));
  await taking.crew.turnover(before);
  return times;
}

const plain = await placeAt(10_002);

async function start() {
  /** @type {ChildProcess | undefined} */
  let child;
  const times = await told(plain, () => {
    child = plain.node([program('timed-plain.cjs')], { ipc: true });
    return child;
  });
  await plain.ended(/** @type {ChildProcess} */ (child), 'SIGKILL');
  await plain.crew.until('nobody', ({ size }) => size === 0);
  return times;
}

const running = await placeAt(10_003);
const run = await OWN['exactbind run, SIGHUP'].start(running);
await running.crew.until('the first', ({ size }) => size === 1);

/** @returns {Promise<Times>} */
async function hangUp() {
  const before = new Set(running.crew.pids);
  const spawned = process.hrtime.bigint();
  run.upgrade();
  const answered = await answerOf(running.port, before);
  await running.crew.turnover(before);
  return { spawned, answered };
}

const found = await sideBySide(
  [
    { name: 'take', run: take },
    { name: 'plain', run: start },
    { name: 'run', run: hangUp },
  ],
  { ...length, cycles: 1 },
);
await run.end?.();
await Promise.all([taking, plain, running].map((place) => place.clear()));
rmSync(folder, { recursive: true, force: true });

/** @type {(list: Times[], from: 'spawned' | 'began', to: 'ready' | 'answered') => number[]} */
const span = (list, from, to) =>
  list.map((one) => Number(/** @type {bigint} */ (one[to]) - /** @type {bigint} */ (one[from])));
console.log(
  JSON.stringify({
    'takeSockets(), to the first answer': span(found.take, 'began', 'answered'),
    'server.listen(), to the first answer': span(found.plain, 'began', 'answered'),
    'takeSockets(), until ready() resolves': span(found.take, 'began', 'ready'),
    'new process that takes, whole': span(found.take, 'spawned', 'answered'),
    'plain start, whole': span(found.plain, 'spawned', 'answered'),
    'exactbind run, from SIGHUP': span(found.run, 'spawned', 'answered'),
  }),
);
process.exit();
