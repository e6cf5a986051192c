// Says what is wrong with a prebuilt binary: its format, what it needs, what it offers, its size, and paths inside.
import { readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { CACHE } from '../node-binaries.mjs';
import { inspect } from './inspect.mjs';

/** @import { Target } from './targets.mjs' */

const allowed = JSON.parse(readFileSync(new URL('imports.json', import.meta.url), 'utf8'));

/** @type {Record<string, string>} */
const FORMATS = {
  'linux-x64': 'elf64-x86-64',
  'linux-arm64': 'elf64-littleaarch64',
  'linux-arm': 'elf32-littlearm',
  'darwin-x64': 'Mach-O 64-bit x86-64',
  'darwin-arm64': 'Mach-O arm64',
  'win32-x64': 'COFF-x86-64',
  'win32-arm64': 'COFF-ARM64',
};

const ENTRIES = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];
const GLIBC = '2.17';
// Section by section in docs/decisions/0006-prebuilt-binaries.md.
/** @param {Target} target */
const mostBytes = ({ platform, arch }) => (platform === 'darwin' && arch === 'arm64' ? 190_000 : 145_000);

const PATHS = [fileURLToPath(new URL('../..', import.meta.url)), CACHE, homedir(), tmpdir()].filter(
  (path) => path.length > 1,
);

/** @type {(version: string, floor: string) => boolean} */
const isNewer = (version, floor) => version.localeCompare(floor, 'en', { numeric: true }) > 0;

/**
 * What is wrong with the bytes of `path`, a sentence each; empty if nothing is.
 * @param {string} path
 * @param {Target} target
 */
export function faultsOf(path, target) {
  const { platform, arch, libc } = target;
  const found = inspect(path);
  const bytes = readFileSync(path);
  /** @type {string[]} */
  const faults = [];
  /** @type {(holds: boolean, fault: string) => unknown} */
  const expect = (holds, fault) => holds || faults.push(fault);

  const format = FORMATS[`${platform}-${arch}`];
  expect(found.format === format, `is ${found.format} and not ${format}`);
  const lists = [allowed.symbols[platform], platform === 'win32' ? [] : allowed.symbols.posix];
  const symbols = lists.flat().flatMap((names) => names.split(' '));
  for (const library of found.libraries)
    expect(allowed.libraries[platform].includes(library), `needs the library ${library}`);
  // On Windows Node-API is found in the host: the import table would name a file, and its name may be another.
  const nodeApi = platform === 'win32' ? /^$/ : /^(napi|node_api)_/;
  for (const symbol of found.imports) expect(nodeApi.test(symbol) || symbols.includes(symbol), `imports ${symbol}`);
  // Zig's linker exports hidden symbols of macOS too; each library has names of its own there.
  const exported = platform === 'darwin' ? found.exports.filter((name) => ENTRIES.includes(name)) : found.exports;
  expect(exported.sort().join() === ENTRIES.join(), `exports ${exported.join(', ') || 'nothing'}`);
  expect(found.weak.length === 0, 'has symbols that another library can replace');
  expect((libc === 'glibc') === found.glibc.length > 0, `does ${libc === 'glibc' ? 'not ' : ''}link with glibc`);
  // musl's loader refuses it for this name alone.
  expect(libc !== 'glibc' || found.imports.includes('gnu_get_libc_version'), 'could load with musl');
  for (const version of new Set(found.glibc))
    expect(!isNewer(version, GLIBC), `needs glibc ${version}, and ${GLIBC} is the floor`);
  if (platform === 'darwin') expect(found.isSigned || arch !== 'arm64', 'is not signed');
  const most = mostBytes(target);
  expect(bytes.length <= most, `has ${bytes.length} bytes, more than ${most}`);
  for (const path of PATHS) expect(!bytes.includes(path), `contains the path ${path}`);
  return faults;
}
