// Runs `npm ci`, `npm start` and `npm test` in a fresh clone, on a machine that lacks something: environments.mjs NAME.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { CACHE, nodeBinary } from './node-binaries.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

// Without an entry in the list of users, as in many containers.
const USER = 12345;
const asUser = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups'];

/** @param {string} script */
const shell = (script) => ['sh', '-c', `${script} && exec "$@"`, 'sh'];

// So that neither the machine's ports are in the way, nor these in anybody's.
const alone = ['unshare', '--net', ...shell('ip link set lo up')];
const withoutIpv6 = shell('for each in all default lo; do echo 1 > /proc/sys/net/ipv6/conf/$each/disable_ipv6; done');

// Below a changed root the kernel gives no user namespace: https://github.com/torvalds/linux/blob/v6.6/kernel/user_namespace.c#L94
/** @param {string} folder */
const mountPoint = (folder) => join(folder, 'root');
/** @param {string} folder */
const inRoot = (folder) => [
  'unshare',
  '--mount',
  ...shell(`mkdir -p '${mountPoint(folder)}' && mount --rbind / '${mountPoint(folder)}'`),
  ...['chroot', mountPoint(folder)],
];

/**
 * Where the programs of PATH are found first.
 * @param {string} folder
 * @param {Record<string, string>} names
 */
function programs(folder, names) {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  for (const [name, path] of Object.entries(names)) symlinkSync(path, join(bin, name));
  return bin;
}

/** @param {string} name */
function pathOf(name) {
  const found = (process.env.PATH ?? '').split(delimiter).find((folder) => existsSync(join(folder, name)));
  if (found === undefined) throw new Error(`${name} is not installed`);
  return realpathSync(join(found, name));
}

/**
 * @param {string} path
 * @param {number} user
 */
function give(path, user) {
  lchownSync(path, user, user);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) give(join(path, entry.name), user);
    else lchownSync(join(path, entry.name), user, user);
  }
}

// Where tests are that depend on who runs them; the slow ones that do not depend on it are elsewhere.
const OF_USERS = [
  'test/linux/inspect-bindable',
  'test/linux/inspect-holders',
  'test/linux/inspect-errors',
  'test/listen/bad-input',
  'test/listen/exclusive',
  'test/listen/inspect-processes',
];
const OTHERS = '(another user|ordinary user|same user|hides|cannot see|privileged|administrator|take long|200 reports)';

/**
 * What an environment is made of. `before` comes before each command, `beforeTests` before those that need no network;
 * `sample` is what `--sample` tests, and `says` is in the output of `npm test`, or nothing is left out.
 * @typedef {object} Environment
 * @property {(folder: string, node: string) => string} [path]
 * @property {boolean} [isPrivate]
 * @property {number} [user]
 * @property {(folder: string) => string[]} [before]
 * @property {() => string[]} [beforeTests]
 * @property {number} [load] loops for each core
 * @property {string[]} sample
 * @property {RegExp} [says]
 */

/** @type {Record<string, Environment>} */
const ENVIRONMENTS = {
  /** Node, npm, git and a shell; nothing else on PATH. */
  bare: {
    path: (folder, node) => programs(folder, { node, npm: pathOf('npm'), git: pathOf('git'), sh: pathOf('sh') }),
    sample: [
      'test/unit/arrows',
      'test/unit/left-out',
      'test/native/addon',
      'test/linux',
      'test/cli',
      'test/listen/udp',
    ],
    says: /left out: .*python3.*\(apt install .*python3/,
  },
  /** As root in a home that nobody else can read, with a Node in that home. */
  'private-folder': {
    isPrivate: true,
    path(folder, node) {
      const own = join(folder, 'node');
      copyFileSync(node, own);
      return [programs(folder, { node: own, npm: pathOf('npm') }), process.env.PATH].join(delimiter);
    },
    sample: [
      ...OF_USERS,
      'test/linux/inspect-hostile',
      'test/cli',
      'test/native/leaks',
      'test/matrix/matrix',
      '-t',
      OTHERS,
    ],
  },
  /** A user who can make namespaces of his own, in which he is root with no other user. */
  'ordinary-user': {
    user: USER,
    before: () => asUser,
    sample: [...OF_USERS, 'test/cli'],
    says: /left out: .*another user.*\(.*run as root/,
  },
  'no-user-namespaces': {
    user: USER,
    before: (folder) => [...inRoot(folder), ...asUser],
    sample: [...OF_USERS, 'test/cli'],
    says: /left out: .*another network.*\(.*run as root/,
  },
  'no-ipv6': {
    beforeTests: () => withoutIpv6,
    sample: ['test/native', 'test/listen', 'test/linux/inspect'],
    says: /left out: .*IPv6/,
  },
  /** Two loops for each core. */
  busy: { load: 2, sample: ['test/listen'] },
};

/**
 * @param {Environment} environment
 * @param {string} folder
 * @param {string[]} files
 */
function commandsOf({ before, beforeTests, user }, folder, files) {
  const prefix = before?.(folder) ?? [];
  const own = [...alone, ...(beforeTests?.() ?? []), ...prefix];
  const install = ['npm', 'ci', '--no-audit', '--no-fund', ...(user === undefined ? [] : ['--loglevel=error'])];
  return [
    [...prefix, ...shell(`cd '${folder}/clone'`), ...install],
    [...own, ...shell(`cd '${folder}/clone'`), 'npm', 'start'],
    [...own, ...shell(`cd '${folder}/clone'`), 'npm', 'test', '--', ...files],
  ];
}

/**
 * @param {Environment} environment
 * @param {string} folder
 * @param {string} node
 */
function prepare({ user, isPrivate, path }, folder, node) {
  chmodSync(folder, isPrivate ? 0o700 : 0o755);
  const clone = join(folder, 'clone');
  const { status } = spawnSync('git', ['clone', '--quiet', '--no-hardlinks', root, clone], { stdio: 'inherit' });
  if (status !== 0) throw new Error('git clone failed');
  // What was fetched once need not be again; without it, it is.
  if (user === undefined && existsSync(join(CACHE, 'zig', 'node_modules'))) {
    mkdirSync(join(clone, '.cache'));
    symlinkSync(join(CACHE, 'zig'), join(clone, '.cache', 'zig'));
  }
  const { EXACTBIND_NOTHING_LEFT_OUT: _, ...inherited } = process.env;
  const env = {
    ...inherited,
    ENVIRONMENT_PATH: path?.(folder, node) ?? [dirname(node), process.env.PATH].join(delimiter),
  };
  if (user !== undefined) {
    const home = join(folder, 'home');
    mkdirSync(home);
    give(folder, user);
    Object.assign(env, { HOME: home, npm_config_cache: join(home, '.npm') });
  }
  return env;
}

// PATH is set by the last shell: what comes before the command may need more.
/** @param {string[]} words */
const withPath = (words) =>
  words.map((word) => word.replace(/^cd (.*) && exec/, 'PATH=$ENVIRONMENT_PATH; cd $1 && exec'));

/**
 * @param {string[]} words
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ status: number | null, output: string }>}
 */
function run(words, env) {
  return new Promise((resolve, reject) => {
    const [file, ...args] = withPath(words);
    const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
      process.stdout.write(chunk);
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output: stripVTControlCharacters(output) }));
  });
}

const USAGE = `Usage, as root: node scripts/environments.mjs NAME [--sample] [--node VERSION] [FILE…]

Runs npm ci, npm start and npm test in a fresh clone, on a machine that lacks something.
NAME: ${Object.keys(ENVIRONMENTS).join(', ')}`;

/** @param {string} message @returns {never} */
function refuse(message) {
  console.error(`environments.mjs: ${message}\n${USAGE}`);
  process.exit(2);
}

function readWords() {
  try {
    return parseArgs({
      options: {
        sample: { type: 'boolean', default: false },
        node: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
      allowPositionals: true,
    });
  } catch (error) {
    return refuse(/** @type {Error} */ (error).message);
  }
}

const { values, positionals } = readWords();
const [name = '', ...files] = positionals;
if (values.help) {
  console.log(USAGE);
  process.exit();
}
if (name === '') refuse('a name is missing');
if (!Object.hasOwn(ENVIRONMENTS, name)) refuse(`there is no environment ${name}`);
if (process.getuid?.() !== 0) refuse('needs root');
const environment = ENVIRONMENTS[name];

const node = values.node === undefined ? realpathSync(process.execPath) : nodeBinary(values.node).path;
const folder = mkdtempSync(join(tmpdir(), `exactbind-${name}-`));
const load = Array.from({ length: (environment.load ?? 0) * availableParallelism() }, () =>
  spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
);
let passed = 0;
try {
  const env = prepare(environment, folder, node);
  const commands = commandsOf(environment, folder, values.sample ? environment.sample : files);
  let last = { status: /** @type {number | null} */ (0), output: '' };
  for (const words of commands) {
    const began = performance.now();
    last = await run(words, env);
    const asked = words.slice(words.lastIndexOf('npm')).join(' ');
    console.log(`${name}: ${asked}: status ${last.status}, ${((performance.now() - began) / 1000).toFixed(0)} s`);
    if (last.status !== 0) break;
    passed++;
  }
  const { says } = environment;
  const isAsExpected = says === undefined ? !/left out: /.test(last.output) : says.test(last.output);
  if (passed === commands.length && !isAsExpected) {
    console.log(`${name}: expected ${says === undefined ? 'nothing to be left out' : `a line like ${says}`}`);
    passed--;
  }
  console.log(`${passed} passed, ${commands.length - passed} failed`);
  if (passed < commands.length) process.exitCode = 1;
} finally {
  for (const loop of load) loop.kill();
  // Never what is mounted on it: that fails where it is more than an empty folder.
  if (existsSync(mountPoint(folder))) rmdirSync(mountPoint(folder));
  rmSync(folder, { recursive: true, force: true });
}
