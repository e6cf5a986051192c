// Test runners and compilers at run time: each loads the package its own way, some in contexts of their own.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NODE_VERSIONS, nodeBinary, run } from '../node-binaries.mjs';
import { tool } from './consumer.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const TYPESCRIPT = 'typescript@5.9.3';
const ESM_IN_JEST = ['--experimental-vm-modules', '--no-warnings'];

/** @typedef {(node: string, folder: string) => string | void} Start runs one thing with a Node, in a folder */

// Where the packages of a tool are, seen from the path of its program.
/** @param {string} program */
const modulesOf = (program) => `${program.split('/node_modules/')[0]}/node_modules`;

/**
 * @param {string} folder
 * @param {string} name
 * @param {object} content
 */
function config(folder, name, content) {
  const path = join(folder, 'runners', name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

/** @type {(major: number, specs: string[]) => Start} */
function jest(major, specs) {
  return (node, folder) => {
    const program = tool(`jest-${major}`, specs, 'jest/bin/jest.js');
    const rootDir = join(folder, 'runners');
    const testMatch = ['**/*.test.cjs', '**/imported.test.mjs'];
    const path = config(folder, 'jest.json', {
      rootDir,
      testMatch,
      transform: {},
      moduleFileExtensions: ['js', 'cjs', 'mjs'],
    });
    run(node, [...ESM_IN_JEST, program, '--config', path, '--ci', '--runInBand'], { cwd: folder, timeout: 60_000 });
  };
}

/** @type {(pool: string) => Start} */
const vitest = (pool) => (node, folder) => {
  const program = join(root, 'node_modules/vitest/vitest.mjs');
  const path = join(folder, 'runners', 'vitest.config.mjs');
  writeFileSync(path, 'export default { test: { globals: true } };\n');
  const words = [program, 'run', `--pool=${pool}`, '--root', join(folder, 'runners'), '--config', path];
  run(node, [...words, 'imported.test.mjs'], { cwd: folder, timeout: 60_000, env: { ...process.env, CI: '1' } });
};

/** @type {Start} */
function mocha(node, folder) {
  const program = tool('mocha', 'mocha@11.7.5', 'mocha/bin/mocha.js');
  run(node, [program, 'runners/required.test.cjs', 'runners/imported.test.mjs'], { cwd: folder, timeout: 60_000 });
}

/** @type {Start} */
const nodeTest = (node, folder) => run(node, ['--test', 'runners/node.test.mjs'], { cwd: folder, timeout: 60_000 });

// Of the oldest kind of resolution, which finds no exports.
const compilerOptions = {
  ...{ module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '5.0', target: 'es2022', strict: true },
  ...{ esModuleInterop: true, skipLibCheck: false, types: ['node'] },
};

/** @type {Start} */
function tsJest(node, folder) {
  const program = tool(
    'ts-jest',
    ['jest@29.7.0', 'ts-jest@29.4.15', TYPESCRIPT, '@types/node@20.19.30'],
    'jest/bin/jest.js',
  );
  const modules = modulesOf(program);
  const options = { ...compilerOptions, typeRoots: [join(modules, '@types')] };
  const tsconfig = config(folder, 'tsconfig.json', {
    compilerOptions: options,
    files: ['typed.test.ts'],
  });
  const preset = join(modules, 'ts-jest/dist/index.js');
  const content = {
    rootDir: join(folder, 'runners'),
    testMatch: ['**/*.test.ts'],
    transform: { '\\.ts$': [preset, { tsconfig, compiler: join(modules, 'typescript') }] },
  };
  const path = config(folder, 'ts-jest.json', content);
  run(node, [program, '--config', path, '--ci', '--runInBand'], { cwd: folder, timeout: 60_000 });
}

/** @type {Start} */
function tsNode(node, folder) {
  const program = tool('ts-node', ['ts-node@10.9.2', TYPESCRIPT, '@types/node@20.19.30'], 'ts-node/dist/bin.js');
  const modules = modulesOf(program);
  const options = JSON.stringify({ ...compilerOptions, typeRoots: [join(modules, '@types')] });
  const words = [
    program,
    '--skipProject',
    '--files',
    '--compiler',
    join(modules, 'typescript'),
    '--compilerOptions',
    options,
  ];
  return run(node, [...words, 'runners/typed.test.ts'], { cwd: folder, timeout: 60_000 });
}

/** @type {Start} */
function tsx(node, folder) {
  const program = tool('tsx', 'tsx@4.23.15', 'tsx/dist/cli.mjs');
  for (const file of ['typed.test.ts', 'typed.mts']) {
    run(node, [program, `runners/${file}`], { cwd: folder, timeout: 60_000 });
  }
}

/** @type {Start} */
function babel(node, folder) {
  const register = tool(
    'babel',
    ['@babel/core@7', '@babel/register@7', '@babel/preset-env@7'],
    '@babel/register/lib/index.cjs',
  );
  const preset = join(dirname(dirname(dirname(register))), 'preset-env');
  const script = `require(${JSON.stringify(register)})({ presets: [[${JSON.stringify(preset)}, { targets: { node: '20' } }]], babelrc: false, configFile: false, cache: false, only: [/runners/] }); require('./runners/babel.jsx');`;
  return run(node, ['-e', script], { cwd: folder, timeout: 60_000 });
}

/** @type {Record<string, Start>} */
const RUNNERS = {
  'Jest 29': jest(29, ['jest@29.7.0']),
  'Jest 30': jest(30, ['jest@30.5.2']),
  'vitest 4, forks': vitest('forks'),
  'vitest 4, threads': vitest('threads'),
  'vitest 4, vmThreads': vitest('vmThreads'),
  'vitest 4, vmForks': vitest('vmForks'),
  'mocha 11': mocha,
  'node --test': nodeTest,
  'ts-jest 29': tsJest,
  'ts-node 10': tsNode,
  'tsx 4': tsx,
  '@babel/register 7': babel,
};

const SAMPLE = new Set([
  'Jest 30 20.19.0',
  'vitest 4, vmThreads 20.19.0',
  'ts-node 10 20.19.0',
  '@babel/register 7 20.19.0',
]);

/** Each runner with each Node. */
export const RUNS = Object.entries(RUNNERS).flatMap(([runner, start]) =>
  NODE_VERSIONS.map((version) => ({
    name: `${runner}: Node ${version}`,
    runner,
    version,
    isSample: SAMPLE.has(`${runner} ${version}`),
    /** @param {string} folder */
    run: (folder) => start(nodeBinary(version).path, folder) ?? 'ok',
  })),
);
