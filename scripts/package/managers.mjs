// Package managers: what each prints while it installs the tarball, and what it runs.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeBinary, run } from '../node-binaries.mjs';
import { barePath, emptyProject, tool, WORK } from './consumer.mjs';

/**
 * @typedef {object} Manager
 * @property {string} name
 * @property {string} spec
 * @property {string} program
 * @property {string} node - the version that it runs with
 * @property {boolean} [isSample]
 * @property {boolean} [isProgram] - and no script of Node's
 * @property {(folder: string) => void} [prepare]
 * @property {(tarball: string) => string[]} args
 * @property {(line: string) => boolean} [isOwn] - whether a line is about the project that it installs into
 * @property {string[]} [words] - what Node runs then
 */

/** @type {(version: string, node: string, isSample?: boolean) => Manager} */
const npm = (version, node, isSample = false) => ({
  name: `npm ${version.split('.')[0]}`,
  spec: `npm@${version}`,
  program: 'npm/bin/npm-cli.js',
  node,
  isSample,
  args: (tarball) => ['install', '--no-audit', '--no-fund', tarball],
});

/** @type {(version: string, node: string, program: string, isSample?: boolean) => Manager} */
const pnpm = (version, node, program, isSample = false) => ({
  name: `pnpm ${version.split('.')[0]}`,
  spec: `pnpm@${version}`,
  program: `pnpm/bin/${program}`,
  node,
  isSample,
  args: (tarball) => ['add', `--store-dir=${join(WORK, `pnpm-store-${version}`)}`, tarball],
});

/**
 * It looks for a project above the folder otherwise; and a registry without encryption has to be named.
 * @param {string} folder
 * @param {string} linker
 */
function prepareYarn4(folder, linker) {
  const registry = run('npm', ['config', 'get', 'registry']).trim();
  const lines = [
    `npmRegistryServer: '${registry}'`,
    `unsafeHttpWhitelist: ['${new URL(registry).hostname}']`,
    `globalFolder: '${join(WORK, `yarn-4-${linker}`)}'`,
    `nodeLinker: ${linker}`,
    'enableTelemetry: false',
    '',
  ];
  writeFileSync(join(folder, '.yarnrc.yml'), lines.join('\n'));
  writeFileSync(join(folder, 'yarn.lock'), '');
}

/** @type {(linker: string, more?: Partial<Manager>) => Manager} */
const yarn4 = (linker, more) => ({
  name: `yarn 4, ${linker === 'pnp' ? 'PnP' : 'node_modules'}`,
  spec: '@yarnpkg/cli-dist@4.18.1',
  program: '@yarnpkg/cli-dist/bin/yarn.js',
  node: '20.19.0',
  prepare: (folder) => prepareYarn4(folder, linker),
  args: (tarball) => ['add', `exactbind@file:${tarball}`],
  ...more,
});

/** @type {Manager[]} */
export const MANAGERS = [
  npm('10.9.9', '20.19.0'),
  npm('11.21.2', '22'),
  npm('12.2.2', '24', true),
  pnpm('10.34.8', '20.19.0', 'pnpm.cjs'),
  pnpm('11.28.10', '22', 'pnpm.mjs'),
  pnpm('12.20.0', '24', 'pnpm.mjs', true),
  {
    name: 'yarn 1',
    spec: 'yarn@1.22.22',
    program: 'yarn/bin/yarn.js',
    node: '20.19.0',
    args: (tarball) => ['add', '--no-lockfile', `--cache-folder=${join(WORK, 'yarn-cache')}`, tarball],
    // About the folder that it installs into.
    isOwn: (line) => /No license field|No lockfile found|"consumer|lockfile is not saved/i.test(line),
  },
  yarn4('node-modules'),
  // Its loader of ES modules is experimental, and warns of that.
  yarn4('pnp', { isSample: true, words: ['--require', './.pnp.cjs', 'required.cjs'] }),
  {
    name: 'Bun',
    spec: '@oven/bun-linux-x64@1.4.5',
    program: '@oven/bun-linux-x64/bin/bun',
    isProgram: true,
    node: '20.19.0',
    isSample: true,
    args: (tarball) => ['add', tarball],
  },
];

// About the settings of this machine.
const OF_THE_MACHINE = /Unknown (user|env|builtin) config/;
const WARNING = /\bwarn(ing)?s?\b|deprecat|\bERR!|ignored build|approve/i;

/**
 * Installs with one manager; what it said, and what the program that was installed says.
 * @param {Manager} manager
 * @param {import('./consumer.mjs').Tarball} tarball
 */
export function installWith(manager, tarball) {
  const {
    name,
    spec,
    program,
    node,
    prepare,
    args,
    isProgram = false,
    isOwn = () => false,
    words = ['smoke.mjs', 'serves'],
  } = manager;
  const slug = name.toLowerCase().replace(/[\W_]+/g, '-');
  const { path, version } = nodeBinary(node);
  const folder = emptyProject(slug);
  prepare?.(folder);
  const log = join(WORK, `${slug}-scripts.txt`);
  rmSync(log, { force: true });
  const registry = run('npm', ['config', 'get', 'registry']).trim();
  const env = {
    ...process.env,
    ...{ PATH: barePath(slug, { node: path, log }), CC: '', CXX: '', CI: '1', BUN_CONFIG_REGISTRY: registry },
  };
  const tools = tool(slug.replace(/-(pnp|node-modules)$/, ''), spec, program);
  const command = [...(isProgram ? [] : [tools]), ...args(tarball.path)];
  const { status, stdout, stderr } = spawnSync(isProgram ? tools : path, command, {
    ...{ cwd: folder, env, timeout: 60_000 },
    encoding: 'utf8',
  });
  const lines = `${stdout}${stderr}`
    .split('\n')
    .filter((line) => line.trim() !== '' && !isOwn(line) && !OF_THE_MACHINE.test(line));
  const warnings = lines.filter((line) => WARNING.test(line));
  const scripts = existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean) : [];
  if (status !== 0 || warnings.length > 0 || scripts.length > 0) {
    throw new Error(`exit ${status}, ${scripts.length} scripts run: ${scripts.join('; ')}\n${lines.join('\n')}`);
  }
  const said = run(path, words, { cwd: folder, env, timeout: 60_000 });
  return {
    name,
    version: spec.replace(/^.*@/, ''),
    node: version,
    exit: status,
    lines: lines.length,
    warnings: 0,
    scripts: 0,
    said,
  };
}
