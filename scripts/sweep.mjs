// Runs in full what CI samples: every Node, every binary, ten thousand races.
//
// npm run sweep [-- name ...]; all of them without a name. docs/testing.md says what each is for and when it last ran.
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** @param {string[]} args */
const test = (...args) => ['scripts/test.mjs', ...args];

/**
 * Programs of each sweep, in their order, and what they find in their environment.
 * @type {Record<string, { run: string[][], env?: NodeJS.ProcessEnv }>}
 */
const SWEEPS = {
  races: { run: [test('race.test.ts')], env: { EXACTBIND_RACES: '10000' } },
  workers: { run: [test('worker-threads.test.ts', 'leaks.test.ts')], env: { EXACTBIND_WORKERS: '1000' } },
  restarts: { run: [test('restart.test.ts')], env: { EXACTBIND_CONNECTIONS: '200' } },
  handover: {
    run: [test('--project', 'handover')],
    env: {
      EXACTBIND_UPGRADES: '100',
      EXACTBIND_HANDOVER_KILLS: '20',
      EXACTBIND_HANDOVER_MESSAGES: '10000',
      EXACTBIND_HANDOVER_RACES: '20',
    },
  },
  matrix: { run: Array(5).fill(test('--project', 'matrix')) },
  nodes: { run: [['scripts/test-nodes.mjs']] },
  windows: { run: [['scripts/test-windows.mjs']] },
  prebuild: { run: [['scripts/prebuild.mjs'], ['scripts/prebuild-verify.mjs'], ['scripts/prebuild-compare.mjs']] },
  // Of the binaries that the sweep before it has built.
  package: { run: [['scripts/test-package.mjs']] },
  faults: { run: [test('--project', 'hijack', 'test/hijack/faults.test.ts')], env: { EXACTBIND_ALL_FAULTS: '1' } },
  threads: { run: [['scripts/sanitize.mjs', '--threads']], env: { EXACTBIND_WORKERS: '100' } },
  soak: { run: [['scripts/soak.mjs', '--seconds', '3600']] },
  frameworks: { run: [['scripts/frameworks.mjs', '--newer']] },
  sanitize: { run: [['scripts/sanitize.mjs'], ['scripts/sanitize.mjs', '--fuzz']] },
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(SWEEPS, name));
if (unknown.length > 0) {
  console.error(`no such sweep: ${unknown.join(', ')}; there are ${Object.keys(SWEEPS).join(', ')}`);
  process.exit(2);
}

const commit = execFileSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8' }).trim();
const rows = [];
for (const name of asked.length === 0 ? Object.keys(SWEEPS) : asked) {
  const started = performance.now();
  const { run, env } = SWEEPS[name];
  const failed = run.filter((args) => {
    console.log(`\n=== ${name}: node ${args.join(' ')}`);
    // Where nothing may be left out in silence.
    const given = { CI: '1', ...process.env, ...env };
    return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env: given }).status !== 0;
  });
  const minutes = ((performance.now() - started) / 60_000).toFixed(1);
  rows.push(`| ${name} | ${new Date().toISOString().slice(0, 10)}, ${commit}, ${minutes} min |`);
  if (failed.length > 0) {
    process.exitCode = 1;
    rows.push(`FAILED: ${failed.map((args) => `node ${args.join(' ')}`).join('; ')}`);
  }
}
console.log(`\n${rows.join('\n')}`);
