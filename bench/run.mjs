// `npm run bench [-- group ...]` measures, prints and keeps the figures; with `--quick` it compares them with the kept ones.
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import process from 'node:process';
import { chosen, families, groups, reports } from './families.mjs';
import { attempt } from './harness/attempt.mjs';
import { verdict } from './harness/baseline.mjs';
import {
  holding,
  isSameMachine,
  kept,
  nameOf,
  namesOfResults,
  nearest,
  readResults,
  thisMachine,
  writeResults,
} from './harness/results.mjs';
import { linesOf } from './report/timings.mjs';

/** @import { Kept, Results, Timed } from './group.ts' */

const FLAGS = ['--quick', '--replace'];

function usage() {
  const lists = Object.entries(families).map(([name, list]) => `  ${name.padEnd(9)}${list.join(', ')}`);
  return [
    'usage: npm run bench [-- [--quick] [--replace] family-or-group ...]',
    '',
    ...lists,
    '',
    'Without a name: all. --quick: short, compared with bench/results/ and not kept there.',
    '--replace: gives up the figures of another machine for those of some groups of this one.',
  ].join('\n');
}

const words = process.argv.slice(2);
const found = chosen(words.filter((word) => !word.startsWith('--')));
if (found === undefined || words.some((word) => word.startsWith('--') && !FLAGS.includes(word))) {
  console.error(usage());
  process.exit(2);
}
const names = found;
const [quick, replace] = FLAGS.map((flag) => words.includes(flag));
const machine = thisMachine();

// Asked before anything is written.
const commit = (() => {
  try {
    const args = ['describe', '--always', '--dirty'];
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null; // a copy without its history
  }
})();

/**
 * Nanoseconds and bytes are whole; of anything else six digits count.
 * @param {Timed} group
 */
function rounded({ unit, samples }) {
  /** @type {(value: number) => number} */
  const round = unit === 'ns' || unit === 'bytes' ? Math.round : (value) => Number(value.toPrecision(6));
  return Object.fromEntries(Object.entries(samples).map(([name, list]) => [name, list.map(round)]));
}

/** @param {string} name */
async function measure(name) {
  const loadBefore = os.loadavg()[0];
  const result = await groups[name]({ quick });
  if (result.samples !== undefined) result.samples = rounded(/** @type {Timed} */ (result));
  /** @type {Kept} */
  const group = { date: new Date().toISOString(), commit, loadBefore, ...result };
  console.log(`\n${linesOf(reports[name], group).join('\n')}`);
  return group;
}

/**
 * A group's figures, or what it failed of.
 * @param {string} name
 */
async function measured(name) {
  const { value: group, error } = await attempt(() => measure(name));
  if (error === undefined) return { group };
  console.error(`\n${name}: FAILED:`, error);
  return { error };
}

/**
 * What the ratios of a group are held against, and a line that says so.
 * @param {string} name
 */
function committedResults(name) {
  const file = nearest(machine, holding(name, namesOfResults()));
  if (file === undefined) {
    return { told: `No committed results of ${name} for ${machine.os} ${machine.arch}: no ratio is compared.` };
  }
  const results = /** @type {Results} */ (readResults(file));
  const sameMachine = isSameMachine(machine, results.machine);
  const version = file === nameOf(machine) ? '' : `, of Node ${results.machine.node.slice(1)}`;
  const other = sameMachine ? '' : `, of another machine (${results.machine.cpus} × ${results.machine.cpu})`;
  return { results, sameMachine, told: `Compared with bench/results/${file}${version}${other}.` };
}

async function runQuick() {
  const isCi = Boolean(process.env.CI);
  /** @type {Set<string>} */
  const told = new Set();
  /** @type {(name: string, now: Awaited<ReturnType<typeof measured>>) => ReturnType<typeof verdict>} */
  const standing = (name, now) => {
    const { results, sameMachine, told: line } = committedResults(name);
    told.add(line);
    return verdict(reports[name], now, results?.groups[name], { sameMachine, isCi });
  };
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const summary = [];
  for (const name of names) {
    const started = performance.now();
    const first = await measured(name);
    let result = standing(name, first);
    // Whatever else the machine did in a second is no regression; what is one shows again. An error stays one.
    if (first.group !== undefined && result.count === 'failed') {
      console.log(['', ...result.lines, `${name} once more, to be sure:`].join('\n'));
      result = standing(name, await measured(name));
    }
    counts[result.count]++;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    summary.push(`${name.padEnd(14)}${result.text} (${seconds} s)`, ...result.lines.map((line) => `  ${line}`));
  }
  console.log(`\n${[...told, ...summary].join('\n')}`);
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed === 0 ? 0 : 1;
}

async function runAndKeep() {
  const all = names.length === Object.keys(groups).length;
  const { groups: earlier, refused } = kept(readResults(nameOf(machine)), machine, { all, replace });
  if (refused !== undefined) {
    console.error(refused);
    return 2;
  }
  /** @type {Results} */
  const results = { machine, groups: earlier };
  let code = 0;
  for (const name of names) {
    const { group, error } = await measured(name);
    if (error !== undefined) {
      code = 1;
    } else if (group.skipped !== undefined && earlier[name] !== undefined && earlier[name].skipped === undefined) {
      console.log(`The figures of ${earlier[name].date.slice(0, 10)} stay.`);
    } else {
      results.groups[name] = group;
      writeResults(results);
    }
  }
  // Loaded only now: what draws plots is no part of a process that measures.
  const { writeReport } = await import('./report/page.mjs');
  writeReport();
  return code;
}

const code = await (quick ? runQuick() : runAndKeep());
// A group that failed may have left a process that keeps this one.
process.stdout.write('', () => process.exit(code));
