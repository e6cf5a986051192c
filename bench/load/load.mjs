// The group of loading: what importing this package takes, and how large the process is then.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compare, spread } from '../harness/compare.mjs';
import { sideBySide } from '../harness/measure.mjs';
import { REGISTER } from '../harness/package.mjs';
import { figure, table } from '../report/table.mjs';
import { timings } from '../report/timings.mjs';

/**
 * @import { Comparison, Samples, Timed } from '../group.ts'
 * @import { Unit } from '../report/table.mjs'
 *
 * @typedef {{ wall: number, importing: number, cpu: number, rss: number }} Start what one process took and holds
 */

const START = fileURLToPath(new URL('start.mjs', import.meta.url));

/**
 * Starts a process that imports node:net and perhaps more, and ends at once.
 * @param {string[]} execArgv
 * @param {string} specifier
 * @returns {Start}
 */
function start(execArgv, specifier) {
  const begin = process.hrtime.bigint();
  const { stdout, stderr, status } = spawnSync(process.execPath, [...execArgv, START, specifier], { encoding: 'utf8' });
  const wall = Number(process.hrtime.bigint() - begin);
  if (status !== 0) throw new Error(`the process that imports ${specifier} failed: ${stderr}`);
  return { wall, ...JSON.parse(stdout) };
}

/** @param {{ quick: boolean }} how */
async function importGroup({ quick }) {
  /** @type {[name: string, execArgv: string[], specifier: string][]} */
  const kinds = [
    ['node:net', [], 'node:net'],
    ['exactbind', [], 'exactbind'],
    ['--require exactbind/register', ['--require', REGISTER], 'node:net'],
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
  /** @type {(figure: keyof Start, title: string, names: string[], target?: number) => void} */
  const take = (figure, title, names, target) => {
    for (const name of names) samples[`${title}, ${name}`] = runs[name].slice(warmUp).map((run) => run[figure]);
    for (const name of names.slice(1)) {
      const more = target !== undefined && name === 'exactbind' ? { target: { difference: target } } : {};
      comparisons.push({ name: `${title}, ${name}`, baseline: `${title}, node:net`, difference: true, ...more });
    }
  };
  // What --require loads is there before the clock can start.
  take('importing', 'the import itself', ['node:net', 'exactbind'], 5e6);
  take('wall', 'whole process', Object.keys(runs));
  take('cpu', 'its CPU time', Object.keys(runs));
  const rss = Object.fromEntries(
    Object.entries(runs).map(([name, list]) => [name, list.slice(warmUp).map((run) => run.rss)]),
  );
  return { unit: 'ns', comparisons, samples, rss };
}

/** @type {Unit} */
const MEGABYTES = [1e6, ' MB'];

/** @param {{ rss: Samples }} group */
function memory({ rss }) {
  const [[, plain], ...others] = Object.entries(rss);
  const more = new Map(others.map(([name, list]) => [name, compare(list, plain, (ours, theirs) => ours - theirs)]));
  const rows = Object.entries(rss).map(([name, list]) => {
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
  return table(['', 'resident memory', 'p10 – p90', 'more than node:net', '95 % confidence'], rows);
}

export const groups = { import: importGroup };

export const reports = {
  import: {
    title: 'Import',
    note: 'Fresh processes that import `node:net`, then perhaps this package, and end.',
    /** @param {Timed & { rss: Samples }} group */
    lines: (group) => [...timings(group), '', ...memory(group)],
  },
};
