// The tables of a group that times variants side by side: each variant, and each comparison with its verdict.
import { compare, median, spread } from '../harness/compare.mjs';
import { figure, table } from './table.mjs';

/**
 * @import { Compared, Figures, Report, Timed } from '../group.ts'
 * @import { Unit } from './table.mjs'
 */

/** @type {Record<string, Unit[]>} */
const SCALES = {
  ns: [
    [1e6, ' ms'],
    [1e3, ' µs'],
  ],
  us: [
    [1e3, ' ms'],
    [1, ' µs'],
  ],
  ms: [[1, ' ms']],
  bytes: [
    [1e6, ' MB'],
    [1e3, ' kB'],
  ],
};

/**
 * The unit in which a group's medians are read best: the smallest of them keeps its digits, or the largest has too many.
 * @param {Timed} group
 * @returns {Unit}
 */
export function unitOf({ unit, samples }) {
  const scales = SCALES[unit ?? ''] ?? [[1, unit === undefined ? '' : ` ${unit}`]];
  const medians = Object.values(samples).map(median);
  const [smallest, largest] = [Math.min(...medians), Math.max(...medians)];
  return scales.find(([size]) => smallest >= size / 10 || largest >= size * 1000) ?? scales[scales.length - 1];
}

/**
 * What a group compares, with the samples of both.
 * A comparison whose samples are not there is left out.
 * @param {Pick<Report, 'comparisons'>} report
 * @param {Figures} group
 * @returns {Compared[]}
 */
export function comparisonsOf(report, group) {
  if (report.comparisons !== undefined) return report.comparisons(group);
  const { comparisons = [], samples = {} } = group;
  return comparisons
    .filter(({ name, baseline }) => samples[name] !== undefined && samples[baseline] !== undefined)
    .map((one) => ({ ...one, ours: samples[one.name], theirs: samples[one.baseline] }));
}

/**
 * The ratios or differences of a comparison, summed up.
 * @param {Pick<Compared, 'ours' | 'theirs' | 'difference'>} compared
 */
export const summaryOf = ({ ours, theirs, difference }) =>
  compare(ours, theirs, difference ? (a, b) => a - b : undefined);

/**
 * Undecided where the confidence interval contains the target: this run cannot tell.
 * @param {(value: number) => boolean} isMet
 * @param {number[]} interval
 */
export function reached(isMet, [low, high]) {
  if (isMet(low) && isMet(high)) return 'met';
  return isMet(low) || isMet(high) ? 'undecided' : 'missed';
}

/**
 * @param {Compared} compared
 * @param {number[]} interval
 * @param {(value: number) => string} format
 */
function verdict({ target, higherIsBetter }, interval, format) {
  const limit = target?.ratio ?? target?.difference;
  if (limit === undefined) return '';
  return `${format(limit)}: ${reached((value) => (higherIsBetter ? value >= limit : value <= limit), interval)}`;
}

/** @param {Timed} group */
export function timings(group) {
  const unit = unitOf(group);
  const rows = Object.entries(group.samples).map(([name, list]) => {
    const { median: middle, p10, p90 } = spread(list);
    return [name, figure(middle, unit), `${figure(p10, unit)} – ${figure(p90, unit)}`];
  });
  const variants = table(['', 'median', 'p10 – p90'], rows);
  const comparisons = comparisonsOf({}, group);
  if (comparisons.length === 0) return variants;

  const compared = comparisons.map((one) => {
    const result = summaryOf(one);
    /** @param {number} value */
    const format = (value) => (one.difference ? figure(value, unit) : `${value.toFixed(2)}x`);
    return [
      one.name,
      one.baseline,
      format(result.median),
      result.confidence.map(format).join(' – '),
      `${format(result.p10)} – ${format(result.p90)}`,
      format(result.ofMeans),
      verdict(one, result.confidence, format),
    ];
  });
  const word = comparisons.every(({ difference }) => difference) ? 'difference' : 'ratio';
  return [
    ...variants,
    '',
    ...table(['', 'against', word, '95 % confidence', 'p10 – p90', 'of the means', 'target'], compared),
  ];
}

/**
 * A group as lines of Markdown.
 * @param {Report} report
 * @param {Figures} group
 */
export function linesOf({ title, note, lines }, group) {
  const tables = () => (lines === undefined ? timings(/** @type {Timed} */ (group)) : lines(group));
  const said = group.skipped === undefined ? tables() : [`Skipped: ${group.skipped}.`];
  return [`### ${title}`, '', note, '', ...said];
}
