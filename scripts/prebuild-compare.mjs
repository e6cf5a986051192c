// Builds this platform's binary with prebuildify and node-gyp, and compares what it exports with prebuilds/'s own.
import { deepStrictEqual } from 'node:assert';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './node-binaries.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const prebuildify = join(dirname(require.resolve('prebuildify/package.json')), 'bin.js');
// node-gyp-build takes what was compiled here for any of them otherwise.
process.env.PREBUILDS_ONLY = '1';
const { resolve } = /** @type {{ resolve: (folder: string) => string }} */ (require('node-gyp-build'));

// Outside of prebuilds/, where the release's are.
const own = join(root, 'build-prebuildify');
const flags = ['--napi', '--strip', '--tag-libc', `--target=${process.versions.node}`, `--out=${own}`];
run(process.execPath, [prebuildify, ...flags], { cwd: root });

/** @param {string} folder */
function exportsOf(folder) {
  const addon = require(resolve(folder));
  return {
    constants: addon.constants,
    types: Object.fromEntries(Object.keys(addon).map((key) => [key, typeof addon[key]])),
  };
}

const [native, crossed] = [own, root].map(exportsOf);
deepStrictEqual(crossed, native);
console.log(`${resolve(root)}\n${resolve(own)}\nboth export ${Object.keys(native.types).sort().join(', ')}`);
