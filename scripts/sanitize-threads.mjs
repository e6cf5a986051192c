// Runs worker threads that listen, inspect, wait and end beside one another, on an addon built with ThreadSanitizer.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { inOwnNetwork } from './own-network.mjs';

/** @typedef {import('./test-results.mjs').Run} Run */

const WORKERS = process.env.EXACTBIND_WORKERS ?? '8';
const ROUNDS = '4';
// In a network of its own; below the ports that clients are given.
const FIRST_PORT = '20000';

const NAME = 'races of worker threads';

function runtimeLibrary() {
  const { stdout } = spawnSync('c++', ['-print-file-name=libtsan.so'], { encoding: 'utf8' });
  const path = stdout?.trim() ?? '';
  return path.startsWith('/') && existsSync(path) ? path : undefined;
}

/** @param {string} root @param {string} folder */
function build(root, folder) {
  const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
  const args = [cmakeJs, 'compile', '--out', join(folder, 'build'), '--CDEXACTBIND_SANITIZE_THREADS=ON'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the build with ThreadSanitizer failed:\n${stdout}${stderr}`);
}

/** @type {(fault: string | undefined, remark?: string) => Run[]} */
const outcome = (fault, remark = '') => [
  {
    name: NAME,
    passed: fault === undefined ? 1 : 0,
    failed: fault === undefined ? 0 : 1,
    skipped: 0,
    remark: fault ?? remark,
  },
];

/** @param {string} root @returns {Run[]} */
export function checkThreads(root) {
  const library = process.platform === 'linux' ? runtimeLibrary() : undefined;
  if (library === undefined) {
    const remark = 'needs Linux, and libtsan of c++';
    return [{ name: NAME, passed: 0, failed: process.env.CI ? 1 : 0, skipped: 1, remark }];
  }
  const folder = join(root, 'build-sanitize', 'threads');
  const reports = join(folder, 'reports');
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  build(root, folder);
  // Node was not compiled with it, so what Node does to memory is not judged, and needs no suppressions: a race is one where
  // this addon's code touches what another thread touches.
  const options = ['ignore_noninstrumented_modules=1', 'report_signal_unsafe=0', `log_path=${join(reports, 'race')}`];
  const program = [
    process.execPath,
    join(root, 'test/fixtures/worker-threads/racing.mjs'),
    FIRST_PORT,
    WORKERS,
    ROUNDS,
  ];
  // The library's shadow has no room where the kernel puts mappings at random, and what starts Node would not have it either.
  const [file, ...args] = inOwnNetwork(['setarch', '-R', 'env', `LD_PRELOAD=${library}`, ...program]);
  const env = { ...process.env, EXACTBIND_PREBUILD: folder, TSAN_OPTIONS: options.join(':') };
  const { status, signal, stdout, stderr } = spawnSync(file, args, { cwd: root, encoding: 'utf8', env });
  const found = readdirSync(reports).map((name) => readFileSync(join(reports, name), 'utf8'));
  if (found.length > 0) console.error(found.join('\n\n'));
  const races = found.join('').match(/WARNING: ThreadSanitizer/g)?.length ?? 0;
  if (races > 0) return outcome(`${races} races`);
  if (status !== 0) return outcome(`ended with ${signal ?? status}: ${stderr}`);
  const { played, terminated } = JSON.parse(stdout);
  return outcome(played > 0 ? undefined : 'nothing was played', `${played} rounds, ${terminated} terminated`);
}
