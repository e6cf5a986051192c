// Unix sockets where only Linux tells: other namespaces, other users, abstract names, the order of system calls, crashes.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { BoundSocket, inspectPort, listen } from 'exactbind';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSockets } from '../fixtures/descriptors.ts';
import { AS_NOBODY, IN_ANOTHER_NETWORK, NOBODY, needs } from '../fixtures/needs.ts';
import { readable, readableNode, readablePackage } from '../fixtures/readable.ts';
import { fixture, lines } from '../fixtures/register/run.ts';
import { leaveFile, ownFolder, PathHolder } from '../fixtures/unix/holder.ts';

type Refusal = NodeJS.ErrnoException & { heldBy?: string; report?: { verdict: string; holders: object[] } };

function refusalOf(run: () => unknown): Refusal {
  try {
    run();
  } catch (error) {
    return error as Refusal;
  }
  throw new Error('nothing was refused');
}

const closing = (server: Server) => new Promise((resolve) => server.close(resolve));

describe('a socket that is bound and does not listen', () => {
  it('is alive, and named', async () => {
    const path = join(ownFolder(), 'app.sock');
    const holder = new PathHolder();
    await holder.bind(path, { listen: false });
    const error = refusalOf(() => new BoundSocket({ path }));
    expect(error.code).toBe('EADDRINUSE');
    expect(error.heldBy).toMatch(new RegExp(`pid ${holder.process.pid}, .*bound to ${path}, not listening$`));
    expect(await inspectPort({ path })).toMatchObject({ verdict: 'bound', holders: [{ state: 'BOUND' }] });
    expect(existsSync(path)).toBe(true);
  });

  it('is alive as one of datagrams too', async () => {
    const path = join(ownFolder(), 'app.sock');
    const holder = new PathHolder();
    await holder.bind(path, { type: 'datagram' });
    expect(refusalOf(() => new BoundSocket({ path })).heldBy).toContain(`pid ${holder.process.pid}`);
  });
});

describe('a connection', () => {
  it('of a listener that has gone keeps nobody from its path', async () => {
    const path = join(ownFolder(), 'app.sock');
    const holder = new PathHolder();
    const client = new PathHolder();
    const { id = -1 } = await holder.bind(path);
    const connecting = client.connect(path, true);
    await holder.accept(id);
    await holder.close(id);
    using bound = new BoundSocket({ path });
    expect(bound.outcome).toBe('over-leftovers');
    await holder.end();
    await connecting;
  });

  it('that does not find room is a sign of life', async () => {
    needs('another network');
    const path = join(ownFolder(), 'app.sock');
    const holder = new PathHolder(IN_ANOTHER_NETWORK);
    await holder.bind(path, { backlog: 0 });
    const filling = spawnSync(
      'python3',
      [
        '-c',
        `import socket, time\nfor i in range(3):\n s = socket.socket(socket.AF_UNIX); s.setblocking(False); s.connect_ex("${path}")`,
      ],
      { timeout: 20_000 },
    );
    expect(filling.status).toBe(0);
    expect(refusalOf(() => new BoundSocket({ path })).code).toBe('EADDRINUSE');
  });
});

describe('a socket of another network namespace', () => {
  it('is not in the list, and is found by a connection', async () => {
    needs('another network');
    const path = join(ownFolder(), 'app.sock');
    const holder = new PathHolder(IN_ANOTHER_NETWORK);
    await holder.bind(path);
    expect(await inspectPort({ path })).toMatchObject({
      verdict: 'unknown',
      bindable: { exclusive: null },
      holders: [],
    });
    const error = refusalOf(() => new BoundSocket({ path }));
    expect(error.code).toBe('EADDRINUSE');
    expect(error.heldBy).toContain('somebody listens on');
    expect(error.heldBy).toContain('another network namespace');
    expect(error.report?.verdict).toBe('listening');
    const client = new PathHolder();
    expect(await client.connect(path)).toEqual({ text: '' });
    await holder.end();
    using bound = new BoundSocket({ path });
    expect(bound.outcome).toBe('over-leftovers');
  });

  it('is not replaced where it lets this user not connect', async () => {
    needs('another network', 'another user');
    const folder = ownFolder(0o777);
    const path = join(folder, 'app.sock');
    const holder = new PathHolder(IN_ANOTHER_NETWORK);
    await holder.bind(path, { mode: 0o600 });
    const [error] = await linesAsNobody('binds.cjs', path);
    expect(error).toMatchObject({ code: 'EADDRINUSE', verdict: 'unknown' });
    expect(existsSync(path)).toBe(true);
  });
});

/** What a program of test/fixtures/unix/ prints as nobody. */
async function linesAsNobody(program: string, ...args: string[]): Promise<Record<string, unknown>[]> {
  needs('another user', 'util-linux');
  const [command = '', ...before] = AS_NOBODY;
  const file = readable(fixture(`unix/${program}`));
  const child = spawn(command, [...before, readableNode(), file, ...args], {
    cwd: readablePackage(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  await once(child, 'close');
  return Buffer.concat(chunks)
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

describe('another user', () => {
  it('is named as the holder of the path', async () => {
    needs('another user');
    const folder = ownFolder(0o777);
    const path = join(folder, 'app.sock');
    const holder = new PathHolder();
    await holder.become(NOBODY);
    await holder.bind(path);
    const { report } = refusalOf(() => new BoundSocket({ path }));
    expect(report?.holders).toMatchObject([{ uid: NOBODY, pid: holder.process.pid }]);
  });

  it('sees who has a path even where it cannot look for a lock', async () => {
    needs('another user');
    const folder = ownFolder(0o755);
    const path = join(folder, 'app.sock');
    using bound = new BoundSocket({ path });
    const [said] = await linesAsNobody('binds.cjs', bound.address());
    expect(said).toMatchObject({ code: 'EADDRINUSE', verdict: 'listening', uid: process.getuid?.() });
  });

  it('cannot create a file in a foreign folder, and learns why', async () => {
    needs('another user');
    const folder = ownFolder(0o755);
    const [said] = await linesAsNobody('binds.cjs', join(folder, 'app.sock'));
    expect(said).toMatchObject({ code: 'EACCES', verdict: 'denied' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('cannot replace the leftover of somebody else in a folder like /tmp', async () => {
    needs('another user');
    const folder = ownFolder(0o1777);
    const path = join(folder, 'app.sock');
    await leaveFile(path);
    chmodSync(path, 0o777);
    const [said] = await linesAsNobody('binds.cjs', path);
    expect(said).toMatchObject({ code: 'EADDRINUSE' });
    expect(said?.message).toMatch(/nobody listens on .*, and this user may not remove it: E(PERM|ACCES)/);
    expect(readdirSync(folder)).toEqual(['app.sock']);
  });

  it('is named where his lock is in the way', async () => {
    needs('another user');
    const folder = ownFolder(0o777);
    const path = join(folder, 'app.sock');
    writeFileSync(`${path}.lock`, '', { mode: 0o600 });
    const [said] = await linesAsNobody('binds.cjs', path);
    expect(said).toMatchObject({ code: 'EADDRINUSE' });
    expect(said?.message).toContain(`${path}.lock is the lock of another user (uid ${process.getuid?.()})`);
  });

  it('cannot keep the lock locked: he cannot open it', async () => {
    needs('another user', 'util-linux');
    const folder = ownFolder(0o755);
    const path = join(folder, 'app.sock');
    writeFileSync(`${path}.lock`, '', { mode: 0o600 });
    const opens = [readableNode(), '-e', 'fs.openSync(process.argv[1])', `${path}.lock`];
    const [command = '', ...args] = [...AS_NOBODY, ...opens];
    expect(String(spawnSync(command, args, { cwd: '/' }).stderr)).toContain('EACCES');
    using bound = new BoundSocket({ path });
    expect(bound.outcome).toBe('clean');
  });

  it('who owns a folder makes what is in it partial', () => {
    needs('another user');
    const folder = ownFolder();
    const theirs = join(folder, 'theirs');
    mkdirSync(theirs);
    chownSync(theirs, NOBODY, NOBODY);
    using bound = new BoundSocket({ path: join(theirs, 'app.sock') });
    expect(bound.caveat).toContain(`${theirs} belongs to another user (uid ${NOBODY})`);
  });
});

describe('an abstract name', () => {
  it('is bound, served, inspected and refused, without a file', async () => {
    const path = `\0exactbind ${process.pid}`;
    const server = createServer((socket) => socket.end('abstract'));
    expect(await listen(server, { path })).toBe(path);
    expect(server.address()).toBe(path);
    const client = new PathHolder();
    expect(await client.connect(path, true)).toEqual({ text: 'abstract' });
    const error = refusalOf(() => new BoundSocket({ path }));
    expect(error.heldBy).toBe(`this process (pid ${process.pid}) listening on "@exactbind ${process.pid}"`);
    expect(await inspectPort({ path })).toMatchObject({ path, verdict: 'listening' });
    await closing(server);
    expect(await inspectPort({ path })).toMatchObject({ verdict: 'free', bindable: { exclusive: true } });
  });

  it('may have zero bytes in it, and 108 bytes in all', async () => {
    const path = `\0exactbind\0${process.pid}`.padEnd(108, 'x');
    using bound = new BoundSocket({ path });
    expect(bound).toMatchObject({ outcome: 'clean', exclusivity: 'full' });
    expect((await inspectPort({ path: bound.address() })).verdict).toBe('listening');
    // Not the same as its beginning.
    expect((await inspectPort({ path: path.slice(0, -1) })).verdict).toBe('free');
    expect(refusalOf(() => new BoundSocket({ path: `${path}x` })).code).toBe('ENAMETOOLONG');
  });

  it('has no mode', () => {
    expect(refusalOf(() => new BoundSocket({ path: '\0exactbind', mode: 0o600 }))).toMatchObject({
      code: 'ENOTSUP',
      option: 'mode',
    });
  });
});

describe('the system calls', () => {
  it('set the mode between bind and listen, and lock before anything else', async () => {
    needs('strace');
    const folder = ownFolder();
    const path = join(folder, 'app.sock');
    await leaveFile(path);
    const log = join(folder, 'log');
    const script = `new (require('exactbind').BoundSocket)({ path: ${JSON.stringify(path)}, mode: 0o606 }).close()`;
    const trace = [
      '-o',
      log,
      '-e',
      'trace=flock,bind,chmod,fchmodat,listen,unlink,connect',
      process.execPath,
      '-e',
      script,
    ];
    const { status } = spawnSync('strace', trace, { cwd: fixture('../..'), timeout: 50_000 });
    expect(status).toBe(0);
    const calls = readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line.includes('app.sock') || /^(flock|listen|chmod|fchmodat)\(/.test(line))
      .map((line) => /^\w+/.exec(line)?.[0].replace('fchmodat', 'chmod'));
    const opening = ['flock', 'connect', 'unlink', 'bind', 'chmod', 'listen', 'unlink'];
    expect(calls).toEqual([...opening, 'flock', 'unlink', 'unlink']);
  });
});

describe('a starter that is killed', () => {
  it('at any moment leaves nothing that keeps the next one away', { timeout: 120_000 }, async () => {
    const folder = ownFolder();
    const path = join(folder, 'app.sock');
    for (let round = 0; round < 10; round++) {
      const child = spawn(process.execPath, [fixture('unix/again.cjs'), path], {
        cwd: fixture('../..'),
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      // It binds and closes all the time: any moment is in the middle of it.
      await new Promise((resolve) => setTimeout(resolve, round % 5));
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
      new BoundSocket({ path }).close();
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it('with the thread that it was is none', async () => {
    const folder = ownFolder();
    const path = join(folder, 'app.sock');
    const worker = new Worker(fixture('unix/again.cjs'), { argv: [path], stdout: true });
    await once(worker.stdout, 'data');
    await worker.terminate();
    new BoundSocket({ path }).close();
    expect(readdirSync(folder)).toEqual([]);
  });
});

const descriptors = () => readdirSync('/proc/self/fd').length;

function leavesNothing(run: () => unknown): void {
  const before = [descriptors(), openSockets()];
  run();
  expect([descriptors(), openSockets()]).toEqual(before);
}

describe('descriptors', () => {
  it('are as many as before after refusals of every kind', async () => {
    const folder = ownFolder();
    const held = join(folder, 'held.sock');
    const holder = new PathHolder();
    await holder.bind(held);
    writeFileSync(join(folder, 'file'), '');
    writeFileSync(join(folder, 'a.sock.lock'), '');
    chmodSync(join(folder, 'a.sock.lock'), 0o644);
    const refused = [
      { path: held },
      { path: join(folder, 'file') },
      { path: join(folder, 'a.sock') },
      { path: join(folder, 'missing', 'app.sock') },
      { path: join(folder, 'b.sock'), socketOptions: { SO_BINDTODEVICE: 'nosuchdevice' } },
      { path: '\0exactbind', socketOptions: { SO_REUSEPORT: true } },
    ];
    for (const options of refused) refusalOf(() => new BoundSocket(options));
    leavesNothing(() => {
      for (let i = 0; i < 20; i++) for (const options of refused) refusalOf(() => new BoundSocket(options));
    });
    expect(readdirSync(folder).sort()).toEqual(['a.sock.lock', 'file', 'held.sock']);
  });

  it('are as many as before after 200 sockets that came and went', () => {
    const path = join(ownFolder(), 'app.sock');
    leavesNothing(() => {
      for (let i = 0; i < 200; i++) new BoundSocket({ path }).close();
    });
  });

  it('of a server are closed with it', async () => {
    const path = join(ownFolder(), 'app.sock');
    const before = openSockets();
    const server = createServer();
    await listen(server, { path });
    expect(openSockets().length).toBe(before.length + 1);
    await closing(server);
    await expect.poll(openSockets).toEqual(before);
  });

  it('are none that a child has', async () => {
    const path = join(ownFolder(), 'app.sock');
    const before = new Set(openSockets());
    using bound = new BoundSocket({ path });
    const ours = openSockets().filter((socket) => !before.has(socket));
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    onTestFinished(() => void child.kill());
    await once(child, 'spawn');
    expect(ours.length).toBe(1);
    expect(openSockets(child.pid).filter((socket) => ours.includes(socket))).toEqual([]);
    expect(bound.isPipe).toBe(true);
  });

  it('that were closed underneath are not adopted', async () => {
    const path = join(ownFolder(), 'app.sock');
    const { code } = (await lines<{ code: string }>([fixture('unix/underneath.cjs'), path]))[0] ?? {};
    expect(code).toBe('EBADF');
  });
});

describe('the mode', () => {
  it('keeps others from connecting', async () => {
    needs('another user');
    const folder = ownFolder(0o755);
    const path = join(folder, 'app.sock');
    using bound = new BoundSocket({ path, mode: 0o600 });
    const client = new PathHolder();
    await client.become(NOBODY);
    expect(await client.connect(bound.address())).toEqual({ error: 'EACCES' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});
