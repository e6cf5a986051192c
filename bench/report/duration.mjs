// A time as a report prints it: in the unit in which it is easiest to read.
import { spread } from '../harness/compare.mjs';

/** @type {[number, string][]} */
const UNITS = [
  [1e9, 's'],
  [1e6, 'ms'],
  [1e3, 'µs'],
];

/**
 * Three digits that count, of nanoseconds.
 * @param {number} nanoseconds
 */
export function duration(nanoseconds) {
  const [unit, name] = UNITS.find(([least]) => Math.abs(nanoseconds) >= least) ?? UNITS[UNITS.length - 1];
  const value = nanoseconds / unit;
  return `${value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)} ${name}`;
}

/**
 * The median, and the tenth at each end.
 * @param {number[]} list
 */
export function durations(list) {
  const { median, p10, p90 } = spread(list);
  return `${duration(median)} (${duration(p10)} – ${duration(p90)})`;
}
