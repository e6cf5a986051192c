// The group of loading: what importing this package takes, and how large the process is then.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { compare, spread } from '../harness/compare.mjs';
import { sideBySide } from '../harness/measure.mjs';
import { REGISTER } from '../harness/package.mjs';
import { peer, peerFile } from '../peers/install.mjs';
import { figure, table } from '../report/table.mjs';
import { timings } from '../report/timings.mjs';

/**
 * @import { Comparison, Samples, Timed } from '../group.ts'
 * @import { Unit } from '../report/table.mjs'
 *
 * @typedef {{ wall: number, importing: number, cpu: number, rss: number, dirty: number }} Start what one process took and holds
 */

const START = fileURLToPath(new URL('start.mjs', import.meta.url));

/**
 * Starts a process that imports node:net and perhaps more, perhaps listens, and ends at once.
 * @param {string[]} execArgv
 * @param {string[]} words
 * @returns {Start}
 */
function start(execArgv, ...words) {
  const [specifier] = words;
  const begin = process.hrtime.bigint();
  const { stdout, stderr, status } = spawnSync(process.execPath, [...execArgv, START, ...words], { encoding: 'utf8' });
  const wall = Number(process.hrtime.bigint() - begin);
  if (status !== 0) throw new Error(`the process that imports ${specifier} failed: ${stderr}`);
  return { wall, ...JSON.parse(stdout) };
}

const FLOOR = 'an empty package of the same shape';
// What others import for a part of it: free ports, options of a socket.
const PEERS = ['get-port', 'detect-port', 'sockopt'];

/** Those that load here. */
function peersHere() {
  return PEERS.filter((name) => {
    const { reason } = peer(name);
    if (reason !== undefined) console.error(`left out: ${name}: ${reason}`);
    return reason === undefined;
  });
}

// What Node itself takes for an ES module over a CommonJS one.
/** @param {string} folder */
function makeFloor(folder) {
  const at = join(folder, 'node_modules', 'floor');
  mkdirSync(at, { recursive: true });
  const paths = { import: './index.mjs', require: './index.cjs' };
  writeFileSync(join(at, 'package.json'), JSON.stringify({ name: 'floor', type: 'commonjs', exports: paths }));
  writeFileSync(join(at, 'index.cjs'), 'exports.listen = () => {};\n');
  const lines = [
    "import { createRequire } from 'node:module';",
    "export const { listen } = createRequire(import.meta.url)('./index.cjs');",
  ];
  writeFileSync(join(at, 'index.mjs'), `${lines.join('\n')}\n`);
  return pathToFileURL(join(at, 'index.mjs')).href;
}

/** @param {{ quick: boolean }} options */
async function importGroup(options) {
  const folder = mkdtempSync(join(tmpdir(), 'exactbind-floor-'));
  try {
    return await compareImports(options, makeFloor(folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {{ quick: boolean }} how
 * @param {string} floor
 */
async function compareImports({ quick }, floor) {
  const peers = quick ? [] : peersHere();
  /** @type {[name: string, execArgv: string[], specifier: string][]} */
  const kinds = [
    ['node:net', [], 'node:net'],
    [FLOOR, [], floor],
    ['exactbind', [], 'exactbind'],
    ['--require exactbind/register', ['--require', REGISTER], 'node:net'],
    .../** @type {typeof kinds} */ (peers.map((name) => [name, [], peerFile(name)])),
  ];
  /** @type {Record<string, Start[]>} */
  const runs = Object.fromEntries(kinds.map(([name]) => [name, []]));
  const variants = kinds.map(([name, execArgv, specifier]) => ({
    name,
    run: () => void runs[name].push(start(execArgv, specifier)),
  }));
  const warmUp = quick ? 1 : 3;
  const rounds = quick ? 8 : 100;
  await sideBySide(variants, { rounds, cycles: 1, warmUp });

  /** @type {Samples} */
  const samples = {};
  /** @type {Comparison[]} */
  const comparisons = [];
  /** @type {(figure: keyof Start, title: string, names: string[], targets?: Record<string, number>) => void} */
  const take = (figure, title, names, targets = {}) => {
    for (const name of names) samples[`${title}, ${name}`] = runs[name].slice(warmUp).map((run) => run[figure]);
    for (const name of names.slice(1)) {
      const more = targets[name] === undefined ? {} : { target: { difference: targets[name] } };
      comparisons.push({ name: `${title}, ${name}`, baseline: `${title}, node:net`, difference: true, ...more });
    }
  };
  // What --require loads is there before the clock can start.
  take('importing', 'the import itself', ['node:net', FLOOR, 'exactbind', ...peers], { exactbind: 5e6 });
  take('wall', 'whole process', Object.keys(runs), { '--require exactbind/register': 4.5e6 });
  take('cpu', 'its CPU time', Object.keys(runs));
  const rss = Object.fromEntries(
    Object.entries(runs).map(([name, list]) => [name, list.slice(warmUp).map((run) => run.rss)]),
  );
  const dirty = Object.fromEntries(
    Object.entries(runs).map(([name, list]) => [name, list.slice(warmUp).map((run) => run.dirty)]),
  );
  return { unit: 'ns', comparisons, samples, rss, dirty };
}

/** @param {{ quick: boolean }} how */
async function firstListen({ quick }) {
  /** @type {[name: string, execArgv: string[], specifier: string][]} */
  const kinds = [
    ['node:net', [], 'node:net'],
    ['exactbind', [], 'exactbind'],
    ['--require exactbind/register', ['--require', REGISTER], 'node:net'],
  ];
  const warmUp = quick ? 1 : 3;
  /** @type {Samples} */
  const samples = Object.fromEntries(kinds.map(([name]) => [name, []]));
  const variants = kinds.map(([name, execArgv, specifier]) => ({
    name,
    run: () => void samples[name].push(start(execArgv, specifier, 'listen').wall),
  }));
  await sideBySide(variants, { rounds: quick ? 8 : 100, cycles: 1, warmUp });
  for (const name of Object.keys(samples)) samples[name].splice(0, warmUp);
  const compared = (/** @type {string} */ name, /** @type {number} */ difference) => ({
    name,
    baseline: 'node:net',
    difference: true,
    target: { difference },
  });
  const comparisons = [compared('exactbind', 8e6), compared('--require exactbind/register', 6e6)];
  return { unit: 'ns', comparisons, samples };
}

/** @type {Unit} */
const MEGABYTES = [1e6, ' MB'];

/**
 * @param {string} title
 * @param {Samples} found
 */
function memory(title, found) {
  const [[, plain], ...others] = Object.entries(found);
  const more = new Map(others.map(([name, list]) => [name, compare(list, plain, (ours, theirs) => ours - theirs)]));
  const rows = Object.entries(found).map(([name, list]) => {
    const { median, p10, p90 } = spread(list);
    const difference = more.get(name);
    return [
      name,
      figure(median, MEGABYTES),
      `${figure(p10, MEGABYTES)} – ${figure(p90, MEGABYTES)}`,
      ...(difference === undefined
        ? ['', '']
        : [
            figure(difference.median, MEGABYTES),
            difference.confidence.map((value) => figure(value, MEGABYTES)).join(' – '),
          ]),
    ];
  });
  return table(['', title, 'p10 – p90', 'more than node:net', '95 % confidence'], rows);
}

export const groups = { import: importGroup, 'first-listen': firstListen };

export const reports = {
  import: {
    title: 'Import',
    note: 'Fresh processes that import `node:net`, then perhaps this package or another, and end.',
    /** @param {Timed & { rss: Samples, dirty?: Samples }} group */
    lines: (group) => [
      ...timings(group),
      '',
      ...memory('resident memory', group.rss),
      // Results from before it was measured have none.
      ...(group.dirty === undefined ? [] : ['', ...memory('private dirty pages', group.dirty)]),
    ],
  },
  'first-listen': {
    title: 'Start and first listen',
    note: 'Fresh processes, whole: each imports `node:net` and perhaps this package, listens once on 127.0.0.1, and ends.',
  },
};
