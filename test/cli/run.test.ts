// exactbind run: holds ports while a command comes and goes: restarts under load, crashes, changed files, and what is passed on.
// @module-tag node
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { BoundSocket } from 'exactbind';
import { afterEach, expect, it } from 'vitest';
import { fixture } from '../fixtures/handover/child.ts';
import { ownPort } from '../fixtures/ports.ts';
import { app, Runner } from '../fixtures/run/runner.ts';
import { describeOn } from '../fixtures/systems.ts';
import { ownFolder } from '../fixtures/unix/holder.ts';

const runners: Runner[] = [];
const folders: string[] = [];
const agents: http.Agent[] = [];
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.destroy();
  await Promise.all(runners.splice(0).map((runner) => runner.end()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const ANY = ['--port', '127.0.0.1:0'];
const NODE = process.execPath;

function run(options: readonly string[], ...command: string[]): Runner {
  const runner = new Runner(options, command);
  runners.push(runner);
  return runner;
}

/** A file whose text the program answers with, from its next start on. */
function answers(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'exactbind-app-'));
  folders.push(folder);
  const file = join(folder, 'answer');
  writeFileSync(file, text);
  return file;
}

/** @param where a port, or the path of a Unix socket */
function get(where: number | string, path = '/', agent?: http.Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const to = typeof where === 'string' ? { socketPath: where } : { host: '127.0.0.1', port: where };
    const request = http.get({ ...to, path, agent: agent ?? false }, (response) => {
      let text = '';
      response.on('data', (bytes) => {
        text += bytes;
      });
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}

const pidIn = (text: string) => Number(/by (\d+)$/.exec(text)?.[1]);
const isThere = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Clients that ask without a pause until they are told to end. */
function load(port: number | string, clients: number, agent?: http.Agent) {
  let isOver = false;
  const found = { answered: 0, failed: [] as string[] };
  const ask = async () => {
    while (!isOver) {
      try {
        await get(port, '/', agent);
        found.answered++;
      } catch (error) {
        found.failed.push((error as NodeJS.ErrnoException).code ?? String(error));
      }
    }
  };
  const running = Array.from({ length: clients }, ask);
  return async () => {
    isOver = true;
    await Promise.all(running);
    return found;
  };
}

describeOn('linux', 'darwin')('exactbind run', () => {
  it.each([
    ['new connections', undefined],
    ['kept connections', new http.Agent({ keepAlive: true, maxSockets: 8 })],
  ])(
    'restarts an unmodified program 20 times on SIGHUP, and loses nothing of %s',
    async (_, agent) => {
      const runner = run(ANY, NODE, app);
      const port = await runner.port();
      await runner.said(/ready \(/);
      const first = pidIn(await get(port));
      const stop = load(port, 8, agent);
      if (agent !== undefined) agents.push(agent);
      for (let turn = 0; turn < 20; turn++) {
        runner.signal('SIGHUP');
        await runner.said(/ready \(/);
        await runner.said(/pid \d+ has ended: /);
      }
      const { answered, failed } = await stop();
      expect(failed).toEqual([]);
      expect(answered).toBeGreaterThan(20);
      expect(isThere(first)).toBe(false);
      expect(pidIn(await get(port))).not.toBe(first);
    },
    180_000,
  );

  it.each(['as it is given', 'by a relative name'])(
    'restarts a program on a Unix socket without losing a request: %s',
    { timeout: 120_000 },
    async (how) => {
      const folder = ownFolder();
      const path = join(folder, 'app.sock');
      const asked = how === 'as it is given' ? path : relative(process.cwd(), path);
      const runner = run(['--path', path], NODE, app, '', asked);
      expect(await runner.said(/holds (.*) unix as 'app.sock'/)).toBe(path);
      await runner.said(/ready \(/);
      const { ino } = statSync(path);
      const first = pidIn(await get(path));
      const stop = load(path, 8);
      for (let turn = 0; turn < 5; turn++) {
        runner.signal('SIGHUP');
        await runner.said(/ready \(/);
        await runner.said(/pid \d+ has ended: /);
      }
      const { answered, failed } = await stop();
      expect(failed).toEqual([]);
      expect(answered).toBeGreaterThan(5);
      expect(pidIn(await get(path))).not.toBe(first);
      expect(statSync(path).ino).toBe(ino);
      await runner.end();
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it('gives no PORT with a path alone, and passes paths after ports, with their names', async () => {
    const folder = ownFolder();
    const paths = ['--path', join(folder, 'a b.sock'), '--path', `api=${join(folder, 'other')}`];
    const script = "console.log('PORT', process.env.PORT, process.env.LISTEN_FDNAMES)";
    const alone = new Runner(['--no-restart', ...paths], [NODE, '-e', script], { PORT: '80' });
    runners.push(alone);
    expect(await alone.said(/^PORT .*/)).toBe('PORT undefined a_b.sock:api');
    await alone.ended();
    const both = run(['--no-restart', ...paths, '--port', 'web=127.0.0.1:0'], NODE, '-e', script);
    expect(await both.said(/^PORT .*/)).toMatch(/^PORT \d+ web:a_b.sock:api$/);
    await both.ended();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('passes a Unix socket to whoever knows LISTEN_FDS', async () => {
    const path = join(ownFolder(), 'app.sock');
    const runner = run(['--path', `web=${path}`, '--no-hook', '--no-restart'], NODE, fixture('inherits.mjs'));
    expect(JSON.parse(await runner.said(/^\{"sockets.*/)).sockets).toMatchObject([{ name: 'web', address: path }]);
  });

  it('says who has a path that it cannot have, and starts nothing', async () => {
    const path = join(ownFolder(), 'app.sock');
    const holder = new BoundSocket({ path });
    const runner = run(['--path', path], NODE, '-e', 'console.log("started")');
    expect(await runner.ended()).toBe(3);
    expect(runner.lines.join('\n')).toMatch(new RegExp(`EADDRINUSE.*pid ${process.pid}.*listening on ${path}`));
    expect(runner.lines.join('\n')).not.toContain('started');
    holder.close();
  });

  it('starts a command again that crashes, and keeps those waiting who come meanwhile', async () => {
    const runner = run(ANY, NODE, app);
    const port = await runner.port();
    await runner.said(/ready \(/);
    const before = pidIn(await get(port));
    await expect(get(port, '/crash')).rejects.toThrow();
    expect(await runner.said(/has ended: (exit code \d+); starts again/)).toBe('exit code 9');
    expect(pidIn(await get(port))).not.toBe(before);
    const pauses = [100];
    for (let turn = 0; turn < 2; turn++) {
      await expect(get(port, '/crash')).rejects.toThrow();
      pauses.push(Number(await runner.said(/starts again in (\d+) ms/)));
    }
    expect(pauses).toEqual([100, 200, 400]);
  });

  it('restarts when a file changes', async () => {
    const file = answers('one');
    const runner = run([...ANY, '--watch', file], NODE, app, file);
    const port = await runner.port();
    await runner.said(/ready \(/);
    expect(await get(port)).toMatch(/^one by/);
    writeFileSync(file, 'two');
    await runner.said(/has changed/);
    await runner.said(/ready \(/);
    await runner.said(/has ended/);
    expect(await get(port)).toMatch(/^two by/);
  });

  it.each([
    ['does not say in time that it is ready', 'slow', /has not said in 8000 ms.*(serves on)/],
    ['ends before it is ready', 'broken', /has ended before it was ready: exit code 1; pid \d+ (serves on)/],
  ])('lets the old process serve on where the new one %s', async (_, what, pattern) => {
    const file = answers('one');
    const runner = run([...ANY, '--ready-timeout', '8000'], NODE, app, file);
    const port = await runner.port();
    await runner.said(/ready \(/);
    const text = await get(port);
    writeFileSync(file, what);
    runner.signal('SIGHUP');
    expect(await runner.said(pattern)).toBe('serves on');
    expect(await get(port)).toBe(text);
    writeFileSync(file, 'two');
    runner.signal('SIGHUP');
    await runner.said(/pid \d+ has ended: /);
    await expect.poll(() => get(port)).toMatch(/^two by/);
  });

  it('restarts again where it is asked meanwhile, and never two at a time', async () => {
    const runner = run(ANY, NODE, app);
    await runner.said(/ready \(/);
    runner.signal('SIGHUP');
    await runner.said(/restarts: /);
    for (let turn = 0; turn < 3; turn++) runner.signal('SIGHUP');
    await runner.said(/has ended: /);
    await runner.said(/restarts: /);
    await runner.said(/has ended: /);
    runner.signal('SIGTERM');
    await runner.ended();
    expect(runner.lines.filter((line) => line.includes('started '))).toHaveLength(3);
  });

  it('waits for a change where a watched command has ended well, and knows which files count', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'exactbind-app-'));
    folders.push(folder);
    mkdirSync(join(folder, 'node_modules'));
    const runner = run(['--watch', folder], NODE, '-e', '0');
    await runner.said(/exit code 0; waits for a change/);
    writeFileSync(join(folder, 'node_modules', 'one'), '1');
    writeFileSync(join(folder, 'one'), '1');
    writeFileSync(join(folder, 'two'), '2');
    expect(await runner.said(/restarts: (.*)/)).toMatch(/(one|two) has changed$/);
    await runner.said(/exit code 0; waits for a change/);
    runner.signal('SIGTERM');
    expect(await runner.ended()).toBe(143);
    const restarts = runner.lines.filter((line) => line.includes('restarts: '));
    expect(restarts).toHaveLength(1);
    expect(restarts[0]).not.toContain('node_modules');
  });

  it('starts nothing more where it is ended in the pause after a crash', async () => {
    const runner = run([], NODE, '-e', 'process.exit(9)');
    await runner.said(/starts again in 400 ms/);
    runner.signal('SIGTERM');
    expect(await runner.ended()).toBe(143);
    expect(runner.lines.at(-1)).toMatch(/starts again in 400 ms/);
  });

  it('ends a process that is stopped, and answers nothing', async () => {
    const runner = run([...ANY, '--drain-timeout', '100', '--kill-after', '100'], NODE, app);
    const port = await runner.port();
    await runner.said(/ready \(/);
    process.kill(pidIn(await get(port)), 'SIGSTOP');
    runner.signal('SIGHUP');
    expect(await runner.said(/has ended: (SIG\w+)/)).toBe('SIGKILL');
    await get(port);
  });

  it('ends a command that does not end by itself', async () => {
    const file = answers('deaf');
    const runner = run([...ANY, '--kill-after', '100'], NODE, app, file);
    await runner.said(/ready \(/);
    runner.signal('SIGHUP');
    expect(await runner.said(/has ended: (SIG\w+)/)).toBe('SIGKILL');
    // Left behind, nobody would end it.
    process.kill(pidIn(await get(Number(/:(\d+) tcp/.exec(runner.lines[0] as string)?.[1]))), 'SIGKILL');
  });

  it('passes names, order and sockets of both kinds to whoever knows LISTEN_FDS', async () => {
    const ports = ['--port', 'web=127.0.0.1:0', '--port', '127.0.0.1:0/udp', '--port', 'web=[::1]:0'];
    const runner = run([...ports, '--no-hook', '--no-restart'], NODE, fixture('inherits.mjs'));
    const { sockets } = JSON.parse(await runner.said(/^\{"sockets.*/)) as {
      sockets: { name: string; address: object }[];
    };
    expect(sockets.map(({ name }) => name)).toEqual(['web', expect.stringMatching(/^\d+$/), 'web']);
    expect(sockets.map(({ address }) => address)).toMatchObject([
      { address: '127.0.0.1' },
      { address: '127.0.0.1' },
      { address: '::1' },
    ]);
  });

  it('gives the first TCP port as PORT, and the first of a range that is free', async () => {
    const first = ownPort();
    ownPort();
    const holder = new BoundSocket({ port: first, host: '127.0.0.1' });
    const range = ['--port', '127.0.0.1:0/udp', '--port', `127.0.0.1:${first}-${first + 1}`];
    const runner = run([...range, '--no-restart'], NODE, '-p', "'PORT ' + process.env.PORT");
    expect(await runner.said(/^PORT \d+/)).toBe(`PORT ${first + 1}`);
    expect(await runner.ended()).toBe(0);
    holder.close();
  });

  it.each([
    [['--no-restart'], 'process.exit(7)', 7],
    [['--no-restart'], "process.kill(process.pid, 'SIGKILL')", 137],
    [[], '0', 0],
  ])('ends with the exit code of the command: %o %s', async (options, script, code) => {
    expect(await run(options, NODE, '-e', script).ended()).toBe(code);
  });

  it('ends at once where there is no such command', async () => {
    expect(await run(ANY, './no-such-command').ended()).toBe(127);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('passes %s on, and ends with the command', async (signal, code) => {
    const runner = run(ANY, NODE, app);
    const port = await runner.port();
    const pid = pidIn(await get(port));
    runner.signal(signal);
    expect(await runner.ended()).toBe(code);
    expect(isThere(pid)).toBe(false);
    new BoundSocket({ port, host: '127.0.0.1' }).close();
  });

  it('passes on what is for the command alone', async () => {
    const script =
      "process.on('SIGUSR2', () => { console.log('heard'); process.exit(4); }); console.log('on'); setInterval(() => {}, 1000)";
    const runner = run(['--no-restart', '--ready-after', '0'], NODE, '-e', script);
    await runner.said(/^on/);
    runner.signal('SIGUSR2');
    await runner.said(/^heard/);
    expect(await runner.ended()).toBe(4);
  });

  it('takes a command that says nothing for ready after a while', async () => {
    const script = "require('http').createServer((_, r) => r.end('by ' + process.pid)).listen({ fd: 3 })";
    const runner = run([...ANY, '--no-hook', '--ready-after', '2000'], NODE, '-e', script);
    const port = await runner.port();
    await runner.said(/ready \(/);
    const before = pidIn(await get(port));
    runner.signal('SIGHUP');
    await runner.said(/ready \(/);
    await runner.said(/has ended/);
    expect(pidIn(await get(port))).not.toBe(before);
  });

  it('says who has a port that it cannot have, and starts nothing', async () => {
    const holder = new BoundSocket({ port: 0, host: '127.0.0.1' });
    const runner = run(['--port', `127.0.0.1:${holder.address().port}`], NODE, '-e', 'console.log("started")');
    expect(await runner.ended()).toBe(3);
    expect(runner.lines.join('\n')).toMatch(/EADDRINUSE.*listening on/);
    expect(runner.lines.join('\n')).not.toContain('started');
    holder.close();
  });

  it('says of a range that none of its ports can be had', async () => {
    const holders = [ownPort(), ownPort()].map((port) => new BoundSocket({ port, host: '127.0.0.1' }));
    const [first, last] = holders.map((holder) => holder.address().port);
    const runner = run(['--port', `127.0.0.1:${first}-${last}`], NODE, '-e', '0');
    expect(await runner.ended()).toBe(3);
    expect(runner.lines.join('\n')).toMatch(/EADDRINUSE.*none of the 2 ports can be bound/);
    for (const holder of holders) holder.close();
  });

  it.each([
    [['--path', '']],
    [['--path', 'web=']],
    [['--port', '70000']],
    [['--port', '3000-2000']],
    [['--port', 'a:b:1']],
    [['--ready-after', 'soon']],
    [['--kill-after', '2147483648']],
  ])('refuses %o', async (options) => {
    expect(await run(options, NODE, '-e', '0').ended()).toBe(2);
  });

  it('leaves nothing behind, and its children no variable of its own', async () => {
    const script = 'console.log(JSON.stringify([process.env.EXACTBIND_RUN, process.env.NOTIFY_SOCKET]))';
    const runner = run(['--no-restart'], NODE, '-e', script);
    const [control, notify] = JSON.parse(await runner.said(/^\[.*/)) as [string | null, string];
    expect(control).toBe(null);
    await runner.ended();
    const { existsSync } = await import('node:fs');
    expect(existsSync(join(notify, '..'))).toBe(false);
  });
});
