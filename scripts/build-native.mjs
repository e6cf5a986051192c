// Compiles the addon for this machine: with node-gyp where there is a compiler and Python, else with Zig from npm.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHE } from './node-binaries.mjs';
import { zig } from './prebuild/build.mjs';
import { TARGETS } from './prebuild/targets.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const built = join(root, 'build', 'Release', 'exactbind.node');
const isWindows = process.platform === 'win32';

// Node's own headers, where it was installed with them: else node-gyp downloads them.
const prefix = dirname(dirname(process.execPath));
const hasHeaders = process.env.npm_config_nodedir === undefined && existsSync(join(prefix, 'include/node/config.gypi'));
const headers = hasHeaders ? [`--nodedir=${prefix}`] : [];

/**
 * @param {string} command
 * @param {'inherit' | 'pipe'} stdio
 */
function gyp(command, stdio) {
  const how = ['--loglevel=warn', '--jobs=max'];
  const args = [require.resolve('node-gyp/bin/node-gyp.js'), command, ...headers, ...how];
  return spawnSync(process.execPath, args, { cwd: root, stdio, encoding: 'utf8' });
}

/** @param {string} program */
function isMissing(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status !== 0;
}

/** Why node-gyp cannot build here; undefined if it can, and is configured. */
function whyNotGyp() {
  const compiler = process.env.CXX?.split(' ')[0] ?? 'c++';
  // On Windows node-gyp itself looks for Visual Studio.
  if (!isWindows && isMissing(compiler)) return 'no compiler';
  if (!isWindows && isMissing('make')) return 'no make';
  const { status, stderr } = gyp('configure', 'pipe');
  if (status === 0) return undefined;
  const [, fault = `status ${status}`] = /gyp ERR! stack (?:Error: )?(.*)/.exec(stderr) ?? [];
  if (/network|ENOTFOUND|ECONN|EAI_AGAIN/.test(stderr)) return `no headers of Node ${process.version}`;
  return /Python/.test(fault) ? 'no Python' : `node-gyp: ${fault}`;
}

function targetOfThisMachine() {
  const { header } = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport());
  const isGlibc = header.glibcVersionRuntime !== undefined;
  const libc = process.platform === 'linux' ? (isGlibc ? 'glibc' : 'musl') : undefined;
  return TARGETS.find(
    (target) => target.platform === process.platform && target.arch === process.arch && target.libc === libc,
  );
}

/**
 * What is compiled, with which words, and which words link it: `exactbind build` reads the same lists.
 * @param {import('./prebuild/targets.mjs').Target} target
 * @param {string} folder
 */
function recipeFor({ platform }, folder) {
  /** @param {string} name */
  const read = (name) => JSON.parse(readFileSync(join(root, 'native', name), 'utf8'));
  const [lists, words] = [read('sources.json'), read('build.json')];
  const isWindowsTarget = platform === 'win32';
  const system = isWindowsTarget ? 'windows' : platform;
  /**
   * @param {Record<string, string[]>} from
   * @param {string[]} names
   */
  const joined = (from, ...names) => names.flatMap((name) => from[name]);
  return {
    napiVersion: lists.napiVersion,
    sources: joined(lists, 'all', system, 'prebuilt', ...(isWindowsTarget ? ['prebuiltWindows'] : [])),
    compile: [
      ...joined(words.compile, 'all', system, 'withZig'),
      ...['node-api-headers', 'node-addon-api'].flatMap((name) => ['-isystem', require(name).include_dir]),
      ...[`-DNAPI_VERSION=${lists.napiVersion}`, '-I', folder],
    ],
    link: joined(words.link, 'all', system, 'withZig'),
  };
}

/** @param {import('./prebuild/targets.mjs').Target} target */
async function buildWithZig(target) {
  const program = zig();
  const folder = join(CACHE, 'native');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const cache = join(CACHE, 'zig', 'cache');
  const env = { ...process.env, ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache };
  /** @type {(words: string[]) => Promise<void>} */
  const compiler = (words) =>
    new Promise((resolve, reject) => {
      const child = spawn(program, ['c++', '-target', target.zig, ...words], { cwd: root, env, stdio: 'inherit' });
      child.on('error', reject);
      child.on('exit', (status) => (status === 0 ? resolve() : reject(new Error(`zig: status ${status}`))));
    });

  const { sources, napiVersion, compile, link } = recipeFor(target, folder);
  if (target.platform === 'win32') {
    const names = Object.values(require('node-api-headers').symbols[`v${napiVersion}`]).flat();
    writeFileSync(join(folder, 'node-api-names.h'), names.map((name) => `EACH(${name})\n`).join(''));
  }
  const objects = sources.map((source, at) => join(folder, `${at}-${basename(source)}.o`));
  let next = 0;
  const compileNext = async () => {
    while (next < sources.length) {
      const at = next++;
      await compiler([...compile, '-c', sources[at], '-o', objects[at]]);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, compileNext));
  const made = join(folder, 'exactbind.node');
  await compiler([...link, ...objects, '-o', made]);
  mkdirSync(join(root, 'build', 'Release'), { recursive: true });
  // In one step: a process that has the old one loaded keeps it.
  renameSync(made, built);
}

const reason = whyNotGyp();
if (reason === undefined) {
  console.log('building with node-gyp');
  const { status } = gyp('rebuild', 'inherit');
  process.exitCode = status ?? 1;
} else {
  const target = targetOfThisMachine();
  if (target === undefined)
    throw new Error(`${reason}, and Zig builds nothing for ${process.platform} ${process.arch}`);
  console.log(`${reason}: building with zig, from npm into .cache/zig (355 MB, fetched once)`);
  await buildWithZig(target);
}
