// Upgrades a server in every way under load, in blocks whose order changes; prints what clients met of each.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { ask, end } from '../harness/ask.mjs';
import { shuffled } from '../harness/measure.mjs';
import { load } from '../spread/wrk.mjs';
import { othersFrom } from './others.mjs';
import { Place, program } from './place.mjs';
import { LESS, OWN } from './ways.mjs';

/**
 * @import { Tally } from './clients.mjs'
 * @import { Kind } from './requests.mjs'
 * @import { Running, Way } from './ways.mjs'
 *
 * @typedef {{ way: string, kind: Kind, upgrades: number, blocks: number, throughput?: boolean }} Cell
 * @typedef {{ own: number[], plain: number[] }} Rates requests per second, slice by slice
 * @typedef {{ way: string, kind: Kind, met: Record<string, Tally>, gaps: number[], before?: Rates, after?: Rates, renewed?: Rates }} Outcome
 * @typedef {{ cells: Cell[], tools: string, slices: number, minutes: number }} Plan
 */

/** @type {Plan} */
const { cells, tools, slices, minutes } = JSON.parse(process.argv[2]);
/** @type {Record<string, Way>} */
const WAYS = { ...OWN, ...LESS, ...othersFrom(tools) };

// In a network of its own: below the ephemeral range.
let port = 10_000;
const folder = mkdtempSync(join(tmpdir(), 'upgrades-'));
const clients = fork(program('clients.mjs'), { serialization: 'advanced' });

/**
 * @param {Place} place
 * @param {Way} way
 * @returns {Promise<Running>}
 */
async function started(place, { members = 1, start }) {
  await place.open();
  const running = await start(place);
  await place.crew.until('the first ones', ({ size }) => size === members);
  return running;
}

/** @param {Kind} kind */
function newPlace(kind) {
  port++;
  return new Place(kind, port, join(folder, String(port)));
}

const SLICE = { connections: 16, threads: 1, milliseconds: 400 };

/**
 * What an instance serves, beside what one does that was just started and listens by itself.
 * @param {Place} place
 * @returns {Promise<Rates>}
 */
async function ratesOf(place) {
  const plain = newPlace('http');
  await started(plain, {
    start() {
      plain.node([program('app.cjs')]);
      return { upgrade() {} };
    },
  });
  const sides = { own: place.port, plain: plain.port };
  /** @type {Rates} */
  const rates = { own: [], plain: [] };
  const next = shuffled(/** @type {(keyof Rates)[]} */ (Object.keys(sides)));
  for (let slice = -1; slice < slices; slice++) {
    for (const side of next()) {
      const { perSecond } = await load(sides[side], SLICE);
      if (slice >= 0) rates[side].push(Math.round(perSecond));
    }
  }
  await plain.clear();
  return rates;
}

/** @param {Cell} cell */
function scene({ way, kind, upgrades, blocks, throughput }) {
  const place = newPlace(kind);
  /** @type {Running} */
  let running;
  /** @type {Outcome} */
  const outcome = { way, kind, met: {}, gaps: [] };
  /** @param {Record<string, Tally>} tallies */
  function add(tallies) {
    for (const [name, { answered, failed }] of Object.entries(tallies)) {
      outcome.met[name] ??= { answered: 0, failed: {} };
      const met = outcome.met[name];
      met.answered += answered;
      for (const [code, count] of Object.entries(failed)) met.failed[code] = (met.failed[code] ?? 0) + count;
    }
  }
  async function replace() {
    const before = new Set(place.crew.pids);
    await running.upgrade();
    await place.crew.turnover(before, WAYS[way].replaced).catch((error) => {
      throw new Error(`${way}, ${kind}: ${error.message}`);
    });
  }
  async function upgrade() {
    const began = performance.now();
    await replace();
    const { gap } = await ask(clients, { do: 'settle' });
    if (process.env['UPGRADES_LOUD']) console.error(way, kind, 'turn', performance.now() - began, 'gap', gap);
    outcome.gaps.push(Math.round(gap));
  }
  async function run() {
    if (outcome.gaps.length === 0) {
      running = await started(place, WAYS[way]);
      if (throughput) outcome.before = await ratesOf(place);
    }
    await ask(clients, { do: 'begin', kind, port: place.port });
    for (let done = 0; done < upgrades / blocks; done++) await upgrade();
    add(await ask(clients, { do: 'finish' }));
  }
  let isFinished = false;
  async function finish() {
    if (isFinished || outcome.gaps.length === 0) return;
    isFinished = true;
    if (throughput) {
      outcome.after = await ratesOf(place);
      // As new as the plain one beside it: no client has asked it anything yet.
      await replace();
      outcome.renewed = await ratesOf(place);
    }
    await running.end?.();
    await place.clear();
  }
  return { blocks, run, finish, outcome };
}

// A slow machine makes fewer upgrades, and says so.
const most = performance.now() + minutes * 60_000;
const scenes = cells.map(scene);
const rounds = Math.max(...cells.map(({ blocks }) => blocks));
const next = shuffled(scenes);
for (let round = 0; round < rounds; round++) {
  // One of fewer blocks has them spread over all rounds.
  /** @type {(blocks: number, at: number) => number} */
  const done = (blocks, at) => Math.round((at * blocks) / rounds);
  for (const { blocks, run, finish } of next()) {
    if (done(blocks, round + 1) === done(blocks, round) || performance.now() > most) continue;
    await run();
    if (done(blocks, round + 1) === blocks) await finish();
  }
}
for (const { finish } of scenes) await finish();
await end(clients);
rmSync(folder, { recursive: true, force: true });
const outcomes = scenes.map(({ outcome }) => outcome).filter(({ gaps }) => gaps.length > 0);
console.log(JSON.stringify({ outcomes }));
process.exit();
