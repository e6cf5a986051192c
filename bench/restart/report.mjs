// The group of restarts as Markdown and as plots: how long nobody answered, and how many requests failed meanwhile.
import { compare, spread, sum } from '../harness/compare.mjs';
import { durations } from '../report/duration.mjs';
import { pointOf } from '../report/point.mjs';
import { leftOutLines, table } from '../report/table.mjs';
import { failures } from './summary.mjs';

/**
 * @import { Comparison, LeftOut, Plot, Samples } from '../group.ts'
 * @import { Columns } from './summary.mjs'
 * @typedef {Record<string, Columns>} Restarts
 * @typedef {{ restarts: Restarts, samples: Samples, comparisons: Comparison[], leftOut: LeftOut }} Restarting
 */

/**
 * A successor that shares the port listens before it is released.
 * @param {Columns} restarts
 */
const isBefore = ({ listening }) => listening.every((nanoseconds) => nanoseconds < 0);

/** @param {[string, Columns]} entry */
function row([name, one]) {
  const { median, p10, p90 } = spread(failures(one));
  const codes = Object.entries(one.failed).map(([code, list]) => `${sum(list)} ${code}`);
  return [
    name,
    isBefore(one) ? 'before' : durations(one.listening),
    durations(one.answered),
    `${median} (${p10.toFixed(0)} – ${p90.toFixed(0)})`,
    `${sum(failures(one))} of ${sum(one.requests)}`,
    codes.join(', '),
  ];
}

/**
 * @param {Samples} samples
 * @param {Comparison} comparison
 */
function compared(samples, { name, baseline }) {
  const { median, confidence } = compare(samples[name], samples[baseline]);
  /** @param {number} value */
  const ratio = (value) => `${value.toPrecision(2)}x`;
  return [name, baseline, ratio(median), confidence.map(ratio).join(' – ')];
}

/**
 * Requests that were due while too many others had no answer.
 * @param {Restarts} restarts
 */
const heldBackLines = (restarts) =>
  Object.entries(restarts)
    .map(([name, { heldBack }]) => ({ name, count: sum(heldBack) }))
    .filter(({ count }) => count > 0)
    .map(({ name, count }) => `\nNot sent, because too many had no answer yet: ${count} (${name}).`);

/** @param {Restarting} group */
export function lines({ restarts, samples, comparisons, leftOut }) {
  return [
    ...table(
      [
        '',
        "from the release to 'listening'",
        'to the first answer',
        'failed requests a restart',
        'of all requests',
        'codes',
      ],
      Object.entries(restarts).map(row),
    ),
    '',
    ...table(
      ['', 'against', 'ratio', '95 % confidence'],
      comparisons.map((one) => compared(samples, one)),
    ),
    ...heldBackLines(restarts),
    ...leftOutLines(leftOut),
  ];
}

/**
 * @param {Restarts} restarts
 * @param {(one: Columns) => number[]} figures
 */
const bars = (restarts, figures) => Object.values(restarts).map((one, at) => pointOf(at, figures(one)));

/**
 * @param {Restarting} group
 * @returns {Plot[]}
 */
export function plots({ restarts }) {
  const x = { name: '', categories: Object.keys(restarts) };
  /** @param {Columns} restarts */
  const inMilliseconds = ({ answered }) => answered.map((nanoseconds) => nanoseconds / 1e6);
  return [
    {
      name: 'restart-answer',
      kind: 'bar',
      title: 'From the release of the port to the first answer of the successor',
      x,
      y: { name: 'milliseconds: median, p10 – p90', log: true },
      series: [{ name: 'to the first answer', points: bars(restarts, inMilliseconds) }],
    },
    {
      name: 'restart-failures',
      kind: 'bar',
      title: 'Requests that failed in one restart, at 200 a second',
      x,
      y: { name: 'requests: median, p10 – p90' },
      series: [{ name: 'failed requests', points: bars(restarts, failures) }],
    },
  ];
}
