// The packed tarball, and folders that have it installed as others do.
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHE, install, run } from '../node-binaries.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixtures = join(root, 'test/fixtures/package');

/** Where all of this happens; made anew by each run. */
export const WORK = join(CACHE, 'package');

/**
 * The path of a program of npm packages, installed into a folder of its own.
 * @param {string} name
 * @param {string | string[]} specs
 * @param {string} program
 */
export function tool(name, specs, program) {
  const folder = join(CACHE, 'tools', name);
  const path = join(folder, 'node_modules', program);
  if (!existsSync(path)) install(folder, [specs].flat());
  return path;
}

/**
 * What `npm pack` says, as far as it is asked.
 * @typedef {{ path: string, bytes: number, files: string[] }} Tarball
 */

// What is made here and does not go into the package, or is made anew for it.
const NOT_PACKED = /^(\.git|\.cache|node_modules|build.*|dist.*)$/;

/**
 * A copy of the tree. Packing replaces dist/ and package.json for a moment, and a test beside it would find neither.
 */
function copy() {
  const folder = join(WORK, 'source');
  for (const name of readdirSync(root)) {
    if (!NOT_PACKED.test(name)) cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/**
 * Packs the package as it is published; its path, and what is in it.
 * @returns {Tarball}
 */
export function pack() {
  rmSync(WORK, { recursive: true, force: true });
  mkdirSync(WORK, { recursive: true });
  const said = run('npm', ['pack', '--json', `--pack-destination=${WORK}`], { cwd: copy() });
  // The scripts that run before it may say something.
  const [packed] = JSON.parse(said.slice(said.indexOf('[\n')));
  return {
    path: join(WORK, packed.filename),
    bytes: packed.size,
    files: packed.files.map((/** @type {{ path: string }} */ { path }) => path),
  };
}

/**
 * A PATH with Node, npm and a shell, and nothing that compiles; the shell writes its commands to `log`.
 * @param {string} name
 * @param {{ node?: string, log?: string }} [which]
 */
export function barePath(name, { node = process.execPath, log } = {}) {
  const folder = join(WORK, 'bin', name);
  if (existsSync(folder)) return folder;
  mkdirSync(folder, { recursive: true });
  symlinkSync(node, join(folder, 'node'));
  symlinkSync(run('sh', ['-c', 'command -v npm']).trim(), join(folder, 'npm'));
  if (log === undefined) symlinkSync('/bin/sh', join(folder, 'sh'));
  else {
    writeFileSync(join(folder, 'sh'), `#!/bin/sh\nprintf '%s\\n' "$*" >>'${log}'\nexec /bin/sh "$@"\n`);
    chmodSync(join(folder, 'sh'), 0o755);
  }
  return folder;
}

export const bare = () => ({ ...process.env, PATH: barePath('plain'), CC: '', CXX: '' });

/**
 * A folder with the programs that try the package, and not yet the package.
 * @param {string} name
 */
export function emptyProject(name) {
  const folder = join(WORK, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "name": "consumer", "private": true }\n');
  cpSync(fixtures, folder, { recursive: true });
  return folder;
}

/**
 * The same with the package, installed by npm.
 * @param {string} name
 * @param {Tarball} tarball
 */
export function consumer(name, tarball) {
  const folder = emptyProject(name);
  run('npm', ['install', '--no-audit', '--no-fund', tarball.path], { cwd: folder, env: bare() });
  return folder;
}
