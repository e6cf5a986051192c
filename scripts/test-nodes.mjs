// Runs the suite on every version of Node that the package promises to run on.
//
// npm run test:nodes [-- --sample | words for vitest]: all tests; or those tagged `node`, on the oldest and the newest.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHE, NODE_VERSIONS, nodeBinary } from './node-binaries.mjs';
import { taggedFiles } from './tagged-files.mjs';
import { readReport, reportTo, summarize } from './test-results.mjs';

const test = fileURLToPath(new URL('test.mjs', import.meta.url));
const words = process.argv.slice(2);
const isSample = words.includes('--sample');
const args = [...words.filter((word) => word !== '--sample'), ...(isSample ? taggedFiles('node') : [])];

const sampled = [...NODE_VERSIONS.slice(0, 1), ...NODE_VERSIONS.slice(-1)];
// EXACTBIND_NODES names others: "22 26".
const runs = (process.env.EXACTBIND_NODES?.split(' ') ?? (isSample ? sampled : NODE_VERSIONS)).map((wanted) => {
  const { path, version } = nodeBinary(wanted);
  console.log(`\nNode ${version}`);
  const report = join(CACHE, 'results', `node-${wanted}.json`);
  const { status } = spawnSync(process.execPath, [test, ...reportTo(report), ...args], {
    stdio: 'inherit',
    env: { ...(isSample ? { EXACTBIND_WORKERS: '20' } : {}), ...process.env, EXACTBIND_TEST_NODE: path },
  });
  return { name: `Node ${version}`, ...readReport(report, status) };
});
summarize(runs);
