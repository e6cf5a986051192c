// Counts the system calls of a cycle: strace on the main thread, between two marks that the traced process sets itself.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sum } from '../harness/compare.mjs';
import { floor } from '../harness/floor.mjs';
import { REGISTER } from '../harness/package.mjs';
import { leftOutLines, table } from '../report/table.mjs';
import { CASES, MARK } from './traced.mjs';

/** @import { Compared, Figures, LeftOut } from '../group.ts' */

/** @typedef {{ calls: Record<string, number>, cycle: string[] }} Counted calls per cycle by name, and one cycle */
/** @typedef {Figures & { variants: Record<string, Counted>, leftOut: LeftOut }} Syscalls */

const TRACED = fileURLToPath(new URL('traced.mjs', import.meta.url));
const CYCLES = 200;
const QUICK = '127.0.0.1';
/** What bench/micro/floor.c adds to each request of its own accord. */
const FLOOR_EXTRA = 5;

/**
 * The calls between the marks, as strace writes them.
 * @param {string[]} command
 * @param {{ input?: string, mark: (line: string) => boolean }} how
 */
function trace(command, { input = '', mark }) {
  const folder = mkdtempSync(join(tmpdir(), 'exactbind-strace-'));
  const log = join(folder, 'log');
  try {
    const { status, stderr } = spawnSync('strace', ['-o', log, ...command], { input, encoding: 'utf8' });
    if (status !== 0) throw new Error(`strace ${command.join(' ')} failed: ${stderr}`);
    const lines = readFileSync(log, 'utf8').split('\n');
    const marks = lines.flatMap((line, at) => (mark(line) ? [at] : []));
    return lines.slice(Number(marks.at(-2)) + 1, marks.at(-1)).filter((line) => /^\w+\(/.test(line));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Calls per cycle by name, and one cycle from its socket() to its close().
 * @param {string[]} lines
 * @returns {Counted}
 */
function count(lines) {
  /** @type {Record<string, number>} */
  const calls = {};
  for (const line of lines) {
    const name = line.slice(0, line.indexOf('('));
    calls[name] = (calls[name] ?? 0) + 1 / CYCLES;
  }
  const first = lines.findIndex((line) => line.startsWith('socket('));
  const second = lines.findIndex((line, at) => at > first && line.startsWith('socket('));
  const cycle = lines.slice(first, second).map((line) => line.replace(/\s+=\s+/, ' = '));
  // Once in many cycles (memory, wake-ups of other threads) is not of the cycle.
  const often = Object.entries(calls).filter(([, times]) => times >= 0.1);
  return { calls: Object.fromEntries(often.map(([name, times]) => [name, Number(times.toFixed(2))])), cycle };
}

/**
 * @param {{ quick: boolean }} how
 * @returns {Promise<Syscalls | { skipped: string }>}
 */
async function syscallsGroup({ quick }) {
  if (process.platform !== 'linux') return { skipped: 'strace is a tool of Linux' };
  if (spawnSync('strace', ['-V']).status !== 0) return { skipped: 'no strace' };
  /** @type {Record<string, Counted>} */
  const variants = {};
  for (const name of Object.keys(CASES)) {
    if (quick && !name.endsWith(QUICK)) continue;
    const preload = name.includes('register') ? ['--require', REGISTER] : [];
    const command = [process.execPath, ...preload, TRACED, name, String(CYCLES)];
    variants[name] = count(trace(command, { mark: (line) => line.includes(MARK) }));
  }
  const { program, skipped } = floor('floor');
  if (skipped !== undefined) return { variants, leftOut: { C: skipped } };
  /** @param {string} line */
  const mark = (line) => line.startsWith('write(1');
  for (const [name, family] of [
    ['C, 127.0.0.1', 4],
    ['C, default host', 6],
  ]) {
    const input = `${family} ${CYCLES - FLOOR_EXTRA}\n`.repeat(2);
    variants[name] = count(trace([program], { input, mark }).filter((line) => !line.startsWith('read(0')));
  }
  return { variants, leftOut: {} };
}

/** @param {Counted} counted */
const totalOf = ({ calls: list }) => sum(Object.values(list));

/**
 * C on the same host.
 * @param {string} name
 */
const baselineOf = (name) => `C, ${name.slice(name.lastIndexOf(', ') + 2)}`;

/**
 * @param {Syscalls} group
 * @returns {Compared[]}
 */
function comparisons({ variants }) {
  const compared = Object.entries(variants).filter(
    ([name]) => name !== baselineOf(name) && baselineOf(name) in variants,
  );
  return compared.map(([name, one]) => {
    const baseline = baselineOf(name);
    // Counted, not timed: one round is all that there is to know.
    return { name, baseline, isExact: true, ours: [totalOf(one)], theirs: [totalOf(variants[baseline])] };
  });
}

/** @param {Syscalls} group */
function lines({ variants, leftOut }) {
  /** @type {(name: string, one: Counted) => string} */
  const ratio = (name, one) => {
    const baseline = variants[baselineOf(name)];
    return baseline === undefined || baseline === one ? '' : `${(totalOf(one) / totalOf(baseline)).toFixed(2)}x`;
  };
  const rows = Object.entries(variants).map(([name, one]) => [
    name,
    totalOf(one).toFixed(1).replace(/\.0$/, ''),
    ratio(name, one),
    Object.entries(one.calls)
      .map(([call, times]) => (times === 1 ? call : `${times} ${call}`))
      .join(', '),
  ]);
  return [...table(['', 'calls', 'of C', 'which'], rows), ...leftOutLines(leftOut)];
}

export const groups = { syscalls: syscallsGroup };

export const reports = {
  syscalls: {
    title: 'System calls of one cycle',
    note: 'On the main thread, by strace, per cycle; what happens in fewer than one of ten cycles is left out.',
    lines,
    comparisons,
  },
};
