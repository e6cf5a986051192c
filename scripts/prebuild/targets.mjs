// The platforms that a release has a binary for, by the names that node-gyp-build looks for.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Where the binaries go; git ignores all but its README. */
export const PREBUILDS = join(root, 'prebuilds');

const { name } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** @typedef {ReturnType<typeof target>} Target */

/** @type {(platform: string, arch: string, libc: string | undefined, zig: string) => { platform: string, arch: string, libc?: string, zig: string, file: string }} */
const target = (platform, arch, libc, zig) => ({
  platform,
  arch,
  libc,
  /** Zig's name of it, with the oldest glibc or macOS. */
  zig,
  file: `${platform}-${arch}/${name}.${libc === undefined ? '' : `${libc}.`}node`,
});

export const TARGETS = [
  target('linux', 'x64', 'glibc', 'x86_64-linux-gnu.2.17'),
  target('linux', 'x64', 'musl', 'x86_64-linux-musl'),
  target('linux', 'arm64', 'glibc', 'aarch64-linux-gnu.2.17'),
  target('linux', 'arm64', 'musl', 'aarch64-linux-musl'),
  target('linux', 'arm', 'glibc', 'arm-linux-gnueabihf.2.17'),
  target('darwin', 'x64', undefined, 'x86_64-macos.11.0'),
  target('darwin', 'arm64', undefined, 'aarch64-macos.11.0'),
  target('win32', 'x64', undefined, 'x86_64-windows-gnu'),
  target('win32', 'arm64', undefined, 'aarch64-windows-gnu'),
];

/** One of each format and of each build of CMakeLists.txt: what `npm run prebuild -- --sample` makes. */
export const SAMPLE = TARGETS.filter(({ file }) =>
  ['linux-x64/exactbind.glibc.node', 'darwin-arm64/exactbind.node', 'win32-x64/exactbind.node'].includes(file),
);

/**
 * The target of a file's name (`'win32-x64/exactbind.node'`).
 * @param {string} file
 */
export function targetOf(file) {
  const found = TARGETS.find((one) => one.file === file);
  if (found === undefined) throw new Error(`no target makes ${file}: ${TARGETS.map((one) => one.file).join(', ')}`);
  return found;
}
