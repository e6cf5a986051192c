// What docs/restart.md says about the upgrades that were measured: all Nodes together, with how many failed of how many.
import { median, sum } from '../harness/compare.mjs';
import { table } from '../report/table.mjs';
import { failuresOf } from './report.mjs';
import { OWN } from './ways.mjs';

/**
 * @import { Kept, Results } from '../group.ts'
 * @import { Upgrading } from './report.mjs'
 * @import { Outcome } from './scene.mjs'
 */

const BEGIN = '<!-- measured: bench/report/page.mjs writes this from bench/results/ -->';
const END = '<!-- measured: end -->';
const KINDS = ['http', 'https', 'http2'];

/** @param {number} value */
const number = (value) => value.toLocaleString('en');

/** @param {Outcome[]} outcomes */
function told(outcomes) {
  const counts = outcomes.map(({ met }) => failuresOf(met));
  const all = sum(counts.map((one) => one.all));
  return all === 0 ? '' : `${number(sum(counts.map(({ failed }) => failed)))} of ${number(all)}`;
}

/** @type {(outcomes: Outcome[], way: string) => string[]} */
function row(outcomes, way) {
  const own = outcomes.filter((one) => one.way === way);
  const gaps = own.flatMap((one) => one.gaps);
  return [
    Object.hasOwn(OWN, way) ? `**${way}**` : way,
    number(gaps.length),
    ...KINDS.map((kind) => told(own.filter((one) => one.kind === kind))),
    `${median(gaps).toFixed(0)} ms`,
  ];
}

const TAKING = 'takeSockets(), to the first answer';
const LISTENING = 'server.listen(), to the first answer';

/** @param {Results[]} results */
function times(results) {
  const found = results.filter(({ groups }) => groups['upgrade-time']?.samples !== undefined);
  if (found.length === 0) return [];
  /** @param {string} name */
  const medians = (name) =>
    found.map(({ machine, groups }) => {
      const { samples = {} } = groups['upgrade-time'];
      return `${(median(samples[name]) / 1e6).toFixed(0)} ms (Node ${machine.node.slice(1)})`;
    });
  return [
    '',
    `Medians from \`takeSockets()\` to the first answer of the new process: ${medians(TAKING).join(', ')}.`,
    `From \`server.listen()\` of a plain process: ${medians(LISTENING).join(', ')}.`,
  ];
}

/** @param {Results[]} results */
function lines(results) {
  const found = results.filter(({ groups: { upgrades } }) => upgrades !== undefined && upgrades.skipped === undefined);
  if (found.length === 0) return [];
  const outcomes = found.flatMap(({ groups: { upgrades } }) => /** @type {Upgrading & Kept} */ (upgrades).outcomes);
  const nodes = found.map(({ machine }) => machine.node.slice(1)).join(', ');
  const ways = [...new Set(outcomes.map(({ way }) => way))];
  return [
    `Requests that failed while a server was replaced again and again, on Node ${nodes} together; ours are bold:`,
    '',
    ...table(
      ['', 'upgrades', ...KINDS, 'without an answer, median'],
      ways.map((way) => row(outcomes, way)),
    ),
    ...times(results),
  ];
}

/**
 * The page with the figures of these results, between its two comments.
 * @param {string} page
 * @param {Results[]} results
 */
export function withMeasured(page, results) {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`the page has no "${BEGIN}" and "${END}"`);
  return `${before}${[BEGIN, '', ...lines(results), '', END].join('\n')}${after}`;
}
