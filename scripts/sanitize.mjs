// Runs the native tests and random calls against an addon built with AddressSanitizer and UndefinedBehaviorSanitizer, looks
// for leaks, and for races of worker threads with ThreadSanitizer; `--fuzz` the calls alone, `--threads` the races alone.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { checkThreads } from './sanitize-threads.mjs';
import { taggedFiles } from './tagged-files.mjs';
import { readReport, reportTo, summarize } from './test-results.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));
const folder = join(root, 'build-sanitize');
const addonFile = join(folder, 'build/Release/exactbind.node');
const reports = join(folder, 'reports');
const script = fileURLToPath(import.meta.url);

/** @type {Record<string, () => Promise<void>>} */
const PROBES = {
  // What runs the tests must be the sanitized addon, and the run-time library must have come first.
  async loaded() {
    await import('exactbind');
    console.log(JSON.stringify(/** @type {{ sharedObjects: string[] }} */ (process.report.getReport()).sharedObjects));
  },

  // Everything that allocates, in the main environment and in three that end.
  async leaks() {
    const { BoundSocket, inspectPort, listen } = await import('exactbind');
    for (let i = 0; i < 100; i++) {
      const bound = new BoundSocket({ port: 0, host: '127.0.0.1' });
      bound.getOption('SO_RCVBUF');
      try {
        new BoundSocket({ port: bound.address().port, host: '127.0.0.1' });
      } catch (error) {
        const { code } = /** @type {NodeJS.ErrnoException} */ (error);
        if (code !== 'EADDRINUSE') throw new Error(`expected EADDRINUSE, got ${code}`);
      }
      bound.close();
    }
    const server = createServer();
    const { port } = await listen(server, { port: 0, host: '127.0.0.1' });
    await inspectPort(port);
    const waiting = listen(createServer(), { port, host: '127.0.0.1', wait: 20 });
    await waiting.catch(
      ({ code }) => code === 'EADDRINUSE' || Promise.reject(new Error(`expected EADDRINUSE, got ${code}`)),
    );
    server.close();
    if (!process.argv.includes('--in-worker')) {
      const run = () => new Worker(script, { argv: ['leaks', '--in-worker'] });
      for (let i = 0; i < 3; i++) await new Promise((resolve) => run().once('exit', resolve));
    }
  },
};

function runtimeLibraries() {
  const libraries = ['libasan.so', 'libubsan.so'].map((name) => {
    const { stdout } = spawnSync('c++', [`-print-file-name=${name}`], { encoding: 'utf8' });
    return stdout?.trim() ?? '';
  });
  return libraries.every((path) => path.startsWith('/') && existsSync(path)) ? libraries.join(' ') : undefined;
}

function build() {
  const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
  const args = [cmakeJs, 'compile', '--out', join(folder, 'build'), '--CDEXACTBIND_SANITIZE=ON'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the sanitized build failed:\n${stdout}${stderr}`);
}

/**
 * @param {string} preload
 * @param {string} name
 * @param {boolean} leaks
 */
function environment(preload, name, leaks) {
  // AddressSanitizer reports to a file, because a test may swallow what its child processes print.
  const log = `log_path=${join(reports, name)}`;
  return {
    ...process.env,
    // node-gyp-build looks here instead of in the package's own folder.
    EXACTBIND_PREBUILD: folder,
    LD_PRELOAD: preload,
    ASAN_OPTIONS: `${log}:detect_leaks=${leaks ? 1 : 0}`,
    UBSAN_OPTIONS: `${log}:print_stacktrace=1`,
  };
}

/**
 * @param {string} preload
 * @param {string} name
 * @param {boolean} leaks
 */
function probe(preload, name, leaks) {
  const env = environment(preload, name, leaks);
  return spawnSync(process.execPath, [script, name], { cwd: root, encoding: 'utf8', env });
}

/** @param {string} name */
const readReports = (name) =>
  readdirSync(reports)
    .filter((file) => file.startsWith(`${name}.`))
    .map((file) => readFileSync(join(reports, file), 'utf8'));

/** @type {(name: string, fault: string | undefined, passed?: number) => import('./test-results.mjs').Run} */
const outcome = (name, fault, passed = 1) =>
  fault === undefined
    ? { name, passed, failed: 0, skipped: 0, remark: '' }
    : { name, passed: 0, failed: 1, skipped: 0, remark: fault };

/** @param {string} preload */
function checkLoaded(preload) {
  const { stdout, stderr } = probe(preload, 'loaded', false);
  const objects = stdout.startsWith('[') ? JSON.parse(stdout) : [];
  const missing = [addonFile, ...preload.split(' ')].filter((path) => !objects.includes(path));
  return outcome(
    'sanitizers are active',
    missing.length > 0 ? `not loaded: ${missing.join(', ')} ${stderr}` : undefined,
  );
}

// Node 24 and 26 leak a few bytes of their own at exit; only what this addon is in the stack of counts.
/** @param {string} preload */
function checkLeaks(preload) {
  const { stderr } = probe(preload, 'leaks', true);
  const found = readReports('leaks').flatMap((text) => text.split(/\n\n/).filter((leak) => leak.includes('exactbind')));
  if (found.length > 0) console.error(found.join('\n\n'));
  const fault = found.length > 0 ? `${found.length} leaks` : stderr;
  return outcome('leaks', fault === '' ? undefined : fault);
}

// As nobody, in a network and among processes of its own. What it prints holds the seed of a failure.
const SEPARATE = ['--net', '--pid', '--fork', '--kill-child', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
const NOBODY = [
  'setpriv',
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--inh-caps=-all',
  '--bounding-set=-all',
];

/**
 * @param {string} preload
 * @param {number} calls
 */
function fuzz(preload, calls) {
  const name = `${calls} random calls`;
  if (process.getuid?.() !== 0) return { name, passed: 0, failed: 0, skipped: 1, remark: 'becoming nobody needs root' };
  const seed = process.env.EXACTBIND_SEED ?? String(Date.now() % 2 ** 31);
  const program = [process.execPath, join(root, 'scripts/fuzz.mjs'), String(calls), seed];
  // Nobody can write to the folder of reports.
  const env = {
    ...environment(preload, 'fuzz', false),
    ASAN_OPTIONS: 'detect_leaks=0',
    UBSAN_OPTIONS: 'print_stacktrace=1',
  };
  const { status, signal, stdout, stderr } = spawnSync('unshare', [...SEPARATE, ...NOBODY, ...program], {
    cwd: root,
    encoding: 'utf8',
    env,
  });
  console.log(stdout);
  if (status === 0) return outcome(name, undefined);
  console.error(stderr);
  return outcome(name, `ended with ${signal ?? status}`);
}

/** @param {string} preload */
function runTests(preload) {
  const report = join(reports, 'tests.json');
  const args = [join(root, 'scripts/test.mjs'), ...taggedFiles('sanitize')];
  const { status } = spawnSync(process.execPath, [...args, ...reportTo(report)], {
    cwd: root,
    stdio: 'inherit',
    env: environment(preload, 'tests', false),
  });
  const found = readReports('tests').filter((text) => text.includes('ERROR: AddressSanitizer'));
  if (found.length > 0) console.error(found.join('\n\n'));
  return [
    { name: 'tests', ...readReport(report, status) },
    outcome('no AddressSanitizer report', found.length > 0 ? `${found.length} reports` : undefined),
  ];
}

/** `npm run test:fuzz`: nothing but the random calls, and more of them. */
const FUZZ = '--fuzz';

/** Nothing but the races of worker threads. */
const THREADS = '--threads';

const wanted = process.argv[2];
if (wanted === THREADS) {
  summarize(checkThreads(root));
} else if (wanted !== undefined && wanted !== FUZZ) {
  await PROBES[wanted]();
} else {
  const preload = process.platform === 'linux' ? runtimeLibraries() : undefined;
  if (preload === undefined) {
    console.log('skipped: needs Linux and the sanitizer libraries of c++\n0 passed, 0 failed, 1 skipped');
    process.exitCode = process.env.CI ? 1 : 0;
  } else {
    rmSync(reports, { recursive: true, force: true });
    mkdirSync(reports, { recursive: true });
    build();
    if (wanted === FUZZ) summarize([checkLoaded(preload), fuzz(preload, 1_000_000)]);
    else
      summarize([
        checkLoaded(preload),
        checkLeaks(preload),
        fuzz(preload, 50_000),
        ...runTests(preload),
        ...checkThreads(root),
      ]);
  }
}
