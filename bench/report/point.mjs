// A point of a plot: the median of a list, and the tenth at each end.
import { spread } from '../harness/compare.mjs';

/**
 * In units of so many of the list's.
 * @param {string | number} at
 * @param {number[]} list
 * @returns {import('../group.ts').Point}
 */
export function pointOf(at, list, unit = 1) {
  const { median, p10, p90 } = spread(list);
  return [at, median / unit, p10 / unit, p90 / unit];
}
