// Everybody who has a socket open, who they are now, and what they may call themselves.
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BoundSocket, inspectPort, inspectPortSync, listen, type PortReport, type SystemError } from 'exactbind';
import { afterAll, afterEach, expect, it } from 'vitest';
import { AS_NOBODY, hold, holdAsLooker, inspectFixture, look, NOBODY } from '../fixtures/inspect/processes.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { run, runCommand } from '../fixtures/register/run.ts';
import { describeOn } from '../fixtures/systems.ts';

const LOCAL = '127.0.0.1';
const root = new URL('../..', import.meta.url).pathname;

const folder = mkdtempSync(join(tmpdir(), 'exactbind-'));
afterAll(() => rmSync(folder, { recursive: true }));

const endings: (() => unknown)[] = [];
afterEach(() => Promise.all(endings.splice(0).map((end) => end())));

const refusalOf = (port: number): Promise<SystemError> =>
  listen(createServer(), { port, host: LOCAL }).then(
    () => expect.unreachable(),
    (error) => error,
  );

/** Whatever could drive a terminal, end a line, or turn one around. */
const RAW = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

describeOn('linux')('a socket that a master and its workers have', () => {
  it('names all of them, the oldest first', async () => {
    const port = ownPort();
    const { pid, end } = await hold('shared', port);
    endings.push(end);
    const { report } = await refusalOf(port);
    for (const { holders } of [await inspectPort(port), inspectPortSync(port), report as PortReport]) {
      const [holder] = holders;
      expect(holders).toHaveLength(1);
      expect(holder).toMatchObject({ pid, self: false, hiddenProcesses: expect.any(Boolean) });
      expect(holder?.processes?.map((one) => one.parent?.pid)).toEqual([process.pid, pid, pid, pid, pid]);
      expect(new Set(holder?.processes?.map((one) => one.pid)).size).toBe(5);
      for (const one of holder?.processes ?? [])
        expect(Math.abs((one.startedAt ?? 0) - Date.now())).toBeLessThan(60_000);
    }
  });

  it('is a line each of the command', async () => {
    const port = ownPort();
    const { pid, end } = await hold('shared', port);
    endings.push(end);
    const { stdout } = await run([join(root, 'dist/cli.cjs'), 'inspect', String(port)]);
    expect(stdout.match(/python\S* .*holder\.py/g)).toHaveLength(5);
    const who = await run([join(root, 'dist/cli.cjs'), 'who', String(port)]);
    expect(who.stdout).toMatch(new RegExp(`^python\\S* \\(pid ${pid}, .*\\) and 4 of its children\\n$`));
  });
});

describeOn('linux')('a process that has become another user', () => {
  needs('another user');

  it('shows as that user, and its socket as its creator’s', async () => {
    const port = ownPort();
    const { pid, end } = await hold('became', port);
    endings.push(end);
    const { holders } = await inspectPort(port);
    expect(holders).toMatchObject([{ pid, uid: 0, user: 'root', processes: [{ pid, uid: NOBODY, user: 'nobody' }] }]);
    expect((await refusalOf(port)).heldBy).toContain(`(pid ${pid}, user nobody)`);
    const { stdout } = await run([join(root, 'dist/cli.cjs'), 'inspect', String(port)]);
    expect(stdout).toMatch(new RegExp(` ${pid} +nobody `));
  });
});

describeOn('linux')('sameProgram', () => {
  it('is false of another user, whatever command line that one has', async () => {
    needs('another user', 'util-linux');
    const port = ownPort();
    const { end } = await holdAsLooker({ port, host: LOCAL }, AS_NOBODY);
    endings.push(end);
    const { later } = await look({ port, host: LOCAL });
    expect(later.holders).toMatchObject([{ sameProgram: false }]);
    expect(later).not.toHaveProperty('remedy');
  });

  it('is true of another instance, which may be ended', async () => {
    const port = ownPort();
    const { end } = await holdAsLooker({ port, host: LOCAL });
    endings.push(end);
    const { later, refusal } = await look({ port, host: LOCAL });
    expect(later.holders).toMatchObject([{ sameProgram: true }]);
    expect(later.remedy).toContain(`kill ${LOCAL}:${port})`);
    expect(refusal?.remedy).toBe(later.remedy);
  });

  it('is null of one that has set its title', async () => {
    const port = ownPort();
    const program = join(folder, 'titled.mjs');
    const text = `
      import net from 'node:net';
      import { inspectPort } from '${root}dist/index.mjs';
      if (process.argv[2] === 'hold') {
        process.title = 'next-server (v15)';
        net.createServer().listen(${port}, '${LOCAL}', () => console.log('holds'));
        process.stdin.resume().on('end', () => process.exit());
      } else console.log(JSON.stringify(await inspectPort(${port})));`;
    writeFileSync(program, text);
    const child = spawn(process.execPath, [program, 'hold'], { stdio: ['pipe', 'pipe', 'inherit'] });
    endings.push(() => child.stdin.end());
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const { stdout } = await run([program]);
    expect(JSON.parse(stdout).holders).toMatchObject([{ pid: child.pid, sameProgram: null }]);
  });
});

describeOn('linux')('a name that somebody chose to mislead', () => {
  it.each([
    'server (pid 1, user root) listening on *:80; x',
    'a\nuid 0; b',
    'quote"d',
    '\u001b[2Jclear',
    'turned\u202earound',
    '\u009b31mred',
    'line\u2028separator',
  ])('of an executable is quoted, and drives nothing: %j', async (name) => {
    const port = ownPort();
    const file = join(folder, name.replaceAll('/', '_'));
    const { stdout: python } = await runCommand('python3', ['-c', 'import sys; print(sys.executable)']);
    copyFileSync(python.trim(), file);
    const { pid, end } = await holdWith(file, port);
    endings.push(end);
    const { heldBy = '', message, report } = await refusalOf(port);
    for (const text of [heldBy, message, JSON.stringify(report)]) expect(text).not.toMatch(RAW);
    // Without a line in /etc/passwd a user has a number alone.
    const whose = `pid ${pid}, (user [^"()]+|uid \\d+)`;
    expect(heldBy).toMatch(new RegExp(`^"[^"]*" \\(${whose}\\) listening on ${LOCAL}:${port}$`));
    for (const command of ['inspect', 'who']) {
      const ended = await run([join(root, 'dist/cli.cjs'), command, String(port)]);
      expect(`${ended.stdout}${ended.stderr}`.replaceAll('\n', '')).not.toMatch(RAW);
    }
    const json = await run([join(root, 'dist/cli.cjs'), 'inspect', '--json', String(port)]);
    expect(json.stdout.replaceAll('\n', '')).not.toMatch(RAW);
    expect(JSON.parse(json.stdout).holders).toMatchObject([{ pid }]);
  });
});

async function holdWith(file: string, port: number) {
  const { stdout: prefix } = await runCommand('python3', ['-c', 'import sys; print(sys.prefix)']);
  const env = { ...process.env, PYTHONHOME: prefix.trim() };
  const child = spawn(file, [inspectFixture('holder.py'), 'listener', String(port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
  });
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', reject);
  });
  const end = () => new Promise((resolve) => child.once('exit', resolve).stdin.end());
  return { pid: child.pid as number, end };
}

describeOn('linux')('/etc/passwd', () => {
  needs('another /proc');

  const WITH = (text: string) => [
    'unshare',
    '--mount',
    'sh',
    '-c',
    `printf '${text}' > ${folder}/passwd && mount --bind ${folder}/passwd /etc/passwd && exec "$@"`,
    'sh',
  ];

  it.each([
    ['eve:x::0::/:/bin/sh\\nroot:x:0:0::/:/bin/sh\\n', 'root'],
    ['eve:x:0x:0::/:/bin/sh\\nroot:x:0:0::/:/bin/sh\\n', 'root'],
    [`${'e'.repeat(5000)}:x:0:0::/:/bin/sh\\nroot:x:0:0::/:/bin/sh\\n`, 'root'],
  ])('with a line whose number is missing or cut makes nobody root', async (text, user) => {
    using bound = new BoundSocket({ port: ownPort(), host: LOCAL });
    const { later } = await look({ port: bound.address().port, host: LOCAL }, WITH(text));
    expect(later.holders).toMatchObject([{ uid: 0, user }]);
  });
});
