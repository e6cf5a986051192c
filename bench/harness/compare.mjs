// Sums up samples as medians, spreads and ratios to a baseline, with nothing assumed about their distribution.

/** @param {number[]} list */
export const sum = (list) => list.reduce((total, one) => total + one, 0);

/** @param {number[]} list */
function sorted(list) {
  return Float64Array.from(list).sort();
}

/**
 * @param {number[]} list
 * @param {number} share
 */
export function quantile(list, share) {
  const all = sorted(list);
  const at = (all.length - 1) * share;
  const low = all[Math.floor(at)];
  return low + (all[Math.ceil(at)] - low) * (at - Math.floor(at));
}

/** @param {number[]} list */
export const median = (list) => quantile(list, 0.5);

/**
 * The 95 % confidence interval of a median, from the ranks alone: nothing is assumed about the distribution.
 * @param {number[]} list
 */
export function confidence(list) {
  const all = sorted(list);
  const half = 0.98 * Math.sqrt(all.length);
  /** @param {number} rank */
  const at = (rank) => all[Math.min(all.length - 1, Math.max(0, Math.round(rank)))];
  return [at(all.length / 2 - half - 0.5), at(all.length / 2 + half - 0.5)];
}

/** @param {number[]} list */
export function spread(list) {
  return { median: median(list), p10: quantile(list, 0.1), p90: quantile(list, 0.9) };
}

/**
 * One variant against its baseline, pairwise by round. `ofMeans` counts every outlier, collections of garbage too.
 * @param {number[]} list
 * @param {number[]} baseline
 * @param {(ours: number, theirs: number) => number} [combine]
 */
export function compare(list, baseline, combine = (ours, theirs) => ours / theirs) {
  // A slow variant runs in fewer rounds, the first ones.
  const pairs = list.slice(0, baseline.length).map((ours, round) => combine(ours, baseline[round]));
  /** @param {number[]} numbers */
  const mean = (numbers) => sum(numbers) / numbers.length;
  return { ...spread(pairs), confidence: confidence(pairs), ofMeans: combine(mean(list), mean(baseline)) };
}
