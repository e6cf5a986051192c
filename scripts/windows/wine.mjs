// Wine 10 in a Debian root of its own: the Wine of Debian 12 lacks calls that node.exe 24 and 26 make.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, run } from '../node-binaries.mjs';

const DEBIAN = 'trixie';
const root = join(CACHE, 'wine');
// Written last, so that a root whose making was interrupted is made again.
const complete = join(root, 'complete');

/** @type {(file: string, args: string[]) => boolean} */
const succeeds = (file, args) => spawnSync(file, args, { stdio: 'ignore' }).status === 0;
/** @param {string} program */
const isMissing = (program) => !succeeds('sh', ['-c', `command -v ${program}`]);

// Mounts, processes and network of their own, all of which end with the command: nothing has to be cleaned up, and no
// port of this machine is in the way.
const NAMESPACES = ['--mount', '--pid', '--fork', '--kill-child'];

/** Why Wine cannot be had here, or undefined if it can. Installs the Debian packages that are missing. */
export function whyNoWine() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'Wine is set up on 64-bit x86 Linux only';
  if (process.getuid?.() !== 0) return 'making a Debian root needs root';
  if (!readFileSync('/etc/os-release', 'utf8').match(/^ID=debian$/m))
    return 'only a Debian system knows a mirror of Debian';
  if (!succeeds('unshare', [...NAMESPACES, '--net', 'true'])) return 'this system gives no namespaces to this user';
  const packages = ['debootstrap', 'cmake', 'ninja-build'];
  const programs = ['debootstrap', 'cmake', 'ninja'];
  const missing = packages.filter((_, index) => isMissing(programs[index]));
  if (missing.length === 0) return undefined;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const installs = [['update'], ['install', '--yes', '--no-install-recommends', ...missing]];
  for (const args of installs) {
    if (spawnSync('apt-get', args, { stdio: 'ignore', env }).status !== 0)
      return `apt-get cannot install ${missing.join(', ')}`;
  }
  return undefined;
}

/**
 * What to give to unshare, for a shell command inside the root. `folders` are those of this machine that it sees, by
 * their path there; it sees no other environment than this.
 * @param {string} command
 * @param {{ folders?: Record<string, string>, network?: boolean, env?: Record<string, string> }} [how]
 * @returns {[args: string[], options: { env: Record<string, string> }]}
 */
function inRoot(command, { folders = {}, network = true, env = {} } = {}) {
  const mounts = Object.entries(folders).map(([inside, outside]) => {
    mkdirSync(join(root, inside), { recursive: true });
    return ['mount', '--bind', outside, join(root, inside)];
  });
  mounts.push(['mount', '--rbind', '/dev', join(root, 'dev')], ['mount', '-t', 'proc', 'proc', join(root, 'proc')]);
  const quoted = mounts.map((words) => words.map((word) => `'${word}'`).join(' '));
  if (!network) quoted.push('ip link set lo up');
  const script = [...quoted, 'exec chroot "$@"'].join(' && ');
  const environment = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/home',
    XDG_RUNTIME_DIR: '/tmp',
    DEBIAN_FRONTEND: 'noninteractive',
    WINEPREFIX: '/home/prefix',
    WINEDEBUG: '-all',
    ...env,
  };
  const namespaces = network ? NAMESPACES : [...NAMESPACES, '--net'];
  const args = [...namespaces, 'sh', '-c', script, 'sh', root, '/bin/sh', '-c', command];
  return [args, { env: environment }];
}

function makeRoot() {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  const sites = run('apt-get', [
    'indextargets',
    '--format',
    '$(SITE)',
    'Created-By: Packages',
    'Label: Debian',
    'Component: main',
  ]);
  const [mirror] = sites.split('\n');
  run('debootstrap', ['--variant=minbase', DEBIAN, root, mirror]);
  // Windows knows this name without asking; Wine reads it here.
  writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n::1 localhost\n');
  const commands = [
    'apt-get update',
    'apt-get install --yes --no-install-recommends wine wine64',
    'apt-get clean',
    'wineboot -i && winecfg -v win10 && wineserver -w',
  ];
  for (const command of commands) run('unshare', ...inRoot(command));
  writeFileSync(complete, '');
}

/** Makes the root unless it is there, and returns Wine's version. */
export function prepareWine() {
  if (!existsSync(complete)) makeRoot();
  return run('unshare', ...inRoot('wine --version')).trim();
}

/**
 * Runs a Windows program in a network of its own and returns its status.
 *
 * Its output goes through a file, because node.exe fails on some pipes of Wine's.
 * @param {string[]} words
 * @param {{ cwd: string, env: Record<string, string>, folders: Record<string, string>, timeout: number }} how
 */
export function runInWine(words, { cwd, env, folders, timeout }) {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const command = `cd '${cwd}' && wine ${quoted} < /dev/null > /tmp/output 2>&1; status=$?; wineserver -k; exit $status`;
  const [args, options] = inRoot(command, { folders, env, network: false });
  const { status, error } = spawnSync('unshare', args, { ...options, stdio: 'ignore', timeout, killSignal: 'SIGKILL' });
  process.stdout.write(readFileSync(join(root, 'tmp/output')));
  if (error) console.log(`${words[0]}: ${/** @type {NodeJS.ErrnoException} */ (error).code}`);
  return status;
}
