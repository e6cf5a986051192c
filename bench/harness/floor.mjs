// Builds the C programs of the families by CMake and drives them, so that their batches can alternate with those of the JavaScript variants.
import { spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** As many as a Node process has beside its main thread (counted in /proc/self/task on Node 20). */
const NODE_THREADS = 6;

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = join(root, 'build-bench');

/** @type {{ skipped?: string } | undefined} */
let built;

function build() {
  if (process.platform !== 'linux') return { skipped: 'the C programs make the system calls of Linux' };
  const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
  const args = [cmakeJs, 'compile', '--out', folder, '--target', 'bench', '--CDEXACTBIND_BENCH=ON'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (status === 0) return {};
  const said = `${stdout}${stderr}`;
  const missing = /(?:CMake executable|Compiler toolset) is not (?:found|available)/.exec(said);
  if (missing !== null) return { skipped: missing[0] };
  throw new Error(`the C programs of bench/ do not compile:\n${said}`);
}

/**
 * The path of a C program by its name, or why there is none: `{ program }` or `{ skipped }`.
 * @param {string} name
 * @returns {{ program: string, skipped?: undefined } | { program?: undefined, skipped: string }}
 */
export function floor(name) {
  built ??= build();
  return built.skipped === undefined ? { program: join(folder, name) } : { skipped: built.skipped };
}

/**
 * Starts one that answers lines of a word and a count.
 * @param {string} program
 * @param {{ threads?: boolean, args?: string[] }} [how] args: after the number of threads
 */
export function startFloor(program, { threads = false, args = [] } = {}) {
  const child = spawn(program, threads ? [String(NODE_THREADS), ...args] : [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  /**
   * Does something so many times; the numbers of the answer, of which the last one is nanoseconds.
   * @param {string | number} word
   * @param {number} times
   */
  async function ask(word, times) {
    child.stdin.write(`${word} ${times}\n`);
    const { value, done } = await answers.next();
    const numbers = done ? [] : value.split(' ').map(Number);
    if (!(Number(numbers.at(-1)) > 0)) throw new Error(`the C program failed in ${value ?? 'its start'}`);
    return numbers;
  }
  return {
    ask,
    /**
     * The nanoseconds of one cycle.
     * @param {string | number} word
     * @param {number} cycles
     */
    run: async (word, cycles) => Number((await ask(word, cycles)).at(-1)) / cycles,
    end: () => child.stdin.end(),
  };
}
