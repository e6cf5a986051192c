// The group of restarts as Markdown and as plots: how long nobody answered, and how many requests failed meanwhile.
import { compare, spread, sum } from '../harness/compare.mjs';
import { durations } from '../report/duration.mjs';
import { pointOf } from '../report/point.mjs';
import { leftOutLines, table } from '../report/table.mjs';
import { failures } from './summary.mjs';

/** A successor that shares the port listens before it is released. */
const isBefore = ({ listening }) => listening.every((nanoseconds) => nanoseconds < 0);

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

function compared(samples, { name, baseline }) {
  const { median, confidence } = compare(samples[name], samples[baseline]);
  const ratio = (value) => `${value.toPrecision(2)}x`;
  return [name, baseline, ratio(median), confidence.map(ratio).join(' – ')];
}

/** Requests that were due while too many others had no answer. */
const heldBackLines = (restarts) =>
  Object.entries(restarts)
    .map(([name, { heldBack }]) => [name, sum(heldBack)])
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `\nNot sent, because too many had no answer yet: ${count} (${name}).`);

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

const bars = (restarts, figures) => Object.values(restarts).map((one, at) => pointOf(at, figures(one)));

export function plots({ restarts }) {
  const x = { name: '', categories: Object.keys(restarts) };
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
