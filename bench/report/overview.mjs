// The plot that shows a machine at a glance: every comparison that has a target, beside the target.
import { comparisonsOf, summaryOf } from './timings.mjs';

/** Ratios only: differences are of one group and have their own table. */
export function overviewOf(groups, reports) {
  const compared = Object.entries(reports)
    .filter(([name]) => groups[name] !== undefined && groups[name].skipped === undefined)
    .flatMap(([name, report]) => comparisonsOf(report, groups[name]))
    .filter(({ target }) => target?.ratio !== undefined);
  if (compared.length === 0) return undefined;
  const categories = compared.map(({ name, baseline, higherIsBetter }) => {
    const place = /, [^,]+$/.exec(name)?.[0] ?? '\0';
    const against = baseline.endsWith(place) ? baseline.slice(0, -place.length) : baseline;
    return `${name}\nof ${against}${higherIsBetter ? ' (more is better)' : ''}`;
  });
  const ratios = compared.map((one, row) => {
    const { median, confidence } = summaryOf(one);
    return [categories[row], median, ...confidence];
  });
  const values = [...ratios.map(([, median]) => median), ...compared.map(({ target }) => target.ratio)];
  return {
    name: 'overview',
    kind: 'bar',
    title: 'Ratios with a target',
    x: { name: '', categories },
    y: { name: 'times the baseline: median, 95 % confidence', log: Math.max(...values) > 20 * Math.min(...values) },
    series: [
      { name: 'measured', points: ratios },
      { name: 'target', mark: true, points: compared.map(({ target }, row) => [categories[row], target.ratio]) },
    ],
  };
}
