// The packed tarball, installed as others do: by each package manager, with no script and no compiler.
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHE, install, run } from '../node-binaries.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixtures = join(root, 'test/fixtures/package');

/** @typedef {{ path: string, bytes: number, files: string[] }} Tarball */

/** Where all of this happens; made anew by each run. */
export const WORK = join(CACHE, 'package');

const PINNED = { pnpm: 'pnpm@10.34.8', yarn: 'yarn@1.22.22', 'yarn-4': '@yarnpkg/cli-dist@4.18.1' };

/**
 * A program of an npm package, installed into a folder of its own.
 * @param {string} name
 * @param {string | string[]} spec
 * @param {string} program
 */
export function tool(name, spec, program) {
  const folder = join(CACHE, 'tools', name);
  const path = join(folder, 'node_modules', program);
  if (!existsSync(path)) install(folder, Array.isArray(spec) ? spec : [spec]);
  return path;
}

/**
 * Packs the package as it is published; its path, and what is in it.
 * @returns {Tarball}
 */
export function pack() {
  rmSync(WORK, { recursive: true, force: true });
  mkdirSync(WORK, { recursive: true });
  const [packed] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', `--pack-destination=${WORK}`], { cwd: root }),
  );
  return {
    path: join(WORK, packed.filename),
    bytes: packed.size,
    files: packed.files.map((/** @type {{ path: string }} */ { path }) => path),
  };
}

// All that these managers need of a machine.
function pathWithoutCompiler() {
  const folder = join(WORK, 'bin');
  if (existsSync(folder)) return folder;
  mkdirSync(folder);
  for (const program of ['node', 'npm', 'sh']) {
    symlinkSync(run('sh', ['-c', `command -v ${program}`]).trim(), join(folder, program));
  }
  return folder;
}

export const bare = () => ({ ...process.env, PATH: pathWithoutCompiler(), CC: '', CXX: '' });

/** @param {string} name */
function emptyProject(name) {
  const folder = join(WORK, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "name": "consumer", "private": true }\n');
  cpSync(fixtures, folder, { recursive: true });
  return folder;
}

/**
 * @type {Record<string, (folder: string, tarball: string, options: import('node:child_process').SpawnSyncOptions) => string>}
 */
const managers = {
  npm: (folder, tarball, options) =>
    run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball], { cwd: folder, ...options }),
  pnpm: (folder, tarball, options) => {
    const program = tool('pnpm', PINNED.pnpm, 'pnpm/bin/pnpm.cjs');
    const flags = ['--ignore-scripts', `--store-dir=${join(CACHE, 'pnpm-store')}`];
    return run(process.execPath, [program, 'add', ...flags, tarball], { cwd: folder, ...options });
  },
  yarn: (folder, tarball, options) => {
    const program = tool('yarn', PINNED.yarn, 'yarn/bin/yarn.js');
    const flags = ['--ignore-scripts', '--no-lockfile', `--cache-folder=${join(CACHE, 'yarn-cache')}`];
    // A cache knows a file by its name, and this one changes under it.
    rmSync(join(CACHE, 'yarn-cache'), { recursive: true, force: true });
    return run(process.execPath, [program, 'add', ...flags, tarball], { cwd: folder, ...options });
  },
  'yarn-4': (folder, tarball, options) => {
    const program = tool('yarn-4', PINNED['yarn-4'], '@yarnpkg/cli-dist/bin/yarn.js');
    const registry = run('npm', ['config', 'get', 'registry']).trim();
    writeFileSync(
      join(folder, '.yarnrc.yml'),
      [
        `npmRegistryServer: '${registry}'`,
        `unsafeHttpWhitelist: ['${new URL(registry).hostname}']`,
        `globalFolder: '${join(CACHE, 'yarn-4')}'`,
        'enableScripts: false',
        'enableTelemetry: false',
        '',
      ].join('\n'),
    );
    // The manager looks for a project above this folder otherwise.
    writeFileSync(join(folder, 'yarn.lock'), '');
    return run(process.execPath, [program, 'add', `exactbind@file:${tarball}`], { cwd: folder, ...options });
  },
};

export const MANAGERS = Object.keys(managers);

/**
 * A folder that has nothing but the installed package and the programs that try it.
 * @param {string} name
 * @param {Tarball} tarball
 */
export function consumer(name, tarball, manager = 'npm') {
  const folder = emptyProject(name);
  managers[manager](folder, tarball.path, { env: bare() });
  return folder;
}

/**
 * Node's arguments for a program there: Yarn 4 keeps packages where only its own loader finds them.
 * @param {string} manager
 */
export function nodeArguments(manager) {
  return manager === 'yarn-4' ? ['--require', './.pnp.cjs', '--experimental-loader', './.pnp.loader.mjs'] : [];
}
