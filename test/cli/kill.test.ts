// exactbind kill: ends who holds the port, all of them or none, and nobody else; then the port is free.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cli, command, LOCAL, said } from '../fixtures/cli.ts';
import { AS_NOBODY, hold } from '../fixtures/inspect/processes.ts';
import { holding, isRunning } from '../fixtures/kill/holding.ts';
import { AMONG_OWN_PIDS, needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { runCommand } from '../fixtures/register/run.ts';
import { describeOn } from '../fixtures/systems.ts';
import { inTerminal } from '../fixtures/terminal.ts';

const NOT_ASKED = 'exactbind: no terminal to ask in: pass --yes\n';

describe('exactbind kill', () => {
  it('has nothing to do for a port that is free', async () => {
    const port = ownPort();
    expect(await cli(['kill', port])).toEqual(said(0, `[::]:${port} is free\n`));
  });

  it('takes one port, and a time', async () => {
    expect(await cli(['kill', '3000-3001'])).toMatchObject({ code: 2, stderr: expect.stringContaining('one port') });
    expect(await cli(['kill', '3000', '--timeout', 'soon'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('A time is milliseconds'),
    });
  });
});

describeOn('linux', 'darwin')('exactbind kill', () => {
  it('asks the holder to end, and leaves its client alone', async () => {
    const port = ownPort();
    const { pid, ended } = await holding('plain', port);
    const client = connect(port, LOCAL);
    await once(client, 'connect');
    client.on('error', () => {});
    const closed = once(client, 'close');
    const { code, stdout, stderr } = await cli(['kill', port, '--yes']);
    expect(stdout).toMatch(
      new RegExp(`^node \\(pid ${pid}, .*node holder\\.mjs plain ${port}, for .*\\)\n.*is free\n$`),
    );
    // The test runner has started it.
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('which started it') });
    expect(await ended).toEqual([null, 'SIGTERM']);
    await closed;
  });

  it('asks first, and without a terminal ends nobody', async () => {
    const port = ownPort();
    const { pid } = await holding('plain', port);
    const { code, stdout, stderr } = await cli(['kill', port]);
    expect({ code, stderr: stderr.endsWith(NOT_ASKED) }).toEqual({ code: 2, stderr: true });
    expect(stdout).toContain(`(pid ${pid}, `);
    expect(isRunning(pid)).toBe(true);
  });

  it('ends every process that shares the socket', async () => {
    const port = ownPort();
    const { pid, other = 0, ended } = await holding('shared', port);
    const { code, stdout } = await cli(['kill', port, '--yes']);
    expect(code).toBe(0);
    for (const one of [pid, other]) expect(stdout).toContain(`(pid ${one}, `);
    expect(await ended).toEqual([null, 'SIGTERM']);
    await expect.poll(() => isRunning(other)).toBe(false);
  });

  it('reports a holder that does not end, and ends it with --force', async () => {
    const port = ownPort();
    const { pid, ended } = await holding('stubborn', port);
    const asked = await cli(['kill', port, '--yes', '--timeout', '200ms']);
    expect(asked).toMatchObject({ code: 1, stderr: expect.stringContaining('still held after 200 ms; --force') });
    expect(isRunning(pid)).toBe(true);
    expect(await cli(['kill', port, '--yes', '--timeout', '200ms', '--force'])).toMatchObject({ code: 0 });
    expect(await ended).toEqual([null, 'SIGKILL']);
  });

  it('reports who started it again', async () => {
    const port = ownPort();
    const { pid, other = 0 } = await holding('restarts', port);
    const { code, stderr } = await cli(['kill', port, '--yes']);
    expect(code).toBe(1);
    expect(stderr).toContain(`(pid ${pid}), which started it, may start it again\n`);
    const [, again] = /is taken again\nexactbind: node \(pid (\d+), /.exec(stderr) ?? [];
    expect(Number(again), stderr).not.toBe(other);
    expect([isRunning(Number(again)), isRunning(other)]).toEqual([true, false]);
  });

  it('never ends the process that started it', async () => {
    const port = ownPort();
    const { pid, code, text } = await holding('runs', port, [command, 'kill', String(port), '--yes', '--force']);
    expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining('it started this command') });
    expect(isRunning(pid)).toBe(true);
  });
});

describeOn('linux')('exactbind kill on Linux', () => {
  it('never ends a client that has the port', async () => {
    const port = ownPort();
    const { pid, end } = await hold('client', port);
    onTestFinished(end);
    expect(await cli(['kill', port, '--yes', '--force'])).toMatchObject({ code: 0, stdout: `[::]:${port} is free\n` });
    expect(isRunning(pid)).toBe(true);
  });

  it("ends another user's process for whoever names the user", async () => {
    needs('another user', 'util-linux');
    const port = ownPort();
    const { ended } = await holding('plain', port, [], AS_NOBODY);
    const found = await cli(['kill', port, '--yes']);
    const [, name = ''] = /another user's process: --user (\S+) allows it\n$/.exec(found.stderr) ?? [];
    expect(found.code).toBe(2);
    expect(name).not.toBe('');
    expect(await cli(['kill', port, '--yes', '--user', 'root'])).toMatchObject({ code: 2 });
    expect(await cli(['kill', port, '--yes', '--user', name])).toMatchObject({ code: 0 });
    expect(await ended).toEqual([null, 'SIGTERM']);
  });

  it('says what a user cannot see, and ends nobody', async () => {
    needs('another user', 'util-linux');
    const port = ownPort();
    const { pid } = await holding('plain', port);
    const { code, stderr } = await cli(['kill', port, '--yes'], AS_NOBODY);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/pid hidden from this user.*as root\n$/),
    });
    expect(isRunning(pid)).toBe(true);
  });

  /** A process whose executable has a name. */
  async function named(name: string, port: number, ...words: string[]): Promise<number> {
    needs('python3');
    const { stdout } = await runCommand('python3', ['-c', 'import sys; print(sys.executable, sys.prefix)']);
    const [python = '', prefix] = stdout.trim().split(' ');
    const file = join(mkdtempSync(join(tmpdir(), 'named-')), name);
    copyFileSync(python, file);
    const holder = fileURLToPath(new URL('../fixtures/inspect/holder.py', import.meta.url));
    const child = spawn(file, [holder, 'listener', String(port), ...words], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, PYTHONHOME: prefix },
    });
    const exited = once(child, 'exit');
    onTestFinished(async () => {
      child.stdin.end();
      await exited;
    });
    await once(child.stdout, 'data');
    return child.pid as number;
  }

  // By name alone: a real unit takes a systemd that runs, and a real docker-proxy an engine. Neither is in a container, where
  // systemd-run answers "System has not been booted with systemd as init system".
  it.each([
    ['systemd', [], /it holds the socket for a unit: .*systemctl.* list-sockets/],
    [
      'docker-proxy',
      ['-container-ip', '172.17.0.2', '-container-port', '80'],
      /passes the port on to the container at 172\.17\.0\.2:80: docker (ps --filter publish=\d+|stop )/,
    ],
  ] as const)('leaves what %s holds to it, and says what to stop', async (name, words, message) => {
    const port = ownPort();
    const pid = await named(name, port, ...words);
    const { code, stderr } = await cli(['kill', port, '--yes', '--force']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(message) });
    expect(isRunning(pid)).toBe(true);
  });

  it("leaves the daemon of pm2 alone, by whose title it is known: every app's port is its own", async () => {
    const port = ownPort();
    const title = 'PM2 v7.0.4: God Daemon (/home/ada/.pm2)';
    const { pid } = await holding('titled', port, [title]);
    const { code, stderr } = await cli(['kill', port, '--yes', '--force']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/is left alone: .*: pm2 stop NAME\n$/) });
    expect(isRunning(pid)).toBe(true);
  });

  /** What the command says in a terminal where somebody answers. */
  async function inTerminalAnswering(port: number, answer: () => string | Promise<string>) {
    needs('python3', 'coreutils');
    const [file = '', ...args] = [...inTerminal(200), process.execPath, command, 'kill', String(port)];
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', async (data: Buffer) => {
      const before = text.includes('[y/N]');
      text += data;
      if (!before && text.includes('[y/N]')) child.stdin.write(await answer());
    });
    const [code] = await once(child, 'exit');
    child.stdin.end();
    return { code, text };
  }

  it('asks in a terminal, and obeys the answer', async () => {
    const port = ownPort();
    const { pid, ended } = await holding('plain', port);
    for (const answer of ['\n', 'n\n', '\u0003']) {
      const { code, text } = await inTerminalAnswering(port, () => answer);
      expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining('End this process? [y/N] ') });
      expect(isRunning(pid)).toBe(true);
    }
    expect(await inTerminalAnswering(port, () => 'y\n')).toMatchObject({ code: 0 });
    expect(await ended).toEqual([null, 'SIGTERM']);
  });

  it('never ends a holder that came while it asked', async () => {
    const port = ownPort();
    const { child, ended } = await holding('plain', port);
    let second = 0;
    const { code, text } = await inTerminalAnswering(port, async () => {
      child.kill('SIGKILL');
      await ended;
      second = (await holding('plain', port)).pid;
      return 'y\n';
    });
    expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining('other processes hold the port by now') });
    expect(isRunning(second)).toBe(true);
  });

  it.each([
    ['idles', 0, / is free\r?\n$/],
    ['holds', 1, /other processes hold the port by now/],
  ] as const)('never ends a process that got the pid of the holder while it asked, and %s', async (how, code, said) => {
    needs('python3', 'coreutils', 'pids of its own');
    const port = ownPort();
    const kill = [...inTerminal(200), process.execPath, command, 'kill', String(port)];
    const reused = fileURLToPath(new URL('../fixtures/kill/reused.mjs', import.meta.url));
    const [file = '', ...args] = [...AMONG_OWN_PIDS, process.execPath, reused, how, String(port), ...kill];
    const { stdout, stderr } = await runCommand(file, args);
    const { text, ...found } = JSON.parse(stdout || JSON.stringify({ text: stderr }));
    expect(found, text).toEqual({ code, isReused: true, isRunning: true });
    expect(text).toMatch(said);
  });
});
