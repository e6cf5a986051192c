// Sums up in one line which tests were left out, for want of what, and what brings it.
import process from 'node:process';

/**
 * `['apt install a', 'apt install b', 'run as root']` → `apt install a b; run as root`
 * @param {string[]} bring
 */
function inOneLine(bring) {
  const install = 'apt install ';
  const packages = bring.filter((what) => what.startsWith(install)).map((what) => what.slice(install.length));
  const others = bring.filter((what) => !what.startsWith(install));
  return [...(packages.length > 0 ? [install + packages.join(' ')] : []), ...others].join('; ');
}

/**
 * The line about tests that lacked something, an object each of what and what brings it; empty without any.
 * @param {Record<string, string>[]} lacking
 */
export function sumUp(lacking) {
  if (lacking.length === 0) return '';
  /** @type {Record<string, string>} */
  const needs = Object.assign({}, ...lacking);
  const bring = [...new Set(Object.values(needs))];
  return `${lacking.length} left out: ${Object.keys(needs).join(', ')} (${inOneLine(bring)})`;
}

/** A reporter of vitest's. With EXACTBIND_NOTHING_LEFT_OUT set, a test that was left out fails the run. */
// biome-ignore lint/style/noDefaultExport: vitest reads no other.
export default class LeftOut {
  /** @param {readonly import('vitest/node').TestModule[]} modules */
  onTestRunEnd(modules) {
    /** @type {Record<string, string>[]} */
    const lacking = [];
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        /** @type {object & { needs?: Record<string, string> }} */
        const { needs } = { ...test.meta() };
        if (needs === undefined) continue;
        lacking.push(needs);
        if (process.env.EXACTBIND_NOTHING_LEFT_OUT) {
          console.error(`left out: ${test.fullName}: ${Object.keys(needs).join(', ')}`);
        }
      }
    }
    if (lacking.length === 0) return;
    // After the summary of the reporter before this one, and whatever else there is to print.
    process.once('exit', () => console.log(sumUp(lacking)));
    if (process.env.EXACTBIND_NOTHING_LEFT_OUT) process.exitCode = 1;
  }
}
