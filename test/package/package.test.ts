// The package as others get it: what is packed, and how it loads.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isWine } from '../fixtures/facts.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = (...args: string[]) => execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' }).trim();

const NAMES = [
  'BoundSocket',
  'bindUdp',
  'connect',
  'connector',
  'constants',
  'getOption',
  'getPeerCredentials',
  'getRawOption',
  'getTcpInfo',
  'inspectPort',
  'inspectPortSync',
  'isSupported',
  'listen',
  'setOption',
  'setRawOption',
  'waitForPort',
];

describe('the package', () => {
  it('exports the same names to import and to require()', () => {
    const print =
      'console.log(Object.keys(m).filter((k) => k !== "__esModule" && k !== "module.exports").sort().join())';
    expect(run('--input-type=module', '-e', `import * as m from 'exactbind'; ${print}`)).toBe(NAMES.join());
    expect(run('-e', `const m = require('exactbind'); ${print}`)).toBe(NAMES.join());
  });

  it('has no top-level await, and warns of nothing', () => {
    const { stderr, status } = spawnSync(
      process.execPath,
      ['--require', 'exactbind/register', '-e', "require('exactbind')"],
      {
        cwd: root,
        encoding: 'utf8',
      },
    );
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  });

  it.skipIf(isWine)('packs what is needed at run time and at compile time, and nothing else', () => {
    const [{ files }] = JSON.parse(
      execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
        cwd: root,
        encoding: 'utf8',
        shell: process.platform === 'win32',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
    const paths: string[] = files.map(({ path }: { path: string }) => path);
    for (const { all, linux, darwin, windows } of [JSON.parse(readFileSync(`${root}native/sources.json`, 'utf8'))]) {
      expect(paths).toEqual(expect.arrayContaining([...all, ...linux, ...darwin, ...windows]));
    }
    expect(paths).toEqual(
      expect.arrayContaining(['dist/index.mjs', 'dist/index.d.ts', 'dist/register.cjs', 'dist/cli.cjs', 'binding.gyp']),
    );
    const unexpected = paths.filter(
      (path) =>
        !/^(dist|native|prebuilds)\/|^(package\.json|README\.md|LICENSE|CHANGELOG\.md|binding\.gyp|CMakeLists\.txt)$/.test(
          path,
        ),
    );
    expect(unexpected).toEqual([]);
  });

  it('says what is missing where there is no binary', () => {
    const script = `
      const Module = require('node:module');
      Module._load = ((load) => function (request, ...rest) {
        if (request === 'node-gyp-build') return () => { throw new Error('No native build was found'); };
        return load.call(this, request, ...rest);
      })(Module._load);
      try { require('exactbind'); } catch (error) { console.log(JSON.stringify({ code: error.code, message: error.message })); }`;
    const { code, message } = JSON.parse(run('-e', script));
    expect(code).toBe('ERR_EXACTBIND_NO_BINARY');
    for (const word of [process.platform, process.arch, 'prebuilds', 'npm rebuild exactbind'])
      expect(message).toContain(word);
  });
});
