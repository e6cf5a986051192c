// Compares what this platform's binary in prebuilds/ exports with what other builds of the same sources do.
//
// npm run prebuild:compare [-- --built]: with prebuildify's own build, or with those of node-gyp and CMake that are here.
import { deepStrictEqual } from 'node:assert';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run } from './node-binaries.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
// node-gyp-build takes what was compiled here for any of them otherwise.
process.env.PREBUILDS_ONLY = '1';
const { resolve } = /** @type {{ resolve: (folder: string) => string }} */ (require('node-gyp-build'));

function prebuildify() {
  const program = join(dirname(require.resolve('prebuildify/package.json')), 'bin.js');
  // Outside of prebuilds/, where the release's are.
  const own = join(root, 'build-prebuildify');
  const flags = ['--napi', '--strip', '--tag-libc', `--target=${process.versions.node}`, `--out=${own}`];
  run(process.execPath, [program, ...flags], { cwd: root });
  return resolve(own);
}

/** @param {string} file */
function exportsOf(file) {
  const addon = require(file);
  return {
    constants: addon.constants,
    types: Object.fromEntries(Object.keys(addon).map((key) => [key, typeof addon[key]])),
  };
}

const { built } = parseArgs({ options: { built: { type: 'boolean' } } }).values;
const others = built
  ? ['build', 'build-cmake'].map((folder) => join(root, folder, 'Release/exactbind.node'))
  : [prebuildify()];
const prebuilt = exportsOf(resolve(root));
for (const other of others) {
  console.log(`${relative(root, resolve(root))} and ${relative(root, other)}`);
  deepStrictEqual(exportsOf(other), prebuilt);
}
console.log(`all export ${Object.keys(prebuilt.types).sort().join(', ')}`);
console.log(`and ${Object.keys(prebuilt.constants).length} constants`);
