// Builds the site of the docs into .cache/site/dist/. VitePress is not among this package's dependencies: it is installed there.
//
// npm run docs [-- dev]
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHE, run } from './node-binaries.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'site');
const folder = join(CACHE, 'site');
const lock = 'package-lock.json';

/** @param {string} path */
const text = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);

if (text(join(folder, lock)) !== text(join(source, lock)) || !existsSync(join(folder, 'node_modules'))) {
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(source, 'package.json'), join(folder, 'package.json'));
  // npm is a batch file on Windows.
  const shell = process.platform === 'win32';
  copyFileSync(join(source, lock), join(folder, lock));
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder, shell });
}

// Beside node_modules, where the pages find what VitePress makes them of. Decisions and the tour are for contributors.
const pages = join(folder, 'pages');
for (const old of [pages, join(folder, '.vitepress')]) rmSync(old, { recursive: true, force: true });
cpSync(join(source, '.vitepress'), join(folder, '.vitepress'), { recursive: true });
cpSync(join(root, 'docs'), join(pages, 'docs'), {
  recursive: true,
  filter: (path) => !/decisions|map\.md$/.test(path),
});
for (const name of readdirSync(root)) if (name.endsWith('.md')) copyFileSync(join(root, name), join(pages, name));
// Some pages link to the figures that they were made of.
cpSync(join(root, 'bench/results'), join(pages, 'public/bench/results'), { recursive: true });

const vitepress = join(folder, 'node_modules/vitepress/bin/vitepress.js');
const [command = 'build'] = process.argv.slice(2);
const { status } = spawnSync(process.execPath, [vitepress, command, folder], { cwd: folder, stdio: 'inherit' });
process.exitCode = status ?? 1;
