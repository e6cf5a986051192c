// Programs that were bundled or made a single executable: docs/bundling.md says what these try.
import { chmodSync, cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeBinary, run } from '../node-binaries.mjs';
import { tool } from './consumer.mjs';

const ESBUILD = 'esbuild@0.28.2';
const WEBPACK = ['webpack@5.112.2', 'webpack-cli@7.3.1'];

/** @type {(folder: string, file: string) => string} */
const node = (folder, file) => run(process.execPath, [file], { cwd: folder, timeout: 60_000 });

/**
 * @param {string} folder
 * @param {string[]} flags
 */
function esbuild(folder, ...flags) {
  const program = tool('esbuild', ESBUILD, 'esbuild/bin/esbuild');
  const common = ['bundled.mjs', '--bundle', '--platform=node', '--format=esm', '--log-level=error'];
  run(process.execPath, [program, ...common, ...flags], { cwd: folder });
}

/** @type {{ name: string, run(folder: string): string }[]} */
export const BUNDLERS = [
  {
    name: 'esbuild, the package left outside',
    run(folder) {
      esbuild(folder, '--external:exactbind', '--outfile=out/external.mjs');
      return node(folder, 'out/external.mjs');
    },
  },
  {
    name: 'esbuild, the package inside and its binaries beside',
    run(folder) {
      esbuild(folder, '--outfile=out/inside.mjs');
      // Where `new URL('..', import.meta.url)` of the bundle leads.
      cpSync(join(folder, 'node_modules/exactbind/prebuilds'), join(folder, 'prebuilds'), { recursive: true });
      return node(folder, 'out/inside.mjs');
    },
  },
  {
    name: 'webpack, the package left outside',
    run(folder) {
      const program = tool('webpack', WEBPACK, 'webpack-cli/bin/cli.js');
      const config = {
        mode: 'production',
        target: 'node20',
        entry: './bundled.mjs',
        experiments: { outputModule: true },
        output: { path: join(folder, 'out'), filename: 'webpack.mjs', module: true },
        externals: { exactbind: 'module exactbind' },
      };
      writeFileSync(join(folder, 'webpack.config.mjs'), `export default ${JSON.stringify(config)};\n`);
      run(process.execPath, [program, 'build', '--config', 'webpack.config.mjs'], { cwd: folder });
      return node(folder, 'out/webpack.mjs');
    },
  },
  {
    name: 'a single executable of Node 26, the package beside it',
    run(folder) {
      const { path } = nodeBinary('26');
      // The modules that an executable carries cannot require others from disk; this finds those beside it.
      const main =
        "const { createRequire } = require('node:module');\n" +
        "const { BoundSocket } = createRequire(process.execPath)('exactbind');\n" +
        "const bound = new BoundSocket({ port: 0, host: '127.0.0.1' });\n" +
        "console.log('ok', bound.address().address);\n";
      writeFileSync(join(folder, 'sea.cjs'), main);
      writeFileSync(join(folder, 'sea.json'), JSON.stringify({ main: 'sea.cjs', output: 'single' }));
      run(path, ['--build-sea', 'sea.json'], { cwd: folder });
      chmodSync(join(folder, 'single'), 0o755);
      return run('./single', [], { cwd: folder, timeout: 60_000 });
    },
  },
];
