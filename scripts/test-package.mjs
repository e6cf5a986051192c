// Packs the package and tries it as others get it: in every manager, runner, compiler, bundler and runtime that can be had here.
//
// npm run test:package [-- --sample] [words of the names of what to run]
// All of it, without words, writes docs/compatibility.md. The sample is for CI.
import { match, ok, strictEqual } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './node-binaries.mjs';
import { BUNDLERS } from './package/bundlers.mjs';
import { bare, consumer, pack, tool } from './package/consumer.mjs';
import { installWith, MANAGERS } from './package/managers.mjs';
import { RUNS } from './package/runners.mjs';
import { RUNTIMES } from './package/runtimes.mjs';
import { writePage } from './package/table.mjs';
import { COMBINATIONS, compile, completions } from './package/types.mjs';
import { faultsOf } from './prebuild/check.mjs';
import { PREBUILDS, SAMPLE, TARGETS, targetOf } from './prebuild/targets.mjs';

const PUBLINT = 'publint@0.3.25';
const ATTW = '@arethetypeswrong/cli@0.18.5';
const MOST_PACKED = 650_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const isSample = process.argv.includes('--sample');
const words = process.argv.slice(2).filter((word) => word !== '--sample');

const isWhole = !isSample && words.length === 0;
for (const { file } of isWhole ? TARGETS : SAMPLE) {
  if (existsSync(join(PREBUILDS, file))) continue;
  throw new Error(`prebuilds/${file} is missing: npm run prebuild${isWhole ? '' : ' -- --sample'}`);
}
const tarball = pack();
const installed = consumer('npm', tarball);
/** @param {string[]} path */
const inPackage = (...path) => join(installed, 'node_modules/exactbind', ...path);

/** @type {(folder: string, args: string[], options?: import('node:child_process').SpawnSyncOptions) => string} */
const node = (folder, args, options = {}) => run(process.execPath, args, { cwd: folder, timeout: 60_000, ...options });

// On a port that is free, and with an end.
function readmeExample() {
  const [, code = ''] = readFileSync(join(root, 'README.md'), 'utf8').match(/```js\n([\s\S]*?)```/) ?? [];
  const ending = 'const { log } = console;\nconsole.log = (...said) => {\n  log(...said);\n  process.exit();\n};\n';
  return ending + code.replaceAll('3000', '0');
}

const readme = {
  name: 'the first example of the README',
  isSample: true,
  run() {
    writeFileSync(join(installed, 'readme.mjs'), readmeExample());
    match(node(installed, ['readme.mjs'], { env: bare() }), /^listening on port [1-9]\d*\n$/);
    return 'ok';
  },
};

const contents = [
  {
    name: 'the tarball has every binary and is small',
    run() {
      const made = TARGETS.filter(({ file }) => existsSync(join(PREBUILDS, file)));
      for (const { file } of made) ok(tarball.files.includes(`prebuilds/${file}`), file);
      ok(tarball.bytes <= MOST_PACKED, `${tarball.bytes} bytes`);
      if (made.length < TARGETS.length)
        return `ok ${tarball.bytes} bytes packed, ${tarball.files.length} files, ${made.length} binaries`;
      ok(tarball.files.includes('prebuilds/SHA256SUMS'));
      run('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], { cwd: inPackage('prebuilds') });
      return `ok ${tarball.bytes} bytes packed, ${tarball.files.length} files`;
    },
  },
  {
    name: 'a binary under the name of another platform is refused',
    run() {
      for (const { file } of TARGETS.filter((one) => existsSync(inPackage('prebuilds', one.file)))) {
        const others = TARGETS.filter((other) => other.file !== file);
        for (const other of others)
          ok(faultsOf(inPackage('prebuilds', file), other).length > 0, `${file} as ${other.file}`);
        strictEqual(faultsOf(inPackage('prebuilds', file), targetOf(file)).join(), '');
      }
      return 'ok';
    },
  },
  {
    name: 'publint',
    run: () => node(installed, [tool('publint', PUBLINT, 'publint/src/cli.js'), tarball.path, '--strict']),
  },
  {
    name: 'are the types wrong?',
    run: () =>
      node(installed, [
        tool('attw', ATTW, '@arethetypeswrong/cli/dist/index.js'),
        tarball.path,
        ...['--format', 'table-flipped'],
      ]),
  },
];

const loading = [
  {
    name: 'from source, by exactbind build, where no binary fits',
    isSample: true,
    run() {
      const folder = consumer('source', tarball);
      const copy = join(folder, 'node_modules/exactbind');
      rmSync(join(copy, 'prebuilds'), { recursive: true });
      const { status, stderr } = spawnSync(process.execPath, ['smoke.mjs', 'serves'], {
        cwd: folder,
        encoding: 'utf8',
      });
      strictEqual(status, 1);
      const [, command] = /Compile one: node (\S+ build)/.exec(stderr) ?? [];
      strictEqual(command, `${copy}/dist/cli.cjs build`, stderr);
      node(folder, command.split(' '), { timeout: 300_000 });
      ok(statSync(join(copy, 'build/Release/exactbind.node')).isFile());
      return node(folder, ['smoke.mjs', 'serves']);
    },
  },
  {
    name: 'from source, by exactbind build, without a compiler: with Zig',
    run() {
      const folder = consumer('zig', tarball);
      const copy = join(folder, 'node_modules/exactbind');
      rmSync(join(copy, 'prebuilds'), { recursive: true });
      node(folder, [join(copy, 'dist/cli.cjs'), 'build'], { env: bare(), timeout: 600_000 });
      return node(folder, ['smoke.mjs', 'serves']);
    },
  },
];

/** @typedef {import('./package/table.mjs').Found} Found */
/**
 * One of them: it returns what was said, or more for its table.
 * @typedef {object} Check
 * @property {string} name
 * @property {() => string | Found} run
 * @property {() => string | undefined} [why]
 * @property {boolean} [isOptional]
 * @property {boolean} [isSample]
 */

/**
 * What belongs to a table of the page carries its name.
 * @satisfies {Record<string, Check[]>}
 */
const groups = {
  contents: [...contents, readme, { name: 'completion offers options alone', run: () => completions(installed) }],
  managers: MANAGERS.map((one) => ({ ...one, run: () => installWith(one, tarball) })),
  runners: RUNS.map((one) => ({ ...one, run: () => one.run(installed) })),
  types: COMBINATIONS.map((one) => ({ ...one, run: () => compile(one, installed) })),
  bundles: BUNDLERS.map((one) => ({ ...one, run: () => one.run(installed) })),
  binaries: RUNTIMES.map((one) => ({ ...one, run: () => one.run(installed) })),
  loading,
};

let [passed, failed, skipped] = [0, 0, 0];
/** @type {Record<keyof typeof groups, Found[]>} */
const results = { contents: [], managers: [], runners: [], types: [], bundles: [], binaries: [], loading: [] };

/**
 * Runs one check, and keeps what it found.
 * @param {Check} check
 * @param {Found[]} into
 */
function attempt(check, into) {
  const { name, why = () => undefined, isOptional = false } = check;
  const started = performance.now();
  const reason = why();
  if (reason !== undefined) {
    // CI installs everything, so there a missing program is a fault.
    const isFault = process.env.CI && !isOptional;
    if (isFault) failed++;
    else skipped++;
    console.log(`${isFault ? 'FAILED ' : 'skipped'} ${name}: ${reason}`);
    into.push({ ...check, result: `not run: ${reason}` });
    return;
  }
  try {
    const found = check.run();
    passed++;
    const said = typeof found === 'string' ? found.trim().split('\n').pop() : undefined;
    const result = said !== undefined && /^(ok|TS\d+)/.test(said) ? said : 'ok';
    into.push({ ...check, ...(typeof found === 'string' ? { result } : found) });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`passed  ${name} (${seconds} s)${said && /^(ok|TS)/.test(said) ? `: ${said}` : ''}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}\n${error instanceof Error ? error.message : error}`);
  }
}

for (const group of /** @type {(keyof typeof groups)[]} */ (Object.keys(groups))) {
  for (const check of /** @type {Check[]} */ (groups[group])) {
    const { name } = check;
    const isAsked = words.every((word) => name.includes(word)) && (!isSample || check.isSample || group === 'contents');
    if (isAsked) attempt(check, results[group]);
  }
}

if (isWhole && failed === 0) writePage(results);
console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
