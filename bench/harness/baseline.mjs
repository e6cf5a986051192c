// Holds the ratios of a quick run against the committed ones: twice as bad is a failure, and noise is not.
import { figure } from '../report/table.mjs';
import { comparisonsOf, summaryOf, unitOf } from '../report/timings.mjs';
import { median } from './compare.mjs';

/** @import { Compared, Figures, Report, Timed } from '../group.ts' */

const TIMES = 2;
/** Of fewer rounds the interval is as wide as they are, and one slow one is all of it. */
const ROUNDS = 3;

/** @typedef {{ median: number, confidence: number[], baseline: number }} Committed a comparison of the committed results */

/** @param {Compared} one */
const keyOf = ({ name, baseline }) => `${name} | ${baseline}`;

/**
 * What the committed group has for the comparisons of this one.
 * @param {Report} report
 * @param {Figures} now
 * @param {Figures} before
 */
function committedFor(report, now, before) {
  const same = comparisonsOf(report, { ...before, comparisons: now.comparisons });
  return new Map(same.map((one) => [keyOf(one), { ...summaryOf(one), baseline: median(one.theirs) }]));
}

/**
 * Beyond the limit with all of its 95 % interval, so that a few slow rounds are not a failure.
 * @param {Compared} one
 * @param {number[]} interval
 * @param {number} committed
 */
function isWorse({ higherIsBetter }, [low, high], committed) {
  return higherIsBetter ? high < committed / TIMES : low > committed * TIMES;
}

/**
 * Why a comparison tells nothing, or undefined.
 * @param {Compared} one
 * @param {Committed | undefined} old
 * @param {boolean} sameMachine
 */
function leftOut({ ours, theirs, difference, machineBound, isExact }, old, sameMachine) {
  if (old === undefined) return 'not in the committed results';
  if (machineBound && !sameMachine) return 'a matter of the machine, and the committed one is of another';
  if (difference && old.confidence[0] <= 0) return 'the committed difference may be none';
  const rounds = Math.min(ours.length, theirs.length);
  return rounds < ROUNDS && !isExact ? `${rounds} rounds tell too little` : undefined;
}

/**
 * A difference grows with all that a slow machine does; a ratio does not.
 * @param {Compared} one
 * @param {Committed} old
 */
const slowness = ({ difference, theirs }, old) => (difference ? median(theirs) / old.baseline : 1);

/**
 * One comparison as a sentence if it is worse than the committed one allows.
 * @param {Compared} one
 * @param {Committed} old
 * @param {Figures} now what it is one of
 */
function failure(one, old, now) {
  const { median: middle, confidence } = summaryOf(one);
  const committed = old.median * slowness(one, old);
  if (!isWorse(one, confidence, committed)) return undefined;
  /** @param {number} value */
  const format = (value) =>
    one.difference ? figure(value, unitOf(/** @type {Timed} */ (now))) : `${value.toFixed(2)}x`;
  const limit = one.higherIsBetter ? `less than 1/${TIMES}` : `more than ${TIMES} times`;
  const range = confidence.map(format).join(' – ');
  const asSlow = one.difference ? `, ${format(committed)} at the pace of this run` : '';
  return `${format(middle)} (${range}) is ${limit} the committed ${format(old.median)}${asSlow}`;
}

/**
 * Compares a group with the committed one: how many comparisons are no more than twice as bad, a sentence for each that is,
 * and a reason for each that cannot be compared.
 * @param {Report} report
 * @param {Figures} now
 * @param {Figures | undefined} before
 * @param {{ sameMachine?: boolean }} [how]
 */
export function check(report, now, before, { sameMachine = true } = {}) {
  /** @type {{ fine: number, failures: string[], left: string[] }} */
  const result = { fine: 0, failures: [], left: [] };
  const comparisons = comparisonsOf(report, now);
  if (comparisons.length === 0) return result;
  if (before === undefined || before.skipped !== undefined) {
    return { ...result, left: ['the committed results do not have the group'] };
  }
  const committed = committedFor(report, now, before);
  for (const one of comparisons) {
    const told = `${one.name} against ${one.baseline}`;
    const old = committed.get(keyOf(one));
    const reason = leftOut(one, old, sameMachine);
    const failed = reason === undefined ? failure(one, /** @type {Committed} */ (old), now) : undefined;
    if (reason !== undefined) result.left.push(`${told}: ${reason}`);
    else if (failed !== undefined) result.failures.push(`${told}: ${failed}`);
    else result.fine++;
  }
  const measured = new Set(comparisons.map(keyOf));
  const missing = comparisonsOf(report, before).filter((one) => !measured.has(keyOf(one))).length;
  if (missing > 0) result.left.push(`${missing} of the committed ratios, not measured now`);
  return result;
}

/**
 * How a group stands beside the committed one, `before`: `count` is 'passed', 'failed' or 'skipped', with a line for each
 * comparison that fails or cannot be made.
 * @param {Report} report
 * @param {{ group: Figures, error?: undefined } | { group?: undefined, error: Error }} now
 * @param {Figures | undefined} before
 * @param {{ sameMachine?: boolean, isCi: boolean }} how
 * @returns {{ count: 'passed' | 'failed' | 'skipped', text: string, lines: string[] }}
 */
export function verdict(report, { group, error }, before, { sameMachine, isCi }) {
  if (error !== undefined) return { count: 'failed', text: `FAILED: ${error.message}`, lines: [] };
  if (group.skipped !== undefined) {
    // CI installs everything: what could be measured once can be again.
    const isFault = isCi && before !== undefined && before.skipped === undefined;
    return isFault
      ? { count: 'failed', text: `FAILED: ${group.skipped}`, lines: [] }
      : { count: 'skipped', text: `skipped: ${group.skipped}`, lines: [] };
  }
  const { fine, failures, left } = check(report, group, before, { sameMachine });
  const lines = [...failures.map((text) => `FAILED: ${text}`), ...left.map((text) => `not compared: ${text}`)];
  return failures.length > 0
    ? { count: 'failed', text: `FAILED, ${failures.length} of ${fine + failures.length} ratios compared`, lines }
    : { count: 'passed', text: fine > 0 ? `ok, ${fine} ratios compared` : 'ran', lines };
}
