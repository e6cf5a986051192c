// What an uncaught refusal prints: the caller's line, who holds the address, what to do, and none of our own frames.
// @module-tag node
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BoundSocket, inspectPort } from 'exactbind';
import { afterEach, describe, expect, it } from 'vitest';
import { ownPort } from '../fixtures/ports.ts';
import { fixture, lines, REQUIRED, run, runCommand } from '../fixtures/register/run.ts';
import { describeOn } from '../fixtures/systems.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = fixture('uncaught/program.cjs');
const host = '127.0.0.1';

const ends: (() => unknown)[] = [];
afterEach(() => Promise.all(ends.splice(0).map((end) => end())));

const framesIn = (stderr: string) => [...stderr.matchAll(/^ +at (.*)$/gm)].map(([, frame = '']) => frame);

describe('an uncaught refusal', () => {
  it.each([
    ['BoundSocket', 'tcp'],
    ['listen', 'tcp'],
    ['listen to a name', 'tcp'],
    ['listen with a wait', 'tcp'],
    ['bindUdp', 'udp'],
  ] as const)('of %s begins at the line of the caller', async (how, protocol) => {
    const port = ownPort();
    const bound = new BoundSocket({ port, host, protocol });
    ends.push(() => bound.close());
    // A name may be of the other family.
    const other = how === 'listen to a name' ? holdSixth(port) : undefined;
    const { code, stderr } = await run([program, how, String(port)]);
    other?.close();
    expect(code).toBe(1);
    const [first = '', ...others] = framesIn(stderr);
    expect(first, stderr).toMatch(/program\.cjs:\d+:\d+\)?$/);
    expect(others.join('\n')).not.toContain(join(root, 'dist'));
    expect(stderr).toMatch(new RegExp(`heldBy: '.*\\(pid ${process.pid}\\b.*:${port}'`));
    // Node prints the line that threw, and of ours that would be the whole file.
    expect(Math.max(...stderr.split('\n').map(({ length }) => length))).toBeLessThan(1000);
  });

  it('under the hook has no frame of ours', async () => {
    const port = ownPort();
    const bound = new BoundSocket({ port, host });
    ends.push(() => bound.close());
    const { code, stderr } = await run([...REQUIRED, program, 'register', String(port)]);
    expect(code).toBe(1);
    expect(framesIn(stderr)[0]).toContain('node:net');
    expect(stderr).not.toContain(join(root, 'dist'));
    expect(stderr).toMatch(/program\.cjs:\d+/);
  });
});

// One is no function, the other throws nothing.
const NO_MISTAKES = ['constants', 'isSupported'];

describe('the error of every public function', () => {
  const mistakes = fixture('uncaught/mistakes.mjs');
  const source = readFileSync(mistakes, 'utf8').split('\n');

  it.each(['require', 'import'])('begins at the line of the caller and shows no frame of ours, by %s', async (how) => {
    type Found = [call: string, error: { code?: string; stack?: string }];
    const [names = [], ...found] = await lines<string[] | Found>([mistakes, how]);
    for (const [call, { code = 'none', stack = '' }] of found as Found[]) {
      const frames = framesIn(stack);
      const [, line = 0] = /mistakes\.mjs:(\d+):\d+\)?$/.exec(frames[0] ?? '') ?? [];
      expect(source[Number(line) - 1], `${call}: ${stack}`).toMatch(new RegExp(`^  '?${call}'?: `));
      expect(frames.join('\n')).not.toContain(join(root, 'dist'));
      expect(frames.length).toBe(10);
      expect(code, call).toMatch(/^E|^ABORT_ERR$/);
    }
    const called = (found as Found[]).map(([call]) => call.split(/[ .]/)[0]);
    expect((names as string[]).filter((name) => !called.includes(name)).sort()).toEqual(NO_MISTAKES);
  });

  it('is left alone where it is the own error of the caller', async () => {
    const program = `
      const { listen } = require('exactbind');
      function theirs() { throw new Error('theirs'); }
      listen(require('net').createServer(), { get port() { return theirs(); } }).catch(({ stack }) => console.log(stack));`;
    const { stdout } = await run(['-e', program]);
    expect(framesIn(stdout).slice(0, 2)).toEqual([
      expect.stringMatching(/^theirs /),
      expect.stringMatching(/^get port|^Object\.get port/),
    ]);
  });

  it('has as many frames as the program wants, and is none of its business where it makes stacks itself', async () => {
    const program = `
      const { portRange } = require('exactbind');
      const stackOf = () => { try { portRange(2, 1); } catch ({ stack }) { return stack; } };
      Error.stackTraceLimit = 2;
      const two = stackOf();
      Error.stackTraceLimit = 0;
      const none = stackOf();
      Error.stackTraceLimit = 10;
      Error.prepareStackTrace = (error, sites) => sites.length;
      console.log(JSON.stringify({ two, none, own: typeof stackOf(), limit: Error.stackTraceLimit }));`;
    const { stdout } = await run(['-e', program]);
    const { two, none, own, limit } = JSON.parse(stdout);
    expect(framesIn(two)).toHaveLength(2);
    expect(framesIn(none)).toEqual([]);
    expect({ own, limit }).toEqual({ own: 'number', limit: 10 });
  });
});

function holdSixth(port: number): BoundSocket | undefined {
  try {
    return new BoundSocket({ port, host: '::1' });
  } catch {
    return undefined;
  }
}

describeOn('linux')('the remedy of an uncaught refusal', () => {
  async function started(args: readonly string[], cwd = root): Promise<ChildProcess> {
    const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    ends.push(() => {
      child.kill('SIGKILL');
      return exited;
    });
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    return child;
  }

  const remedyIn = (stderr: string) => /remedy: ['"](.*)['"]/.exec(stderr)?.[1];

  it('names this very copy, and what it names ends the other instance', async () => {
    const port = ownPort();
    const child = await started([program, 'listen', String(port)]);
    const { stderr } = await run([program, 'listen', String(port)]);
    const command = `node dist/cli.cjs kill ${host}:${port}`;
    expect(remedyIn(stderr), stderr).toBe(`end the other instance (${command}), or choose another port`);
    const ended = once(child, 'exit');
    const { code } = await run([...command.split(' ').slice(1), '--yes']);
    expect(code).toBe(0);
    expect(await ended).toEqual([null, 'SIGTERM']);
  });

  it('is the link that a package manager has made, where there is one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'installed-'));
    mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
    mkdirSync(join(folder, 'app'));
    symlinkSync(root, join(folder, 'node_modules/exactbind'));
    symlinkSync('../exactbind/dist/cli.cjs', join(folder, 'node_modules/.bin/exactbind'));
    const script = join(folder, 'app/server.cjs');
    const port = ownPort();
    writeFileSync(
      script,
      `require('exactbind').listen(require('http').createServer(), ${port}).then(() => console.log(1));`,
    );
    await started([script], folder);
    for (const [cwd, command] of [
      [folder, 'node_modules/.bin/exactbind'],
      [join(folder, 'app'), '../node_modules/.bin/exactbind'],
    ] as const) {
      const { stderr } = await runCommand('sh', [
        '-c',
        'cd "$1" && exec "$2" "$3"',
        'sh',
        cwd,
        process.execPath,
        script,
      ]);
      expect(remedyIn(stderr), stderr).toBe(`end the other instance (${command} kill ${port}), or choose another port`);
    }
  });

  it('is absent where a supervisor would start it again', async () => {
    const port = ownPort();
    const supervisor = "require('child_process').spawn(process.execPath, process.argv.slice(1), { stdio: 'inherit' })";
    await started(['-e', supervisor, program, 'listen', String(port), '--', 'nodemon']);
    const [holder] = (await inspectPort(port)).holders;
    ends.push(() => process.kill(holder?.pid as number, 'SIGKILL'));
    const { stderr } = await run([program, 'listen', String(port)]);
    expect(stderr).toContain(`pid ${holder?.pid}`);
    expect(remedyIn(stderr)).toBeUndefined();
  });
});
