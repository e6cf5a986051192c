// Reads what vitest reports as JSON, adds runs up and prints them as a table.
import { readFileSync, rmSync } from 'node:fs';

/**
 * @typedef {{ passed: number, failed: number, skipped: number }} Counts
 * @typedef {{ status: string, assertionResults: { status: string, ancestorTitles: string[], title: string }[] }} File
 * @typedef {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, testResults: File[] }} Report
 * @typedef {Counts & { name: string, remark: string, tests?: Set<string> }} Run
 */

/**
 * Removes an older result, so that a run that dies leaves none.
 * @param {string} file
 */
export function reportTo(file) {
  rmSync(file, { force: true });
  return ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
}

/**
 * The counts of a run that ended with `status`, and the full names of its tests. A run that left no report, or failed
 * outside of its tests, counts as one failure.
 * @param {string} file
 * @param {number | null} status
 * @returns {Omit<Run, 'name'>}
 */
export function readReport(file, status) {
  /** @type {Report} */
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, skipped: 0, tests: new Set(), remark: 'left no report' };
  }
  const { numPassedTests: passed, numFailedTests, numPendingTests: skipped, testResults } = report;
  // A file that cannot be loaded has no tests that could have failed.
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const names = testResults.flatMap(({ assertionResults }) =>
    assertionResults.map(({ ancestorTitles, title }) => [...ancestorTitles, title].join(' > ')),
  );
  const counts = { passed, failed: numFailedTests + broken, skipped, tests: new Set(names), remark: '' };
  return status !== 0 && counts.failed === 0 ? { ...counts, failed: 1, remark: `ended with status ${status}` } : counts;
}

/**
 * Prints one line a run and the sum of all; the process fails if one of them did.
 * @param {Run[]} runs
 */
export function summarize(runs) {
  console.log('');
  for (const { name, passed, failed, skipped, remark } of runs) {
    const counts = [passed, failed, skipped].map((count) => String(count).padStart(5));
    console.log(`${name.padEnd(24)}${counts[0]} passed ${counts[1]} failed ${counts[2]} skipped  ${remark}`.trimEnd());
  }
  /** @param {keyof Counts} key */
  const sum = (key) => runs.reduce((total, counts) => total + counts[key], 0);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
  process.exitCode = sum('failed') > 0 ? 1 : 0;
}
