// The package as others get it: what is packed, and how it loads.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
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
  'portRange',
  'setOption',
  'setRawOption',
  'waitForPort',
];

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A program's folder with copies of the package, as the file system names it. */
function app(copies: Record<string, { binary: boolean }>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'exactbind-app-')));
  folders.push(folder);
  for (const [name, { binary }] of Object.entries(copies)) {
    const copy = join(folder, 'node_modules', name);
    for (const part of ['package.json', 'dist', ...(binary ? ['build/Release/exactbind.node', 'prebuilds'] : [])]) {
      mkdirSync(dirname(join(copy, part)), { recursive: true });
      // Where the tests run with prebuilt binaries alone, nothing was compiled.
      if (existsSync(join(root, part))) cpSync(join(root, part), join(copy, part), { recursive: true });
    }
  }
  return folder;
}

function runIn(folder: string, ...args: string[]) {
  const env = { ...process.env, NODE_NO_WARNINGS: '1' };
  return spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env });
}

describe('the package', () => {
  it('exports the same names to import, to require() and to bundlers', () => {
    const print = 'console.log(Object.keys(m).sort().join())';
    expect(run('--input-type=module', '-e', `import * as m from 'exactbind'; ${print}`)).toBe(NAMES.join());
    expect(run('--input-type=module', '-e', `import * as m from './dist/bundled.mjs'; ${print}`)).toBe(NAMES.join());
    expect(run('-e', `const m = require('exactbind'); ${print}`)).toBe(NAMES.join());
  });

  it('is one copy of the code, whichever way it is loaded', () => {
    const script = `import { createRequire } from 'node:module'; import * as m from 'exactbind';
      import * as b from './dist/bundled.mjs';
      const r = createRequire(import.meta.url)('exactbind');
      console.log(Object.keys(r).every((name) => r[name] === m[name] && r[name] === b[name]));`;
    expect(run('--input-type=module', '-e', script)).toBe('true');
  });

  it('loads the core alone, and the rest at its first use', () => {
    const script = `const loaded = () => Object.keys(require.cache).filter((path) => !path.endsWith('.node'))
        .map((path) => require('node:path').basename(path)).sort().join();
      const { inspectPortSync, isSupported, listen } = require('exactbind');
      const said = [loaded()];
      inspectPortSync(1); said.push(loaded());
      isSupported('TCP_NODELAY'); said.push(loaded());
      console.log(said.join(' '));`;
    expect(run('-e', script)).toMatch(/^index\.cjs \S*\binspect\.cjs\S* \S*\boptions\.cjs\S*$/);
  });

  it('has no top-level await, and warns of nothing', () => {
    const { stderr, status } = spawnSync(
      process.execPath,
      ['--require', 'exactbind/register', '-e', "require('exactbind')"],
      { cwd: root, encoding: 'utf8' },
    );
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  });
});

describe('exactbind/handover', () => {
  const HANDOVER = ['inheritedSockets', 'listenOrTake', 'notify', 'offerSockets', 'retire', 'takeSockets'];

  it('exports the same names to import, to require() and to bundlers, and nothing loads it by itself', () => {
    const print = 'console.log(Object.keys(m).sort().join())';
    expect(run('--input-type=module', '-e', `import * as m from 'exactbind/handover'; ${print}`)).toBe(HANDOVER.join());
    expect(run('--input-type=module', '-e', `import * as m from './dist/bundled-handover.mjs'; ${print}`)).toBe(
      HANDOVER.join(),
    );
    expect(run('-e', `const m = require('exactbind/handover'); ${print}`)).toBe(HANDOVER.join());
    const loaded = `require('exactbind'); console.log(Object.keys(require.cache).some((path) => /handover.cjs$/.test(path)))`;
    expect(run('-e', loaded)).toBe('false');
  });
});

describe('the declarations', () => {
  const text = readFileSync(`${root}dist/index.d.cts`, 'utf8');

  it('end the text of every public name with the codes that it throws', () => {
    const [, list = ''] = /export \{ (.*) \};/.exec(text) ?? [];
    const names = list.split(', ').filter((name) => !name.startsWith('type '));
    expect(names.sort()).toEqual([...NAMES].sort());
    const without = names.filter((name) => {
      const found = [
        ...text.matchAll(new RegExp(`(/\\*\\*(?:(?!\\*/)[^])*\\*/\\n)?declare (?:function|class) ${name}\\b`, 'g')),
      ];
      return found.some(([, doc = '']) => !/@throws (?:nothing|[^@]*`[A-Z_]{5,}`[^@]*)\n \*\/\n$/.test(doc));
    });
    expect(without).toEqual([]);
  });

  it('show nothing internal', () => {
    expect(text).not.toMatch(/@internal|handTo|\bdiscard\b|_handle|dist\.types/);
    expect(text).not.toMatch(/^import (?!type )/m);
  });
});

describe('the tarball', () => {
  interface Packed {
    size: number;
    files: { path: string }[];
  }

  const pack = (): Packed => {
    const [packed] = JSON.parse(
      execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
        cwd: root,
        encoding: 'utf8',
        shell: process.platform === 'win32',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
    return packed;
  };

  it.skipIf(isWine)('has what loads, what compiles it and what the README links to, and nothing else', () => {
    const { files, size } = pack();
    const paths = files.map(({ path }) => path);
    const { napiVersion: _, ...lists } = JSON.parse(readFileSync(`${root}native/sources.json`, 'utf8'));
    expect(paths).toEqual(expect.arrayContaining(Object.values(lists).flat()));
    const readme = readFileSync(`${root}README.md`, 'utf8');
    const linked = [...readme.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g), ...readme.matchAll(/ src(?:set)?="([^":]+)"/g)];
    const links = linked.map(([, path]) => normalize(path as string));
    expect(links.length).toBeGreaterThan(5);
    expect(paths).toEqual(expect.arrayContaining([...links, 'LICENSE', 'dist/index.d.cts', 'dist/cli.cjs']));
    const others = paths.filter((path) => !/^(native|docs|prebuilds)\//.test(path));
    expect(others.length).toBeLessThanOrEqual(40);
    const known = /^(dist\/[\w.-]+|package\.json|README\.md|LICENSE|CHANGELOG\.md|SUPPORTED_PLATFORMS\.md)$/;
    expect(others.filter((path) => !known.test(path))).toEqual([]);
    const binaries = paths.some((path) => path.startsWith('prebuilds/'));
    expect(size).toBeLessThanOrEqual(binaries ? 650_000 : 360_000);
  });

  it.skipIf(isWine)('has nothing that an installer runs or warns of', async () => {
    const { files } = pack();
    expect(files.map(({ path }) => path)).not.toContain('binding.gyp');
    const { trimmed } = await import(`${root}scripts/package/manifest.mjs`);
    const manifest = JSON.parse(trimmed(readFileSync(`${root}package.json`, 'utf8')));
    expect(manifest).not.toHaveProperty('scripts');
    expect(Object.keys(manifest.dependencies)).toEqual(['node-gyp-build']);
  });
});

describe('the binary', () => {
  it('is missed with what was looked for, and the command that compiles one for this very copy', () => {
    const folder = app({ exactbind: { binary: false } });
    const copy = join(folder, 'node_modules', 'exactbind');
    const script = `try { require('exactbind'); } catch ({ code, message }) { console.log(JSON.stringify({ code, message })); }`;
    const { code, message } = JSON.parse(runIn(folder, '-e', script).stdout);
    expect(code).toBe('ERR_EXACTBIND_NO_BINARY');
    const words = [process.platform, process.arch, ...(process.platform === 'linux' ? ['libc '] : [])];
    const looked = [
      join('build', 'Release', 'exactbind.node'),
      join('prebuilds', `${process.platform}-${process.arch}`),
    ];
    for (const word of [...words, ...looked.map((path) => join(copy, path))]) expect(message).toContain(word);
    const command = `node ${join(copy, 'dist', 'cli.cjs')} build`;
    expect(message).toContain(command);
    expect(runIn(folder, ...command.split(' ').slice(1), 'nothing').stderr).toMatch(/too many arguments for 'build'/);
  });

  const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';

  it.skipIf(isWine)('loads under the permission model, of which the program reads its own folder alone', () => {
    const folder = app({ exactbind: { binary: true } });
    const script = `const { listen, BoundSocket } = require('exactbind'); const bound = new BoundSocket({ host: '127.0.0.1' });
      listen(require('node:net').createServer(), bound).then(({ address }) => { console.log(address); process.exit(); });`;
    const net = process.allowedNodeEnvironmentFlags.has('--allow-net') ? ['--allow-net'] : [];
    const allowed = [flag, `--allow-fs-read=${folder}`, ...net];
    const loaded = runIn(folder, ...allowed, '--allow-addons', '-e', script);
    expect(loaded).toMatchObject({ stdout: '127.0.0.1\n', stderr: '' });
    const refused = runIn(folder, ...allowed, '-e', script);
    expect(refused.stderr).toMatch(/exactbind is a native addon.*--allow-addons/);
    expect(refused.stderr).toMatch(/ERR_DLOPEN_DISABLED/);
  });
});

describe('two copies', () => {
  it("know each other's BoundSocket", () => {
    const folder = app({ exactbind: { binary: true }, other: { binary: true } });
    const script = `const one = require('exactbind'); const other = require('other'); const net = require('node:net');
      class Derived extends one.BoundSocket {}
      const bound = new other.BoundSocket({ host: '127.0.0.1' });
      const said = [one.BoundSocket !== other.BoundSocket, bound instanceof one.BoundSocket, bound instanceof Derived,
        {} instanceof one.BoundSocket, new Derived() instanceof Derived, one.getOption(bound, 'SO_ACCEPTCONN')];
      const server = net.createServer();
      one.listen(server, bound).then(({ address }) => {
        console.log(said.join(), address);
        process.exit();
      });`;
    const { stdout, stderr } = runIn(folder, '-e', script);
    expect({ stdout, stderr }).toEqual({ stdout: 'true,true,false,false,true,true 127.0.0.1\n', stderr: '' });
  });

  it('install one hook', () => {
    const folder = app({ exactbind: { binary: true }, other: { binary: true } });
    const script = `const net = require('node:net'); const node = net.Server.prototype._listen2;
      require('exactbind/register'); require('other/register');
      const replaced = Symbol.for('exactbind.replaced');
      console.log(net.Server.prototype._listen2[replaced] === node, net._createServerHandle[replaced][replaced]);`;
    expect(runIn(folder, '-e', script).stdout).toBe('true undefined\n');
  });
});

describe('a context of its own', () => {
  // As Jest and vitest's vm pools load modules: their Symbol has no dispose on Node 20.
  const loader = `const vm = require('node:vm'); const fs = require('node:fs'); const path = require('node:path');
    const context = vm.createContext({ process, AbortSignal, AbortController, Buffer, performance, setTimeout, clearTimeout });
    const cache = {};
    const load = (file) => {
      if (cache[file]) return cache[file].exports;
      const module = cache[file] = { exports: {} };
      const wrapper = vm.runInContext('(function (exports, require, module, __filename, __dirname) {' + fs.readFileSync(file) + '\\n})', context);
      const local = (name) => name.startsWith('.') ? load(path.resolve(path.dirname(file), name)) : require(name);
      wrapper(module.exports, local, module, file, path.dirname(file));
      return module.exports;
    };
    const m = load(${JSON.stringify(join(root, 'dist', 'index.cjs'))});`;

  it('loads it, and a listener obeys its signal', () => {
    const script = `${loader}
      const net = require('node:net'); const { signal } = new AbortController(); const ending = new AbortController();
      const server = net.createServer();
      m.listen(server, { host: '127.0.0.1', signal: ending.signal }).then(async () => {
        server.on('close', () => {
          console.log('closed', Object.getOwnPropertyNames(m.BoundSocket.prototype).includes('undefined'));
        });
        const one = net.createServer();
        await m.listen(one, { host: '127.0.0.1', signal });
        one.close(() => ending.abort());
      });`;
    expect(run('-e', script)).toBe('closed false');
  });

  it('waits, and binds UDP, with a signal', () => {
    const script = `${loader}
      const socket = require('node:dgram').createSocket('udp4'); const [ending, tired] = [new AbortController(), new AbortController()];
      m.bindUdp(socket, { host: '127.0.0.1', signal: ending.signal }).then(async ({ port }) => {
        const waiting = m.waitForPort({ port, protocol: 'udp', host: '127.0.0.1' }, { until: 'free', signal: tired.signal });
        tired.abort();
        console.log(await waiting.catch(({ name }) => name));
        ending.abort();
      });`;
    expect(run('-e', script)).toBe('AbortError');
  });

  it('explains a refusal under its hook', () => {
    const script = `${loader}
      m[Symbol.for('exactbind.internals')]['lib/adopt/hook.ts'].installHook();
      const net = require('node:net');
      const first = net.createServer().listen(0, '127.0.0.1', () => {
        net.createServer().listen(first.address().port, '127.0.0.1').on('error', ({ code, heldBy }) => {
          console.log(code, /this process/.test(heldBy));
          first.close();
        });
      });`;
    expect(run('-e', script)).toBe('EADDRINUSE true');
  });
});

describe('a start', () => {
  const watched = `const hooks = require('node:async_hooks'); const channels = require('node:diagnostics_channel');
    const seen = [];
    hooks.createHook({ init: (id, type) => { if (/WRAP/.test(type)) seen.push(type); } }).enable();
    for (const name of ['net.client.socket', 'net.server.socket']) channels.subscribe(name, () => seen.push(name));
    const net = require('node:net');
    const done = (server) => setImmediate(() => { console.log(seen.join()); process.exit(); });`;

  it.skipIf(process.platform === 'win32')("shows no socket but the server's to whoever watches", () => {
    const plain = run('-e', `${watched} const s = net.createServer().listen(0, '127.0.0.1', () => done(s));`);
    expect(plain).toBe('TCPSERVERWRAP');
    const hooked = `${watched} require('exactbind/register'); const s = net.createServer().listen(0, '127.0.0.1', () => done(s));`;
    expect(run('-e', hooked)).toBe(plain);
    const ours = `${watched} const s = net.createServer(); require('exactbind').listen(s, { host: '127.0.0.1' }).then(() => done(s));`;
    expect(run('-e', ours)).toBe(plain);
  });

  it('is neither broken by a program that replaces what Node has, nor seen by it', () => {
    const replace = `const net = require('node:net'); const calls = [];
      const replaceAll = () => {
        for (const [owner, name] of [[net.Socket.prototype, 'connect'], [net, '_createServerHandle']]) {
          owner[name] = () => { calls.push(name); throw new Error(name); };
        }
      };`;
    const listen = `m.listen(net.createServer(), { host: '127.0.0.1' }).then(({ address }) => { console.log(address, calls.join()); process.exit(); });`;
    expect(run('-e', `${replace} const m = require('exactbind'); replaceAll(); ${listen}`)).toBe('127.0.0.1');
    const before = run('-e', `${replace} replaceAll(); const m = require('exactbind'); ${listen}`);
    expect(before).toMatch(/^127\.0\.0\.1 /);
  });
});
