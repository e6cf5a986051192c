// Packs the package and tries it as others get it: every manager, runtime and bundler that can be had here.
//
// npm run test:package [-- words of the names of what to run]
import { match, ok, strictEqual } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './node-binaries.mjs';
import { BUNDLERS } from './package/bundlers.mjs';
import { bare, consumer, MANAGERS, nodeArguments, pack, tool } from './package/consumer.mjs';
import { RUNTIMES } from './package/runtimes.mjs';
import { faultsOf } from './prebuild/check.mjs';
import { PREBUILDS, TARGETS, targetOf } from './prebuild/targets.mjs';

const PUBLINT = 'publint@0.3.25';
const ATTW = '@arethetypeswrong/cli@0.18.5';
const MOST_PACKED = 1_000_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const words = process.argv.slice(2);

for (const { file } of TARGETS) {
  if (!existsSync(join(PREBUILDS, file))) throw new Error(`prebuilds/${file} is missing: npm run prebuild`);
}
const tarball = pack();
const installed = consumer('npm', tarball);
/** @param {string[]} path */
const inPackage = (...path) => join(installed, 'node_modules/exactbind', ...path);

/** @type {(folder: string, args: string[], options?: import('node:child_process').SpawnSyncOptions) => string} */
const node = (folder, args, options = {}) => run(process.execPath, args, { cwd: folder, timeout: 60_000, ...options });

// With ports that are free, and an end.
function readmeExample() {
  const [, code = ''] = /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? [];
  const ending = 'const { log } = console;\nconsole.log = (...said) => {\n  log(...said);\n  process.exit();\n};\n';
  return ending + code.replaceAll(/port: \d+/g, 'port: 0');
}

const installs = MANAGERS.map((manager) => ({
  name: `installed by ${manager}: no script, no compiler`,
  run() {
    const folder = manager === 'npm' ? installed : consumer(manager, tarball, manager);
    writeFileSync(join(folder, 'readme.mjs'), readmeExample());
    const args = nodeArguments(manager);
    strictEqual(node(folder, [...args, 'readme.mjs'], { env: bare() }), 'listening\n');
    return node(folder, [...args, 'smoke.mjs', 'serves'], { env: bare() });
  },
}));

const contents = [
  {
    name: 'the tarball has every binary and is small',
    run() {
      for (const { file } of TARGETS) ok(tarball.files.includes(`prebuilds/${file}`), file);
      ok(tarball.files.includes('prebuilds/SHA256SUMS'));
      ok(tarball.bytes <= MOST_PACKED, `${tarball.bytes} bytes`);
      run('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], { cwd: inPackage('prebuilds') });
      return `ok ${tarball.bytes} bytes packed, ${tarball.files.length} files`;
    },
  },
  {
    name: 'a binary under the name of another platform is refused',
    run() {
      for (const { file } of TARGETS) {
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
        tool('attw', ATTW, '@arethetypeswrong/cli/dist/index.mjs'),
        tarball.path,
        // The package is ESM, and required by the versions of Node that can.
        ...['--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm', '--format', 'table-flipped'],
      ]),
  },
];

const loading = [
  {
    name: 'from source, where no binary fits',
    run() {
      const folder = consumer('source', tarball);
      rmSync(join(folder, 'node_modules/exactbind/prebuilds'), { recursive: true });
      run('npm', ['rebuild', 'exactbind'], { cwd: folder });
      ok(statSync(join(folder, 'node_modules/exactbind/build/Release/exactbind.node')).isFile());
      return node(folder, ['smoke.mjs', 'serves']);
    },
  },
  {
    name: 'one error, where that fails too',
    run() {
      const folder = consumer('nothing', tarball);
      rmSync(join(folder, 'node_modules/exactbind/prebuilds'), { recursive: true });
      const rebuilt = spawnSync('npm', ['rebuild', 'exactbind'], { cwd: folder, env: bare(), encoding: 'utf8' });
      ok(rebuilt.status !== 0, 'compiles without a compiler');
      const { status, stderr } = spawnSync(process.execPath, ['smoke.mjs', 'serves'], {
        cwd: folder,
        encoding: 'utf8',
      });
      strictEqual(status, 1);
      const words = [
        'ERR_EXACTBIND_NO_BINARY',
        process.platform,
        process.arch,
        'libc',
        'prebuilds',
        'npm rebuild exactbind',
      ];
      for (const word of words) match(stderr, new RegExp(word));
      return `ok ${/^Error: (.*)$/m.exec(stderr)?.[1]}`;
    },
  },
];

const runtimes = [...RUNTIMES, ...BUNDLERS].map((one) => ({ ...one, run: () => one.run(installed) }));
/** @type {{ name: string, run: () => string, why?: () => string | undefined, isOptional?: boolean }[]} */
const checks = [...contents, ...installs, ...runtimes, ...loading].filter(({ name }) =>
  words.every((word) => name.includes(word)),
);

let [passed, failed, skipped] = [0, 0, 0];
for (const { name, run: check, why = () => undefined, isOptional = false } of checks) {
  const started = performance.now();
  const reason = why();
  if (reason !== undefined) {
    // CI installs everything, so there a missing program is a fault.
    const isFault = process.env.CI && !isOptional;
    if (isFault) failed++;
    else skipped++;
    console.log(`${isFault ? 'FAILED ' : 'skipped'} ${name}: ${reason}`);
    continue;
  }
  try {
    const said = check().trim().split('\n').pop() ?? '';
    passed++;
    console.log(
      `passed  ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)${/^ok/.test(said) ? `: ${said}` : ''}`,
    );
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}\n${/** @type {Error} */ (error).message}`);
  }
}
console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
