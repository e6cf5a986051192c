// Starts, restarts, inspects, waits and serves for a given time, and fails if memory or descriptors grow.
//
//   npm run soak -- --seconds 3600            --node 24; one process, in a network of its own
//   npm run soak -- --seconds 3600 --keep     writes the figures into bench/results; --out FILE elsewhere
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { nodeBinary } from './node-binaries.mjs';
import { inOwnNetwork } from './own-network.mjs';
import { judge } from './soak/verdict.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    node: { type: 'string' },
    keep: { type: 'boolean', default: false },
    out: { type: 'string' },
    inside: { type: 'boolean', default: false },
  },
});

const KEPT = fileURLToPath(new URL('../bench/results/soak-linux-x64.json', import.meta.url));
const root = fileURLToPath(new URL('..', import.meta.url));
// The space for what is young grows for as long as there is much to do: small, it is full size within a minute.
const FLAGS = ['--expose-gc', '--max-semi-space-size=1'];
const LANES = 6;
// Below the ephemeral range; so many that what is left of connections is gone before a port has its turn again.
const [FIRST, BAND, STEP] = [10_000, 3_600, 3];
const SAMPLES = 120;

/** @param {string} text @param {string} name */
const kilobytes = (text, name) => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? 0) * 1024;

/** With all closed and collected. @returns {Omit<import('./soak/verdict.mjs').Sample, 'seconds' | 'rounds'>} */
function look() {
  const { gc } = /** @type {typeof globalThis & { gc: () => void }} */ (globalThis);
  gc();
  gc();
  const rollup = readFileSync('/proc/self/smaps_rollup', 'utf8');
  return {
    rss: kilobytes(rollup, 'Rss'),
    privateDirty: kilobytes(rollup, 'Private_Dirty'),
    heap: process.memoryUsage().heapUsed,
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
  };
}

// What was closed in this turn of the event loop is gone after the next, and finalizers of what was collected have run.
async function settled() {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** @param {number} seconds */
async function soak(seconds) {
  const { SCENES } = await import('./soak/scenes.mjs');
  /** @type {import('./soak/verdict.mjs').Sample[]} */
  const samples = [];
  /** @type {Record<string, number>} */
  const done = Object.fromEntries(SCENES.map(([name]) => [name, 0]));
  /** @type {string[]} */
  const wrong = [];
  let failures = 0;
  let rounds = 0;
  /** @param {number} lane @param {number} round */
  const play = async (lane, round) => {
    const port = FIRST + lane * BAND + ((round * STEP) % BAND);
    for (const [name, scene] of SCENES) {
      try {
        await scene(port, round);
        done[name]++;
      } catch (error) {
        failures++;
        if (wrong.length < 20) wrong.push(`${name}, round ${round}: ${error instanceof Error ? error.stack : error}`);
      }
    }
  };
  const began = performance.now();
  const passed = () => (performance.now() - began) / 1000;
  let next = 0;
  while (passed() < seconds) {
    await Promise.all(Array.from({ length: LANES }, (_, lane) => play(lane, rounds)));
    rounds++;
    if (passed() < next) continue;
    await settled();
    samples.push({ seconds: Math.round(passed()), rounds, ...look() });
    next += seconds / SAMPLES;
  }
  return { seconds: Math.round(passed()), rounds, done, failures, wrong, samples };
}

function describe() {
  const found = spawnSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8' });
  return {
    commit: process.env.EXACTBIND_COMMIT ?? found.stdout?.trim(),
    kernel: release(),
    node: process.version,
    cpus: cpus().length,
  };
}

/** @param {number} value @param {string} measure */
const shown = (value, measure) =>
  ['descriptors', 'threads'].includes(measure) ? String(value) : `${(value / 2 ** 20).toFixed(1)} MiB`;

if (process.platform !== 'linux') {
  console.log('left out: the soak reads /proc\n0 passed, 0 failed');
} else if (values.inside) {
  const seconds = Number(values.seconds);
  const result = await soak(seconds);
  const verdict = judge(result.samples, seconds / 3);
  for (const { measure, from, to, bound, most, isFlat } of verdict) {
    const [was, is, may, peak] = [from, to, bound, most].map((value) => shown(value, measure));
    console.log(
      `${isFlat ? 'ok    ' : 'FAILED'}  ${measure}: ${was} when warm, ${is} at the end, ${peak} at most; bound +${may}`,
    );
  }
  console.log(`${result.failures === 0 ? 'ok    ' : 'FAILED'}  ${result.failures} scenes failed`);
  for (const text of result.wrong) console.log(text);
  const sum = Object.values(result.done).reduce((total, count) => total + count, 0);
  console.log(`${result.seconds} s, ${result.rounds} rounds, ${sum} scenes`);
  const out = values.out ?? (values.keep ? KEPT : undefined);
  if (out !== undefined) writeFileSync(out, `${JSON.stringify({ ...describe(), ...result, verdict }, undefined, 1)}\n`);
  const failed = verdict.filter(({ isFlat }) => !isFlat).length + (result.failures > 0 ? 1 : 0);
  console.log(`${verdict.length + 1 - failed} passed, ${failed} failed`);
  process.exit(failed > 0 ? 1 : 0);
} else {
  const node = values.node === undefined ? process.execPath : nodeBinary(values.node).path;
  const script = fileURLToPath(import.meta.url);
  const [file, ...args] = inOwnNetwork([node, ...FLAGS, script, ...process.argv.slice(2), '--inside']);
  try {
    execFileSync(file, args, { stdio: 'inherit' });
  } catch {
    process.exitCode = 1;
  }
}
