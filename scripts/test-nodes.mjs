// Runs the suite on every version of Node that the package promises to run on.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHE, NODE_VERSIONS, nodeBinary } from './node-binaries.mjs';
import { readReport, reportTo, summarize } from './test-results.mjs';

const test = fileURLToPath(new URL('test.mjs', import.meta.url));

// EXACTBIND_NODES names fewer: "22 26".
const runs = (process.env.EXACTBIND_NODES?.split(' ') ?? NODE_VERSIONS).map((wanted) => {
  const { path, version } = nodeBinary(wanted);
  console.log(`\nNode ${version}`);
  const report = join(CACHE, 'results', `node-${wanted}.json`);
  const { status } = spawnSync(process.execPath, [test, ...reportTo(report), ...process.argv.slice(2)], {
    stdio: 'inherit',
    // npm test does both a thousand times; what differs between versions of Node shows in fewer.
    env: { EXACTBIND_RACES: '100', EXACTBIND_WORKERS: '100', ...process.env, EXACTBIND_TEST_NODE: path },
  });
  return { name: `Node ${version}`, ...readReport(report, status) };
});
summarize(runs);
