// Builds and drives bench/floor.c and options.c, so that their batches can alternate with those of the JavaScript variants.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** As many as a Node process has beside its main thread (counted in /proc/self/task on Node 20). */
const NODE_THREADS = 6;

/** Compiles a floor; returns its path and a way to remove it. */
export function buildFloor(source = fileURLToPath(new URL('floor.c', import.meta.url))) {
  const folder = mkdtempSync(join(tmpdir(), 'exactbind-floor-'));
  const program = join(folder, 'floor');
  execFileSync(process.env.CC ?? 'cc', ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-pthread', '-o', program, source]);
  return { program, remove: () => rmSync(folder, { recursive: true }) };
}

/** Starts the floor. */
export function startFloor(program, { threads = false } = {}) {
  const child = spawn(program, threads ? [String(NODE_THREADS)] : [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    /** Runs cycles of what the program has a word for, and returns the nanoseconds of one. */
    async run(word, cycles) {
      child.stdin.write(`${word} ${cycles}\n`);
      const { value, done } = await answers.next();
      const took = done ? Number.NaN : Number(value);
      if (Number.isNaN(took)) throw new Error(`the floor failed in ${value ?? 'its start'}`);
      return took / cycles;
    },
    end: () => child.stdin.end(),
  };
}
