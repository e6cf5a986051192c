// Programs that were bundled or made a single executable: docs/bundling.md says what these try.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CACHE, nodeBinary, run } from '../node-binaries.mjs';
import { tool } from './consumer.mjs';

const BANNER =
  "import { createRequire } from 'node:module'; import { fileURLToPath } from 'node:url'; import { dirname } from 'node:path'; const require = createRequire(import.meta.url); const __dirname = dirname(fileURLToPath(import.meta.url));";

/** @type {(folder: string, file: string | undefined) => string} */
const node = (folder, file = 'nothing was made') => run(process.execPath, [file], { cwd: folder, timeout: 60_000 });

/**
 * A folder for what one bundler makes; nothing above it has the package.
 * @param {string} folder
 * @param {string} name
 */
function place(folder, name, { binaries = true } = {}) {
  const made = join(CACHE, 'package-bundles', name);
  mkdirSync(made, { recursive: true });
  if (binaries) cpSync(join(folder, 'node_modules/exactbind/prebuilds'), join(made, 'prebuilds'), { recursive: true });
  return made;
}

/**
 * @param {string} folder
 * @param {string} out
 * @param {string} format
 * @param {string[]} flags
 */
function esbuild(folder, out, format, ...flags) {
  const program = tool('esbuild', 'esbuild@0.28.2', 'esbuild/bin/esbuild');
  const entry = format === 'cjs' ? 'bundled.cjs' : 'bundled.mjs';
  const common = [entry, '--bundle', '--platform=node', `--format=${format}`, '--log-level=error', `--outfile=${out}`];
  run(process.execPath, [program, ...common, ...flags], { cwd: folder });
}

/**
 * @param {string} folder
 * @param {object} config
 */
function webpack(folder, config) {
  const program = tool('webpack', ['webpack@5.112.2', 'webpack-cli@7.3.1'], 'webpack-cli/bin/cli.js');
  writeFileSync(join(folder, 'webpack.config.mjs'), `export default ${JSON.stringify(config)};\n`);
  run(process.execPath, [program, 'build', '--config', 'webpack.config.mjs'], { cwd: folder });
}

/**
 * @param {string} folder
 * @param {string} out
 * @param {string} format
 * @param {string} [banner]
 */
function rollup(folder, out, format, banner) {
  const specs = ['rollup@4.68.8', '@rollup/plugin-node-resolve@16.0.3', '@rollup/plugin-commonjs@29.0.3'];
  const program = tool('rollup', specs, 'rollup/dist/bin/rollup');
  const plugins = dirname(dirname(dirname(dirname(program))));
  const config = `import resolve from ${JSON.stringify(join(plugins, '@rollup/plugin-node-resolve/dist/es/index.js'))};
import commonjs from ${JSON.stringify(join(plugins, '@rollup/plugin-commonjs/dist/es/index.js'))};
export default { input: 'bundled.mjs', output: { file: ${JSON.stringify(out)}, format: '${format}', banner: ${JSON.stringify(banner ?? '')}, inlineDynamicImports: true },
  plugins: [resolve({ preferBuiltins: true }), commonjs()], onwarn() {} };\n`;
  writeFileSync(join(folder, 'rollup.config.mjs'), config);
  run(process.execPath, [program, '--config', 'rollup.config.mjs', '--silent'], { cwd: folder });
}

// The program of a single executable cannot require other files by itself; this finds those beside it.
const IN_EXECUTABLE = `const { createRequire } = require('node:module');
const { BoundSocket } = createRequire(process.execPath)('exactbind');
const bound = new BoundSocket({ port: 0, host: '127.0.0.1' });
console.log('ok', bound.address().address);
`;

/** @type {{ name: string, isSample?: boolean, run(folder: string): string }[]} */
export const BUNDLERS = [
  {
    name: 'esbuild, CommonJS, the package inside',
    isSample: true,
    run(folder) {
      const made = place(folder, 'esbuild-cjs');
      esbuild(folder, join(made, 'out.cjs'), 'cjs');
      return node(made, 'out.cjs');
    },
  },
  {
    name: 'esbuild, ESM, the package inside, with a banner',
    run(folder) {
      const made = place(folder, 'esbuild-esm');
      esbuild(folder, join(made, 'out.mjs'), 'esm', `--banner:js=${BANNER}`);
      return node(made, 'out.mjs');
    },
  },
  {
    name: 'esbuild, ESM, the package left outside',
    run(folder) {
      esbuild(folder, 'out/external.mjs', 'esm', '--external:exactbind');
      return node(folder, 'out/external.mjs');
    },
  },
  {
    name: 'esbuild, without the binaries: the error says what to copy where',
    isSample: true,
    run(folder) {
      const made = place(folder, 'without', { binaries: false });
      esbuild(folder, join(made, 'out.cjs'), 'cjs');
      const { stderr } = spawnSync(process.execPath, ['out.cjs'], { cwd: made, encoding: 'utf8' });
      if (!stderr.includes(`put the package's folder prebuilds/ into ${made}`)) throw new Error(stderr);
      return 'ok';
    },
  },
  {
    name: 'rollup, CommonJS, the package inside',
    run(folder) {
      const made = place(folder, 'rollup-cjs');
      rollup(folder, join(made, 'out.cjs'), 'cjs');
      return node(made, 'out.cjs');
    },
  },
  {
    name: 'rollup, ESM, the package inside, with a banner',
    run(folder) {
      const made = place(folder, 'rollup-esm');
      rollup(folder, join(made, 'out.mjs'), 'es', BANNER);
      return node(made, 'out.mjs');
    },
  },
  {
    name: 'webpack, CommonJS, the package inside',
    isSample: true,
    run(folder) {
      const made = place(folder, 'webpack-cjs');
      const output = { path: made, filename: 'out.cjs' };
      webpack(folder, {
        mode: 'production',
        target: 'node20',
        entry: './bundled.cjs',
        node: { __dirname: false },
        output,
      });
      return node(made, 'out.cjs');
    },
  },
  {
    name: 'webpack, ESM, the package left outside',
    run(folder) {
      webpack(folder, {
        ...{ mode: 'production', target: 'node20', entry: './bundled.mjs', experiments: { outputModule: true } },
        output: { path: join(folder, 'out'), filename: 'webpack.mjs', module: true },
        externals: { exactbind: 'module exactbind' },
      });
      return node(folder, 'out/webpack.mjs');
    },
  },
  {
    name: 'vite, SSR, the package left outside',
    run(folder) {
      const program = tool('vite', 'vite@8.4.0', 'vite/bin/vite.js');
      run(process.execPath, [program, 'build', '--ssr', 'bundled.mjs', '--outDir', 'out/vite', '--logLevel', 'error'], {
        cwd: folder,
      });
      return node(
        folder,
        ['out/vite/bundled.mjs', 'out/vite/bundled.js'].find((file) => existsSync(join(folder, file))),
      );
    },
  },
  {
    name: 'ncc, the package inside',
    run(folder) {
      const program = tool('ncc', '@vercel/ncc@0.45.0', '@vercel/ncc/dist/ncc/cli.js');
      const made = place(folder, 'ncc');
      run(process.execPath, [program, 'build', 'bundled.cjs', '-o', made, '-q'], { cwd: folder });
      return node(
        made,
        ['index.cjs', 'index.js'].find((file) => existsSync(join(made, file))),
      );
    },
  },
  {
    name: 'Bun build, CommonJS for Node, the package inside',
    run(folder) {
      const program = tool('bun', '@oven/bun-linux-x64@1.4.5', '@oven/bun-linux-x64/bin/bun');
      const made = place(folder, 'bun');
      run(program, ['build', 'bundled.cjs', '--target=node', '--format=cjs', `--outfile=${join(made, 'out.cjs')}`], {
        cwd: folder,
      });
      return node(made, 'out.cjs');
    },
  },
  {
    name: 'Next 16, standalone',
    run(folder) {
      const specs = ['next@16.4.6', 'react@19.2.1', 'react-dom@19.2.1'];
      const program = tool('next', specs, 'next/dist/bin/next');
      // Next takes what it finds from the project's own folder.
      const app = dirname(dirname(dirname(dirname(dirname(program)))));
      cpSync(join(folder, 'node_modules/exactbind'), join(app, 'node_modules/exactbind'), { recursive: true });
      cpSync(join(folder, 'node_modules/node-gyp-build'), join(app, 'node_modules/node-gyp-build'), {
        recursive: true,
      });
      cpSync(join(folder, 'next'), app, { recursive: true });
      const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' };
      run(process.execPath, [program, 'build'], { cwd: app, env, timeout: 300_000 });
      return run(process.execPath, ['ask.cjs'], { cwd: app, env, timeout: 60_000 });
    },
  },
  {
    name: 'a single executable of Node 26, the package beside it',
    run(folder) {
      const { path } = nodeBinary('26');
      writeFileSync(join(folder, 'sea.cjs'), IN_EXECUTABLE);
      writeFileSync(join(folder, 'sea.json'), JSON.stringify({ main: 'sea.cjs', output: 'single' }));
      run(path, ['--build-sea', 'sea.json'], { cwd: folder });
      chmodSync(join(folder, 'single'), 0o755);
      return run('./single', [], { cwd: folder, timeout: 60_000 });
    },
  },
];
