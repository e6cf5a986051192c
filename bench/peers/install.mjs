// Installs the packages that the benchmarks compare with; they stay out of this package's own lock file.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** @param {string} name */
const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const require = createRequire(import.meta.url);
/** @param {string} name */
const json = (name) => JSON.parse(readFileSync(path(name), 'utf8'));

/** What is installed is what the lock file says. */
function isInstalled() {
  const installed = 'node_modules/.package-lock.json';
  if (!existsSync(path(installed))) return false;
  /** @type {(name: string) => string[]} */
  const versions = (name) =>
    Object.entries(json(name).packages).map(
      ([folder, one]) => `${folder} ${/** @type {{ version: string }} */ (one).version}`,
    );
  const wanted = versions('package-lock.json');
  return versions(installed).every((one) => wanted.includes(one));
}

// On Windows npm is a script of a shell.
/** @param {string[]} args */
const npm = (...args) =>
  execFileSync('npm', args, { cwd: path('.'), stdio: 'ignore', shell: process.platform === 'win32' });

/**
 * Installs what is missing, and returns the versions that were asked for, by name.
 * @returns {Record<string, string>}
 */
export function install() {
  if (!isInstalled()) npm('ci', '--ignore-scripts', '--no-audit', '--no-fund');
  return json('package.json').dependencies;
}

/**
 * One of them, `{ loaded }`, or why it is not to be had here: `{ reason }`. An addon is compiled where it does not load.
 * @param {string} name
 * @returns {{ loaded?: any, reason?: string }}
 */
export function peer(name) {
  try {
    install();
    try {
      return { loaded: require(name) };
    } catch {
      npm('rebuild', name);
      return { loaded: require(name) };
    }
  } catch (error) {
    return { reason: /** @type {Error} */ (error).message.split('\n')[0] };
  }
}

/**
 * What `import` is given for one of them.
 * @param {string} name
 */
export const peerFile = (name) => pathToFileURL(require.resolve(name)).href;
