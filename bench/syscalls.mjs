// Counts the system calls of a cycle: strace on the main thread, between two marks that the traced process sets itself.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildFloor } from './floor.mjs';
import { CASES, MARK, REGISTER } from './traced.mjs';

const TRACED = fileURLToPath(new URL('traced.mjs', import.meta.url));
const CYCLES = 200;
/** What bench/floor.c adds to each request of its own accord. */
const FLOOR_EXTRA = 5;

/** The calls between the marks, as strace writes them. */
function trace(command, { input = '', mark }) {
  const folder = mkdtempSync(join(tmpdir(), 'exactbind-strace-'));
  const log = join(folder, 'log');
  try {
    const { status, stderr } = spawnSync('strace', ['-o', log, ...command], { input, encoding: 'utf8' });
    if (status !== 0) throw new Error(`strace ${command.join(' ')} failed: ${stderr}`);
    const lines = readFileSync(log, 'utf8').split('\n');
    const marks = lines.flatMap((line, at) => (mark(line) ? [at] : []));
    return lines.slice(marks.at(-2) + 1, marks.at(-1)).filter((line) => /^\w+\(/.test(line));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Calls per cycle by name, and one cycle from its socket() to its close(). */
function count(lines) {
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

async function syscallsGroup() {
  if (process.platform !== 'linux') return { skipped: 'strace is a tool of Linux' };
  if (spawnSync('strace', ['-V']).status !== 0) return { skipped: 'no strace' };
  const variants = {};
  for (const name of Object.keys(CASES)) {
    const preload = name.includes('register') ? ['--require', REGISTER] : [];
    const command = [process.execPath, ...preload, TRACED, name, String(CYCLES)];
    variants[name] = count(trace(command, { mark: (line) => line.includes(MARK) }));
  }
  try {
    const floor = buildFloor();
    const mark = (line) => line.startsWith('write(1');
    for (const [name, family] of [
      ['C, 127.0.0.1', 4],
      ['C, default host', 6],
    ]) {
      const input = `${family} ${CYCLES - FLOOR_EXTRA}\n`.repeat(2);
      variants[name] = count(trace([floor.program], { input, mark }).filter((line) => !line.startsWith('read(0')));
    }
    floor.remove();
  } catch (error) {
    console.error(`skipped: the C floor's system calls (${error.message})`);
  }
  return { variants };
}

export const groups = { syscalls: syscallsGroup };
