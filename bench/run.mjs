// `npm run bench [-- group ...]` measures, prints and keeps the figures; with `--quick` it compares them with the kept ones.
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import process from 'node:process';
import { check } from './baseline.mjs';
import { chosen, families, groups, reports } from './families.mjs';
import { linesOf } from './report-timings.mjs';
import {
  isSameMachine,
  kept,
  nameOf,
  namesOfResults,
  nearest,
  readResults,
  thisMachine,
  writeResults,
} from './results.mjs';

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
const names = chosen(words.filter((word) => !word.startsWith('--')));
if (names === undefined || words.some((word) => word.startsWith('--') && !FLAGS.includes(word))) {
  console.error(usage());
  process.exit(2);
}
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

/** Nanoseconds and bytes are whole; of anything else six digits count. */
function rounded({ unit, samples }) {
  const round = unit === 'ns' || unit === 'bytes' ? Math.round : (value) => Number(value.toPrecision(6));
  return Object.fromEntries(Object.entries(samples).map(([name, list]) => [name, list.map(round)]));
}

async function measure(name) {
  const loadBefore = os.loadavg()[0];
  const measured = await groups[name]({ quick });
  if (measured.samples !== undefined) measured.samples = rounded(measured);
  const group = { date: new Date().toISOString(), commit, loadBefore, ...measured };
  console.log(`\n${linesOf(reports[name], group).join('\n')}`);
  return group;
}

/** Runs a group; one that throws, in a callback too, does not take the others with it. */
async function attempt(name) {
  let onFault;
  const fault = new Promise((_, reject) => {
    onFault = reject;
  });
  process.on('uncaughtException', onFault);
  try {
    return { group: await Promise.race([measure(name), fault]) };
  } catch (error) {
    console.error(`\n${name}: FAILED:`, error);
    return { error };
  } finally {
    process.off('uncaughtException', onFault);
  }
}

/** What the ratios are held against, and a line that says so. */
function committedResults() {
  const file = nearest(machine, namesOfResults());
  if (file === undefined) {
    return { told: `No committed results for ${machine.os} ${machine.arch}: no ratio is compared.` };
  }
  const results = readResults(file);
  const sameMachine = isSameMachine(machine, results.machine);
  const version = file === nameOf(machine) ? '' : `, of Node ${results.machine.node.slice(1)}`;
  const other = sameMachine ? '' : `, of another machine (${results.machine.cpus} × ${results.machine.cpu})`;
  return { results, sameMachine, told: `Compared with bench/results/${file}${version}${other}.` };
}

/** How a group stands, with a line for each comparison that fails or cannot be made. */
function verdict(name, { group, error }, { results, sameMachine }) {
  if (error !== undefined) return { count: 'failed', text: `FAILED: ${error.message}`, lines: [] };
  if (group.skipped !== undefined) {
    const before = results?.groups[name];
    // CI installs everything: what could be measured once can be again.
    const isFault = Boolean(process.env.CI) && before !== undefined && before.skipped === undefined;
    return {
      count: isFault ? 'failed' : 'skipped',
      text: `${isFault ? 'FAILED' : 'skipped'}: ${group.skipped}`,
      lines: [],
    };
  }
  const { fine, failures, left } = check(reports[name], group, results?.groups[name], { sameMachine });
  const lines = failures.map((text) => `FAILED: ${text}`);
  if (results !== undefined) lines.push(...left.map((text) => `not compared: ${text}`));
  return failures.length > 0
    ? { count: 'failed', text: `FAILED, ${failures.length} of ${fine + failures.length} ratios compared`, lines }
    : { count: 'passed', text: fine > 0 ? `ok, ${fine} ratios compared` : 'ran', lines };
}

async function runQuick() {
  const committed = committedResults();
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const summary = [];
  for (const name of names) {
    const started = performance.now();
    const measured = await attempt(name);
    let result = verdict(name, measured, committed);
    // Whatever else the machine did in a second is no regression; what is one shows again. An error stays one.
    if (measured.group !== undefined && result.count === 'failed') {
      console.log(['', ...result.lines, `${name} once more, to be sure:`].join('\n'));
      result = verdict(name, await attempt(name), committed);
    }
    counts[result.count]++;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    summary.push(`${name.padEnd(10)}${result.text} (${seconds} s)`, ...result.lines.map((line) => `  ${line}`));
  }
  console.log(`\n${committed.told}\n${summary.join('\n')}`);
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
  const results = { machine, groups: earlier };
  let code = 0;
  for (const name of names) {
    const { group, error } = await attempt(name);
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
  const { writeReport } = await import('./report.mjs');
  writeReport();
  return code;
}

const code = await (quick ? runQuick() : runAndKeep());
// A group that failed may have left a process that keeps this one.
process.stdout.write('', () => process.exit(code));
