// The attackers: programs in C, Python and Node, of another user or of our own, that take commands or run by themselves.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const fixtures = fileURLToPath(new URL('../../test/fixtures/hijack/', import.meta.url));

/** Who serves: an ordinary user, as in real life. */
export const OUR_UID = 1000;
export const OTHER_UID = 65534;

/** @typedef {{ attempts: number, bound: number, beside: number, stolen: number, served: number, lost: number, unable: number }} Count */
/** @typedef {{ ask(line: string): Promise<any>, end(): Promise<void> }} Attacker */

/** The compiled attacker; undefined where there is no compiler. */
export function compileAttacker() {
  const folder = mkdtempSync(join(tmpdir(), 'exactbind-'));
  process.on('exit', () => asRoot(() => rmSync(folder, { recursive: true, force: true })));
  // The user that it runs as has to reach it.
  chmodSync(folder, 0o755);
  const program = join(folder, 'attacker');
  const { status, stderr, error } = spawnSync(
    process.env.CC ?? 'cc',
    ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, join(fixtures, 'attacker.c')],
    { encoding: 'utf8' },
  );
  if (error !== undefined) return undefined;
  if (status !== 0) throw new Error(stderr);
  return program;
}

// Root in a user namespace of its own has nobody else to become.
function isAbleToBecome(/** @type {number} */ uid) {
  if (process.getuid?.() !== 0) return false;
  try {
    process.seteuid?.(uid);
    process.seteuid?.(0);
    return true;
  } catch {
    return false;
  }
}

/** Whether there can be attackers of another user. */
export const hasOthers = isAbleToBecome(OUR_UID) && isAbleToBecome(OTHER_UID);

// Only root can start somebody else's program, and it serves as somebody else meanwhile.
/**
 * @template T
 * @param {() => T} run
 * @returns {T}
 */
export function asRoot(run) {
  const uid = process.geteuid?.();
  if (!hasOthers) return run();
  process.seteuid?.(0);
  try {
    return run();
  } finally {
    process.seteuid?.(/** @type {number} */ (uid));
  }
}

/** @param {number} uid */
const identity = (uid) => (hasOthers ? { uid, gid: uid } : {});

/**
 * Starts the attacker in C.
 * @param {string} program
 * @param {number} uid
 * @returns {Attacker}
 */
export function startAttacker(program, uid) {
  const child = asRoot(() => spawn(program, { stdio: ['pipe', 'pipe', 'inherit'], ...identity(uid) }));
  /** @type {{ resolve: (answer: any) => void, reject: (error: Error) => void }[]} */
  const waiting = [];
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.resolve(JSON.parse(line)));
  const closed = new Promise((resolve) => child.once('close', resolve));
  closed.then(() => {
    for (const { reject } of waiting) reject(new Error('the attacker has ended'));
  });
  return {
    ask: (line) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        child.stdin.write(`${line}\n`);
      }),
    async end() {
      child.stdin.end();
      await closed;
    },
  };
}

const PYTHONS = ['/usr/bin/python3', 'python3'];

/** A Python 3 that every user may run; undefined where there is none. */
export function findPython() {
  return PYTHONS.find((file) => asRoot(() => spawnSync(file, ['-V'], identity(OTHER_UID))).status === 0);
}

/**
 * Runs an attacker that ends by itself, and reads what it counted.
 * @param {string} file
 * @param {string} script
 * @param {(string | number)[]} args
 * @param {number} uid
 * @returns {Promise<Count>}
 */
export function runAttacker(file, script, args, uid) {
  const words = [join(fixtures, script), ...args.map(String)];
  return new Promise((resolve, reject) => {
    asRoot(() =>
      execFile(file, words, { ...identity(uid), cwd: '/', timeout: 300_000 }, (error, stdout) => {
        if (error !== null) reject(error);
        else resolve(JSON.parse(stdout));
      }),
    );
  });
}
