// The plot that shows a machine at a glance: every comparison that has a target, beside the target.
import { comparisonsOf, summaryOf } from './timings.mjs';

/** @import { Figures, Plot, Point, Report } from '../group.ts' */

/**
 * Ratios only: differences are of one group and have their own table.
 * @param {Record<string, Figures>} groups
 * @param {Record<string, Report>} reports
 * @returns {Plot | undefined}
 */
export function overviewOf(groups, reports) {
  const compared = Object.entries(reports)
    .filter(([name]) => groups[name] !== undefined && groups[name].skipped === undefined)
    .flatMap(([name, report]) => comparisonsOf(report, groups[name]))
    .flatMap((one) => (one.target?.ratio === undefined ? [] : [{ ...one, ratio: one.target.ratio }]));
  if (compared.length === 0) return undefined;
  const categories = compared.map(({ name, baseline, higherIsBetter }) => {
    const place = /, [^,]+$/.exec(name)?.[0] ?? '\0';
    const against = baseline.endsWith(place) ? baseline.slice(0, -place.length) : baseline;
    return `${name}\nof ${against}${higherIsBetter ? ' (more is better)' : ''}`;
  });
  /** @type {[string, number, ...number[]][]} */
  const ratios = compared.map((one, row) => {
    const { median, confidence } = summaryOf(one);
    return [categories[row], median, ...confidence];
  });
  const values = [...ratios.map(([, median]) => median), ...compared.map(({ ratio }) => ratio)];
  return {
    name: 'overview',
    kind: 'bar',
    title: 'Ratios with a target',
    x: { name: '', categories },
    y: { name: 'times the baseline: median, 95 % confidence', log: Math.max(...values) > 20 * Math.min(...values) },
    series: [
      { name: 'measured', points: /** @type {Point[]} */ (ratios) },
      { name: 'target', mark: true, points: compared.map(({ ratio }, row) => [categories[row], ratio]) },
    ],
  };
}
