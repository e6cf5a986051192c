// exactbind/register: a program that does not know it binds exactly, and sees nothing of it.
// @module-tag node
// @module-tag windows
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Actor } from '../fixtures/actor.ts';
import { hasIpv6, isWindows } from '../fixtures/facts.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { fixture, lines, REQUIRED, run, runCommand } from '../fixtures/register/run.ts';
import { describeOn, itWhere } from '../fixtures/systems.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'exactbind-'));
});
afterAll(() => rm(folder, { recursive: true }));

const PROGRAM = fixture('register/program.cjs');
const PORTS = 12;
const ENOUGH = 100;

interface Way {
  node: string[];
  env?: NodeJS.ProcessEnv;
}

/** What the program prints; the folder and the ports are its arguments, and print as labels. */
async function printed({ node, env }: Way): Promise<string[]> {
  const own = await mkdtemp(join(folder, 'run-'));
  const ports = Array.from({ length: PORTS }, () => String(ownPort()));
  const { code, stdout, stderr } = await run([...node, own, ...ports], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.split('\n');
}

/** A line without all that an error may gain: two properties, and the time that they take. */
function asPlain(line: string): string {
  if (!line.includes('"isExplained":true')) return line;
  return line
    .replaceAll('"isExplained":true', '"isExplained":false')
    .replace('"tick before","tick after","error"', '"tick before","error","tick after"');
}

async function expectSame(one: Way, other: Way): Promise<void> {
  const [plain, hooked] = await Promise.all([printed(one), printed(other)]);
  expect(plain.length).toBeGreaterThan(ENOUGH);
  expect(hooked.map(asPlain)).toEqual(plain);
  const ofPorts = hooked.filter((line) => line.includes('EADDRINUSE') && !line.includes('in use FOLDER'));
  expect(ofPorts.filter((line) => !line.includes('"isExplained":true'))).toEqual([]);
}

describeOn('linux')('an unmodified program prints the same, byte for byte,', () => {
  needs('IPv6');
  const plain: Way = { node: [PROGRAM] };

  it('with --require exactbind/register', () => expectSame(plain, { node: [...REQUIRED, PROGRAM] }));

  it('with exactbind/register imported first', () => expectSame(plain, { node: [fixture('register/imported.mjs')] }));

  it('with NODE_OPTIONS', () =>
    expectSame(plain, { node: [PROGRAM], env: { NODE_OPTIONS: '--require exactbind/register' } }));

  it('with the hook loaded twice', () => expectSame(plain, { node: [...REQUIRED, fixture('register/imported.mjs')] }));
});

/** A library that takes IPv6 away from whatever it is preloaded into. */
async function withoutIpv6(): Promise<NodeJS.ProcessEnv> {
  needs('gcc');
  const library = join(folder, 'without-ipv6.so');
  const { code } = await runCommand('cc', [
    '-shared',
    '-fPIC',
    '-o',
    library,
    fixture('register/without-ipv6.c'),
    '-ldl',
  ]);
  expect(code).toBe(0);
  return { LD_PRELOAD: library };
}

describeOn('linux')('without IPv6', () => {
  it('a hooked program prints the same, byte for byte', async () => {
    const env = await withoutIpv6();
    await expectSame({ node: [PROGRAM], env }, { node: [...REQUIRED, PROGRAM], env });
  });

  it('listens on 0.0.0.0', async () => {
    const env = await withoutIpv6();
    const node = [...REQUIRED, fixture('register/restart.cjs'), '0'];
    expect(await lines(node, env)).toMatchObject([{ address: '0.0.0.0', family: 'IPv4' }]);
  });
});

interface Line {
  step?: string;
  bound?: string;
  opened?: boolean;
}

/** The address that each step of the program bound natively; where a system looks at another one first, the last. */
async function nativeBinds(hook: string[], env?: NodeJS.ProcessEnv): Promise<Record<string, string[]>> {
  const spy = ['--require', fixture('register/spy.cjs')];
  const binds: Record<string, string[]> = {};
  let step = '';
  for (const line of await lines<Line>(
    [...hook, ...spy, fixture('register/kinds.cjs'), folder, String(ownPort())],
    env,
  )) {
    if (line.step !== undefined) step = line.step;
    binds[step] = line.bound === undefined ? [] : [line.bound];
  }
  return binds;
}

const MAJOR = Number(process.versions.node.split('.')[0]);

describe('the hook', () => {
  it('binds natively whatever listens by port, in every kind of server and thread, and nothing else', async () => {
    const one = ['127.0.0.1'];
    expect(await nativeBinds(REQUIRED)).toEqual({
      net: one,
      'no host': [hasIpv6 ? '::' : expect.anything()],
      localhost: [expect.stringMatching(/^(127\.0\.0\.1|::1)$/)],
      'exclusive: true': one,
      tls: one,
      http: one,
      https: one,
      http2: one,
      'http2 secure': one,
      'worker thread': one,
      'evaluated worker thread': one,
      path: [],
      fd: [],
      ...(isWindows ? {} : { handle: [] }),
      ...(MAJOR === 20 ? {} : { reusePort: [] }),
    });
  });

  it('is not there without being asked for', async () => {
    expect(Object.values(await nativeBinds([])).flat()).toEqual([]);
  });

  it('reaches child processes through NODE_OPTIONS', async () => {
    const listen = "require('net').createServer().listen(0, '127.0.0.1', function () { this.close(); })";
    const child = `require('child_process').execFileSync(process.execPath, ['-e', ${JSON.stringify(listen)}], { stdio: 'inherit' })`;
    const preloads = ['exactbind/register', JSON.stringify(fixture('register/spy.cjs'))];
    const env = { NODE_OPTIONS: preloads.map((name) => `--require ${name}`).join(' ') };
    expect(await lines(['-e', child], env)).toMatchObject([{ bound: '127.0.0.1', opened: true }]);
  });
});

/** The calls on the listening socket, in order: `bind`, `listen 512`, `SO_REUSEADDR 1`. */
function callsOn(trace: string, port: number): string[] {
  const calls = [...trace.matchAll(/(setsockopt|bind|listen)\((\d+), (.*)\) += 0/g)];
  const socket = calls.find(([, name, , rest]) => name === 'bind' && rest?.includes(`htons(${port})`))?.[2];
  return calls
    .filter(([, , fd]) => fd === socket)
    .map(([, name, , rest = '']) => {
      if (name !== 'setsockopt') return name === 'listen' ? `listen ${rest}` : 'bind';
      const [, option, value] = /^\w+, (\w+), \[(\d+)\]/.exec(rest) ?? [];
      return `${option} ${value}`;
    });
}

async function traced(hook: string[], port: number): Promise<string[]> {
  const script = `require('net').createServer().listen(${port}, '127.0.0.1', 64, function () { this.close(); })`;
  const output = join(folder, `trace-${port}`);
  const strace = ['-f', '-e', 'trace=setsockopt,bind,listen', '-o', output, process.execPath];
  const { code, stderr } = await runCommand('strace', [...strace, ...hook, '-e', script]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return callsOn(await readFile(output, 'utf8'), port);
}

describeOn('linux')('a hooked listen on Linux', () => {
  it('binds without SO_REUSEADDR, which Node sets before', async () => {
    needs('strace');
    const plain = await traced([], ownPort());
    expect(plain).toEqual(['SO_REUSEADDR 1', 'bind', 'listen 64']);
    const hooked = await traced(REQUIRED, ownPort());
    // The second listen() is Node's own.
    expect(hooked).toEqual(['bind', 'listen 64', 'SO_REUSEADDR 1', 'listen 64']);
  });

  it('restarts over its own leftovers in the first attempt', async () => {
    const port = ownPort();
    const other = new Actor();
    for (let start = 0; start < 5; start++) {
      const served = await lines([...REQUIRED, fixture('register/restart.cjs'), String(port)]);
      expect(served).toMatchObject([{ port }]);
      expect(await other.open({ host: '0.0.0.0', port }), 'there are leftovers').toMatchObject({ error: 'EADDRINUSE' });
    }
    await other.end();
  });

  it('never falls back to 0.0.0.0 where somebody holds :: for IPv6 alone', async () => {
    needs('IPv6');
    const port = ownPort();
    const other = new Actor();
    await other.open({ host: '::', port, ipv6Only: true, listen: true });
    const script = `require('net').createServer().listen(${port}).on('error', (e) => console.log(JSON.stringify(e)))`;
    const errors = await lines([...REQUIRED, '-e', script]);
    expect(errors).toMatchObject([{ code: 'EADDRINUSE', syscall: 'listen', address: '::', port }]);
    await other.end();
  });
});

describe('a library that makes an error of its own out of the message', () => {
  it('keeps the message of Node, and NODE_DEBUG=exactbind names the holder', async () => {
    needs('python3');
    const port = ownPort();
    const other = new Actor();
    await other.open({ host: '127.0.0.1', port, listen: true });
    const program = [fixture('register/own-error.cjs'), String(port)];
    const plain = await run(program);
    expect(plain.stdout).toContain(`EADDRINUSE: address already in use 127.0.0.1:${port}`);
    const hooked = await run([...REQUIRED, ...program]);
    expect(hooked).toEqual(plain);
    const debugged = await run([...REQUIRED, ...program], { NODE_DEBUG: 'exactbind' });
    expect(debugged.stdout).toBe(plain.stdout);
    const holder = `python\\S* \\(pid ${other.process.pid}, [^)]+\\) listening on 127\\.0\\.0\\.1:${port}`;
    expect(debugged.stderr).toMatch(
      new RegExp(`^EXACTBIND \\d+: listen EADDRINUSE: address already in use 127\\.0\\.0\\.1:${port}: ${holder}`),
    );
    await other.end();
  });
});

describe('under the permission model', () => {
  const script = fixture('register/permission.cjs');
  const flags = ['--allow-addons', '--allow-fs-read=*', '--no-warnings'];
  const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';
  const hasScope = process.allowedNodeEnvironmentFlags.has('--allow-net');

  interface Shape {
    name?: string;
    thrown?: { class: string; message: string; values: { resource?: string } };
  }

  // Older versions of Node have no permission for the network.
  itWhere(hasScope)('is refused without --allow-net, as Node refuses it', async () => {
    const plain = await lines<Shape>([flag, ...flags, script]);
    expect(plain).toHaveLength(3);
    const denied = { code: 'ERR_ACCESS_DENIED', permission: 'Net' };
    expect(plain[0]).toMatchObject({ name: 'no host', thrown: { values: denied } });
    // The spy would print a bind that went past the permission.
    const spy = ['--require', fixture('register/spy.cjs')];
    expect(await lines([flag, ...flags, ...REQUIRED, ...spy, script])).toEqual(plain);

    const all = await lines<Shape>([flag, ...flags, script, 'bound']);
    const bound = all.find(({ name }) => name === 'BoundSocket');
    const { values, ...rest } = plain[0]?.thrown ?? {};
    expect(bound?.thrown).toEqual({ ...rest, values: { ...values, resource: '127.0.0.1' } });
    expect(Object.keys(bound?.thrown?.values ?? {})).toEqual(Object.keys(values ?? {}));
  });

  it('listens where nothing forbids it', async () => {
    const allowed = hasScope ? ['--allow-net'] : [];
    const seen = await lines<Shape>([flag, ...flags, ...allowed, '--allow-worker', ...REQUIRED, script, 'bound']);
    expect(seen.filter((line) => 'listening' in line)).toHaveLength(3);
    expect(seen).toHaveLength(3);
  });
});
