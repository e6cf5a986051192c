// The folder that the tests run in under Windows: the package, its tests, and their dependencies as Windows has them.
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHE, run } from '../node-binaries.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const FILES = ['package.json', 'tsconfig.json', 'vitest.config.mts', 'binding.gyp', 'CMakeLists.txt'];
const FOLDERS = ['lib', 'cli', 'matrix', 'dist', 'docs', 'native', 'scripts', 'test', 'bench'];

/** @param {string} file */
const read = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : '');

const folder = join(CACHE, 'windows-x64', 'package');

/** Installs what the tests depend on, for Windows; once for each lock file. */
export function installForWindows() {
  const lock = 'package-lock.json';
  // Written last: npm install may complete the copy of the lock file, so that one cannot tell.
  const installed = join(folder, 'installed.json');
  if (read(installed) === read(join(root, lock))) return;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const file of ['package.json', lock]) copyFileSync(join(root, file), join(folder, file));
  // vitest's own native parts, for Windows. Not `npm ci`: a package that is for neither system may be missing from a
  // registry's mirror, and is not needed here.
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--os=win32', '--cpu=x64', '--force'], {
    cwd: folder,
  });
  copyFileSync(join(root, lock), installed);
}

/**
 * Fills the folder, with the addon where node-gyp-build finds prebuilt ones, and returns its path.
 * @param {string} addon
 */
export function stage(addon) {
  installForWindows();
  for (const name of [...FILES, ...FOLDERS]) {
    rmSync(join(folder, name), { recursive: true, force: true });
    const filter = (/** @type {string} */ path) => !path.endsWith('node_modules');
    if (existsSync(join(root, name))) cpSync(join(root, name), join(folder, name), { recursive: true, filter });
  }
  const prebuilds = join(folder, 'prebuilds', 'win32-x64');
  mkdirSync(prebuilds, { recursive: true });
  copyFileSync(addon, join(prebuilds, 'exactbind.node'));
  return folder;
}
