// Rebuilds every binary of prebuilds/SHA256SUMS in another folder and compares.
//
// npm run prebuild:verify -- [folder] [--only file ...]
//
// `folder` is the unpacked package if it is not this one: the sources are those of this clone, the binaries those that
// were published.
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from './prebuild/build.mjs';
import { parseSums, sha256 } from './prebuild/sums.mjs';
import { TARGETS, targetOf } from './prebuild/targets.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = ['package.json', 'CMakeLists.txt', 'native', 'scripts/toolchain'];
const MODULES = ['node-addon-api', 'node-api-headers'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', multiple: true } },
});
const targets = values.only?.map(targetOf) ?? TARGETS;
const prebuilds = join(resolve(positionals[0] ?? root), 'prebuilds');
const published = parseSums(readFileSync(join(prebuilds, 'SHA256SUMS'), 'utf8'));

// A path of another length, in another place.
const folder = mkdtempSync(join(tmpdir(), 'exactbind-elsewhere-'));
let failed = 0;
try {
  for (const path of [...SOURCES, ...MODULES.map((name) => `node_modules/${name}`)])
    cpSync(join(root, path), join(folder, path), { recursive: true, dereference: true });
  for (const target of targets) {
    const rebuilt = sha256(build(target, { source: folder, folder: join(folder, 'build', target.zig) }));
    const path = join(prebuilds, target.file);
    const packed = existsSync(path) ? sha256(path) : 'missing';
    const isSame = rebuilt === published[target.file] && rebuilt === packed;
    if (!isSame) failed++;
    console.log(`${isSame ? 'same bytes' : 'DIFFERENT '}  ${rebuilt}  ${target.file}`);
    if (!isSame)
      console.log(`            ${published[target.file] ?? 'not listed'}  SHA256SUMS\n            ${packed}  packed`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${targets.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
