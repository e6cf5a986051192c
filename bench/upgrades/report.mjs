// The group of upgrades as Markdown and as plots: how many requests failed, of how many, and how long nobody answered.
import { compare, median, spread, sum } from '../harness/compare.mjs';
import { pointOf } from '../report/point.mjs';
import { leftOutLines, table } from '../report/table.mjs';
import { REFUSED_STREAM } from './requests.mjs';

/**
 * @import { Figures, LeftOut, Plot } from '../group.ts'
 * @import { Tally } from './clients.mjs'
 * @import { Outcome, Rates } from './scene.mjs'
 * @typedef {Figures & { outcomes: Outcome[], versions?: Record<string, string>, leftOut: LeftOut }} Upgrading
 */

const REFUSED = ['ECONNREFUSED'];
const RESET = ['ECONNRESET', 'EPIPE', 'CUT'];

/**
 * What became of the requests of some clients; a stream that was refused is none of them.
 * @param {Record<string, Tally>} met
 */
export function failuresOf(met) {
  /** @type {Record<string, number>} */
  const codes = {};
  for (const { failed } of Object.values(met))
    for (const [code, count] of Object.entries(failed)) codes[code] = (codes[code] ?? 0) + count;
  const { [REFUSED_STREAM]: refusedStreams = 0, ...others } = codes;
  const failed = sum(Object.values(others));
  return {
    failed,
    codes: others,
    refusedStreams,
    all: failed + sum(Object.values(met).map(({ answered }) => answered)),
  };
}

/** @param {number} value */
const number = (value) => value.toLocaleString('en');

/** @param {Record<string, Tally>} met */
function share(met) {
  const { failed, all } = failuresOf(met);
  return `${number(failed)} of ${number(all)}`;
}

/** @type {(codes: Record<string, number>, list: string[]) => number} */
const countOf = (codes, list) => sum(list.map((code) => codes[code] ?? 0));

/** @param {number} milliseconds */
const ms = (milliseconds) => `${milliseconds.toFixed(0)} ms`;

/** @param {Outcome} outcome */
function row({ way, kind, gaps, met }) {
  const { codes, refusedStreams } = failuresOf(met);
  const others = Object.keys(codes).filter((code) => ![...REFUSED, ...RESET].includes(code));
  return [
    `${way}, ${kind}`,
    String(gaps.length),
    share(met),
    number(countOf(codes, REFUSED)),
    number(countOf(codes, RESET)),
    others.map((code) => `${number(codes[code])} ${code}`).join(', '),
    kind === 'http2' ? number(refusedStreams) : '',
    ms(median(gaps)),
    ms(Math.max(...gaps)),
  ];
}

/** @type {(outcomes: Outcome[]) => string[]} */
const clientsOf = (outcomes) => [...new Set(outcomes.flatMap(({ met }) => Object.keys(met)))];

/** @param {Outcome[]} outcomes */
function byClient(outcomes) {
  const names = clientsOf(outcomes);
  const rows = outcomes.map(({ way, kind, met }) => [
    `${way}, ${kind}`,
    ...names.map((name) => (met[name] === undefined ? '' : share({ [name]: met[name] }))),
  ]);
  return table(['failed of all, by client', ...names.map((name) => `${name} ms`)], rows);
}

/** @type {(name: string, rates: Rates | undefined) => string[][]} */
function rates(name, found) {
  if (found === undefined) return [];
  const { median: ratio, confidence } = compare(found.own, found.plain);
  /** @param {number[]} list */
  const told = (list) => number(Math.round(spread(list).median));
  const ends = confidence.map((value) => `${value.toFixed(2)}x`).join(' – ');
  return [[name, told(found.own), told(found.plain), `${ratio.toFixed(2)}x`, ends]];
}

/** @param {Outcome[]} outcomes */
function throughput(outcomes) {
  const rows = outcomes.flatMap(({ way, gaps, before, after, renewed }) => [
    ...rates(`${way}, before`, before),
    ...rates(`${way}, after ${gaps.length} upgrades, the instance that served the clients`, after),
    ...rates(`${way}, after one more, a new instance`, renewed),
  ]);
  const head = ['requests per second', 'median', 'of a plain start', 'ratio', '95 % confidence'];
  return rows.length === 0 ? [] : ['', ...table(head, rows)];
}

/** @param {Upgrading} group */
export function lines({ outcomes, versions, leftOut }) {
  const head = [
    '',
    'upgrades',
    'failed of all',
    'refused',
    'reset',
    'other',
    'REFUSED_STREAM',
    'longest without an answer: median',
    'most',
  ];
  const told = Object.entries(versions ?? {}).map((entry) => entry.join(' '));
  return [
    ...table(head, outcomes.map(row)),
    '',
    ...byClient(outcomes),
    ...throughput(outcomes),
    ...(told.length === 0 ? [] : ['', `${told.join(', ')}.`]),
    ...leftOutLines(leftOut),
  ];
}

/**
 * Of the clients of one kind of connection, in one upgrade.
 * @type {(outcome: Outcome, kind: string) => number}
 */
function lossOf({ met, gaps }, kind) {
  const some = Object.entries(met).filter(([name]) => name.startsWith(kind));
  return failuresOf(Object.fromEntries(some)).failed / gaps.length;
}

/**
 * @param {Upgrading} group
 * @returns {Plot[]}
 */
export function plots({ outcomes }) {
  const shown = outcomes.filter(({ kind }) => kind === 'http');
  const x = { name: '', categories: shown.map(({ way }) => way) };
  const series = { 'keep-alive': 'keep-alive', close: 'a connection each' };
  return [
    {
      name: 'upgrade-failures',
      kind: 'bar',
      title: 'Requests that failed in one upgrade, http, six clients of each kind',
      x,
      y: { name: 'requests' },
      series: Object.entries(series).map(([kind, name]) => ({
        name,
        points: shown.map((outcome) => [outcome.way, lossOf(outcome, kind)]),
      })),
    },
    {
      name: 'upgrade-gaps',
      kind: 'bar',
      title: 'The longest time without an answer in one upgrade, http',
      x,
      y: { name: 'milliseconds: median, p10 – p90', log: true },
      series: [{ name: 'without an answer', points: shown.map(({ way, gaps }) => pointOf(way, gaps)) }],
    },
  ];
}
