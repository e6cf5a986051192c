// The group `spread` as Markdown and as plots: how much all workers served of one port, and how evenly.
import { compare, median, spread } from '../harness/compare.mjs';
import { pointOf } from '../report/point.mjs';
import { leftOutLines, table } from '../report/table.mjs';
import { BASELINE, sampleName } from './variants.mjs';

/**
 * @import { Figures, LeftOut, Plot, Samples } from '../group.ts'
 * @import { Key } from './variants.mjs'
 *
 * @typedef {{ busiest: number[], idlest: number[], jain: number[] }} Shares
 * @typedef {Key & { requestsPerSecond: number[], requests: number[], served: number[][], fairness: Shares }} Run
 * @typedef {{ wrk: string, cpus: number, connections: number, threads: number, milliseconds: number, rounds: number }} Conditions
 * @typedef {Figures & Conditions & { runs: Run[], samples: Samples, leftOut: LeftOut }} Spreading
 */

/** @param {number} value */
const whole = (value) => Math.round(value).toLocaleString('en');
/** @param {number} value */
const times = (value) => `${value.toFixed(2)}x`;
/** @type {(ends: number[], format: (value: number) => string) => string} */
const range = ([low, high], format) => `${format(low)} – ${format(high)}`;
/** @type {(number: number, word: string) => string} */
const count = (number, word) => `${number} ${number === 1 ? word : `${word}s`}`;
/**
 * @template T
 * @param {T[]} list
 * @returns {T[]}
 */
const unique = (list) => [...new Set(list)];

/**
 * Of requests per second: what takes half the nanoseconds serves twice as much.
 * @param {number[]} ours
 * @param {number[]} baseline
 */
const faster = (ours, baseline) => compare(ours, baseline, (mine, theirs) => theirs / mine);

/**
 * @param {Run[]} runs
 * @param {Samples} samples
 */
function throughput(runs, samples) {
  const rows = runs.map((run) => {
    const { median: middle, p10, p90 } = spread(run.requestsPerSecond);
    const own = [String(run.workers), run.variant, whole(middle), range([p10, p90], whole)];
    if (run.variant === BASELINE) return [...own, '', '', ''];
    const ratio = faster(samples[sampleName(run)], samples[sampleName({ ...run, variant: BASELINE })]);
    return [...own, times(ratio.median), range(ratio.confidence, times), range([ratio.p10, ratio.p90], times)];
  });
  return table(
    ['workers', '', 'requests per second', 'p10 – p90', `of ${BASELINE}`, '95 % confidence', 'p10 – p90'],
    rows,
  );
}

/** @param {Run[]} runs */
function shares(runs) {
  const rows = runs.map(({ workers, variant, fairness: { busiest, idlest, jain } }) => [
    String(workers),
    variant,
    times(median(busiest)),
    times(Math.max(...busiest)),
    times(median(idlest)),
    times(Math.min(...idlest)),
    median(jain).toFixed(3),
    Math.min(...jain).toFixed(3),
  ]);
  const head = ['workers', '', 'busiest', 'at most', 'idlest', 'at least', "Jain's index", 'at least'];
  return table(head, rows);
}

/** @param {Run[]} runs */
const several = (runs) => runs.filter(({ workers }) => workers > 1);

/** @param {Spreading} group */
export function lines({ runs, samples, leftOut, wrk, cpus, connections, threads, milliseconds, rounds }) {
  const conditions = [
    `wrk ${wrk}, ${connections} connections in ${count(threads, 'thread')}, ${count(rounds, 'round')} of ${milliseconds} ms; it ` +
      `shares ${count(cpus, 'CPU')} with the workers, and with the primary of a cluster.`,
  ];
  const tables = unique(runs.map(({ load }) => load)).flatMap((load) => {
    const own = runs.filter((run) => run.load === load);
    return [
      '',
      `\`${load}\`:`,
      '',
      ...throughput(own, samples),
      '',
      `The shares of the busiest and of the idlest worker, as multiples of a fair one, \`${load}\`:`,
      '',
      ...shares(several(own)),
    ];
  });
  return [...conditions, ...tables, ...leftOutLines(leftOut)];
}

/**
 * @param {Run[]} runs
 * @param {string} load
 * @param {{ part: string, title: string, y: string, max?: number, figure: (run: Run) => number[] }} what
 * @returns {Plot}
 */
function plot(runs, load, { part, title, y, max, figure }) {
  const own = runs.filter((run) => run.load === load);
  return {
    name: `spread-${part}-${load === 'keep-alive' ? 'keep-alive' : 'close'}`,
    kind: 'line',
    title: `${title}, ${load}`,
    x: { name: 'workers', log: true },
    y: { name: y, ...(max === undefined ? {} : { max }) },
    series: unique(own.map(({ variant }) => variant)).map((name) => ({
      name,
      points: own.filter(({ variant }) => variant === name).map((run) => pointOf(run.workers, figure(run))),
    })),
  };
}

const THROUGHPUT = {
  part: 'throughput',
  title: 'One port, several processes',
  y: 'requests per second',
  figure: (/** @type {Run} */ { requestsPerSecond }) => requestsPerSecond,
};

const FAIRNESS = {
  part: 'fairness',
  title: 'How evenly the workers of one port serve',
  y: "Jain's index (1: all the same)",
  max: 1,
  figure: (/** @type {Run} */ { fairness }) => fairness.jain,
};

/**
 * @param {Spreading} group
 * @returns {Plot[]}
 */
export function plots({ runs }) {
  return unique(runs.map(({ load }) => load)).flatMap((load) => [
    plot(runs, load, THROUGHPUT),
    plot(several(runs), load, FAIRNESS),
  ]);
}
