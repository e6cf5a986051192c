// A Unix socket: bound, served, told, and its file removed while it is its own.
// @module-tag node
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { BoundSocket, bindUdp, inspectPort, inspectPortSync, listen, waitForPort } from 'exactbind';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fixture, lines } from '../fixtures/register/run.ts';
import { describeOn, itOn } from '../fixtures/systems.ts';
import { leaveFile, ownFolder, PathHolder } from '../fixtures/unix/holder.ts';

const modeOf = (path: string) => statSync(path).mode & 0o777;

/** What whoever connects is sent. */
async function answerAt(path: string): Promise<string> {
  const client = net.connect(path);
  const [data] = await once(client, 'data');
  client.destroy();
  return String(data);
}

const answering = (text: string) => {
  const server = createServer((socket) => socket.end(text));
  onTestFinished(() => void server.close());
  return server;
};

const closing = (server: Server) => new Promise((resolve) => server.close(resolve));

function thrown(run: () => unknown): NodeJS.ErrnoException & { heldBy?: string; remedy?: string } {
  try {
    run();
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
  throw new Error('nothing was thrown');
}

describeOn('linux', 'darwin')('listen({ path })', () => {
  it('gives the path, serves there, and removes the file when the server closes', async () => {
    const folder = ownFolder();
    const path = join(folder, 'app.sock');
    const server = answering('ours');
    expect(await listen(server, { path })).toBe(path);
    expect(server.address()).toBe(path);
    expect(await answerAt(path)).toBe('ours');
    expect(readdirSync(folder)).toEqual(['app.sock']);
    await closing(server);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('serves http', async () => {
    const path = join(ownFolder(), 'app.sock');
    const server = http.createServer((_, response) => response.end('over http'));
    onTestFinished(() => void server.close());
    await listen(server, { path });
    const [response] = await once(http.get({ socketPath: path, path: '/' }), 'response');
    expect(await response.setEncoding('utf8').toArray()).toEqual(['over http']);
  });

  it.each([0o600, 0o666, 0o000])('sets the mode %o, whatever the umask', async (mode) => {
    const path = join(ownFolder(), 'app.sock');
    await listen(answering(''), { path, mode });
    expect(modeOf(path)).toBe(mode);
  });

  it('leaves the mode to the umask where none is given', async () => {
    const path = join(ownFolder(), 'app.sock');
    const before = process.umask(0o027);
    onTestFinished(() => void process.umask(before));
    await listen(answering(''), { path });
    expect(modeOf(path)).toBe(0o750);
  });

  it('takes a relative path as Node does, and removes that file from another folder too', async () => {
    const folder = ownFolder();
    const before = process.cwd();
    onTestFinished(() => process.chdir(before));
    process.chdir(folder);
    const server = answering('relative');
    expect(await listen(server, { path: 'app.sock' })).toBe('app.sock');
    expect(server.address()).toBe('app.sock');
    process.chdir(before);
    await closing(server);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('waits until the holder has gone', async () => {
    const path = join(ownFolder(), 'app.sock');
    const holder = new PathHolder();
    await holder.bind(path);
    const server = answering('the next');
    const listening = listen(server, { path, wait: 20_000 });
    await holder.end();
    expect(await listening).toBe(path);
    expect(await answerAt(path)).toBe('the next');
  });

  it('ends its wait when the time is up, and when a signal is aborted', async () => {
    const path = join(ownFolder(), 'app.sock');
    const holder = new PathHolder();
    await holder.bind(path);
    const error = await listen(answering(''), { path, wait: 60 }).catch((refusal) => refusal);
    expect(error).toMatchObject({ code: 'EADDRINUSE', address: path, syscall: 'listen' });
    expect(error.message).toMatch(/pid \d+.*; waited 60 ms$/);
    const controller = new AbortController();
    const waiting = listen(answering(''), { path, wait: { signal: controller.signal } });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('closes the server, and with it the file, when its signal is aborted', async () => {
    const path = join(ownFolder(), 'app.sock');
    const controller = new AbortController();
    const server = answering('');
    await listen(server, { path, signal: controller.signal });
    controller.abort();
    await once(server, 'close');
    expect(existsSync(path)).toBe(false);
  });

  it("emits 'error' on a server that listens for it, and names the holder", async () => {
    const path = join(ownFolder(), 'app.sock');
    const holder = new PathHolder();
    await holder.bind(path);
    const server = answering('');
    const emitted = once(server, 'error');
    const refusal = await listen(server, { path }).catch((error) => error);
    expect((await emitted)[0]).toBe(refusal);
    expect(refusal).toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', address: path, port: -1 });
    expect(refusal.heldBy).toContain(`(pid ${holder.process.pid}, `);
    expect(refusal.heldBy).toMatch(new RegExp(`listening on ${path}$`));
    expect(refusal.report).toMatchObject({ path, verdict: 'listening', bindable: { exclusive: false } });
    expect(refusal.report.holders).toMatchObject([{ pid: holder.process.pid, path, state: 'LISTEN', self: false }]);
  });

  it('is a socket of its own in each cluster worker, and only one of them has it', async () => {
    const path = join(ownFolder(), 'app.sock');
    expect(await lines([fixture('unix/workers.cjs'), path])).toEqual([
      { address: path, told: path },
      { code: 'EADDRINUSE' },
    ]);
  });
});

describeOn('linux', 'darwin')('new BoundSocket({ path })', () => {
  it('listens from construction on, with the members of a BoundSocket', () => {
    const path = join(ownFolder(), 'app.sock');
    using bound = new BoundSocket({ path });
    expect(bound.isPipe).toBe(true);
    expect('isPipe' in BoundSocket.prototype).toBe(true);
    expect(bound.address()).toBe(path);
    expect(bound.fd()).toBeGreaterThan(2);
    expect(bound).toMatchObject({ outcome: 'clean', exclusivity: 'full', caveat: undefined });
    bound.setOption('SO_SNDBUF', 16_384);
    expect(bound.getOption('SO_SNDBUF')).toBeGreaterThanOrEqual(16_384);
    using port = new BoundSocket({ port: 0, host: '127.0.0.1' });
    expect(port.isPipe).toBe(false);
    expect((port.address() satisfies AddressInfo).port).toBeGreaterThan(0);
  });

  it('takes connections before a server adopts it, which gets them', async () => {
    const path = join(ownFolder(), 'app.sock');
    const bound = new BoundSocket({ path });
    const client = new PathHolder();
    const read = client.connect(path, true);
    const server = answering('adopted').listen(bound);
    await once(server, 'listening');
    expect(server.address()).toBe(path);
    expect(await read).toEqual({ text: 'adopted' });
    expect(() => bound.address()).toThrow(expect.objectContaining({ code: 'ERR_SOCKET_HANDLE_ADOPTED' }));
    await closing(server);
    expect(existsSync(path)).toBe(false);
  });

  it('sets options before bind, and the backlog', async () => {
    const path = join(ownFolder(), 'app.sock');
    using bound = new BoundSocket({ path, backlog: 7, socketOptions: { SO_RCVBUF: 32_768 } });
    expect(bound.getOption('SO_RCVBUF')).toBeGreaterThanOrEqual(32_768);
    expect(thrown(() => bound.setOption('SO_REUSEADDR', true)).code).toBe('ERR_INCOMPATIBLE_OPTION_PAIR');
  });

  it('removes its file when it is closed, and closes once', () => {
    const folder = ownFolder();
    const bound = new BoundSocket({ path: join(folder, 'app.sock') });
    bound.close();
    expect(readdirSync(folder)).toEqual([]);
    expect(thrown(() => bound.close()).code).toBe('ERR_SOCKET_HANDLE_ADOPTED');
  });

  it('is detached with its file, which the next start replaces once it is closed', async () => {
    const path = join(ownFolder(), 'app.sock');
    const bound = new BoundSocket({ path });
    const server = answering('by its descriptor').listen({ fd: bound.detach() });
    await once(server, 'listening');
    expect(await answerAt(path)).toBe('by its descriptor');
    expect(thrown(() => new BoundSocket({ path })).code).toBe('EADDRINUSE');
    await closing(server);
    expect(existsSync(path)).toBe(true);
    using next = new BoundSocket({ path });
    expect(next.outcome).toBe('over-leftovers');
  });

  it('is handed to a server once more after a server that listened already has refused it', async () => {
    const path = join(ownFolder(), 'app.sock');
    const busy = answering('');
    await listen(busy, { port: 0, host: '127.0.0.1' });
    const bound = new BoundSocket({ path });
    await expect(listen(busy, bound)).rejects.toMatchObject({ code: 'ERR_SERVER_ALREADY_LISTEN' });
    const server = answering('after all');
    expect((await listen(server, bound)) satisfies string).toBe(path);
    expect(await answerAt(path)).toBe('after all');
  });
});

describeOn('linux', 'darwin')('the file of a socket', () => {
  it('is replaced where nobody listens any more', async () => {
    const path = join(ownFolder(), 'app.sock');
    await leaveFile(path);
    using bound = new BoundSocket({ path });
    expect(bound.outcome).toBe('over-leftovers');
    const client = new PathHolder();
    expect(await client.connect(path)).toEqual({ text: '' });
  });

  it('stays when the process ends without close(), and the next one replaces it', async () => {
    const path = join(ownFolder(), 'app.sock');
    const script = `
      const { BoundSocket } = require('exactbind');
      const bound = new BoundSocket({ path: ${JSON.stringify(path)} });
      console.log(JSON.stringify(bound.outcome));
      process.exit();`;
    expect(await lines(['-e', script])).toEqual(['clean']);
    expect(existsSync(path)).toBe(true);
    expect(await lines(['-e', script])).toEqual(['over-leftovers']);
  });

  it('is not removed by close() once it is a successor’s', async () => {
    const path = join(ownFolder(), 'app.sock');
    const server = answering('old');
    await listen(server, { path });
    unlinkSync(path);
    const successor = new PathHolder();
    expect(await successor.bind(path)).toHaveProperty('id');
    await closing(server);
    expect(await successor.connect(path)).toEqual({ text: '' });
    expect(existsSync(path)).toBe(true);
  });

  it('is not looked for where it was moved to', async () => {
    const folder = ownFolder();
    const server = answering('');
    await listen(server, { path: join(folder, 'app.sock') });
    renameSync(join(folder, 'app.sock'), join(folder, 'moved.sock'));
    await closing(server);
    expect(readdirSync(folder)).toEqual(['moved.sock']);
  });

  it('of somebody who listens is his, whatever its name became', async () => {
    const folder = ownFolder();
    const holder = new PathHolder();
    await holder.bind(join(folder, 'his.sock'));
    renameSync(join(folder, 'his.sock'), join(folder, 'app.sock'));
    expect(thrown(() => new BoundSocket({ path: join(folder, 'app.sock') })).code).toBe('EADDRINUSE');
    expect(await holder.connect(join(folder, 'app.sock'))).toEqual({ text: '' });
  });
});

const KINDS: readonly (readonly [kind: string, words: string, make: (path: string, folder: string) => unknown])[] = [
  ['a regular file', 'a regular file', (path) => writeFileSync(path, 'precious')],
  ['a folder', 'a folder', (path) => mkdirSync(path)],
  ['a link to nothing', 'a symbolic link', (path, folder) => symlinkSync(join(folder, 'nothing'), path)],
  [
    'a link to a file',
    'a symbolic link',
    (path, folder) => {
      writeFileSync(join(folder, 'target'), 'precious');
      symlinkSync(join(folder, 'target'), path);
    },
  ],
  [
    'a link to a leftover',
    'a symbolic link',
    async (path, folder) => {
      await leaveFile(join(folder, 'left.sock'));
      symlinkSync(join(folder, 'left.sock'), path);
    },
  ],
];

const contents = (folder: string) =>
  readdirSync(folder, { withFileTypes: true }).map((entry) => [
    entry.name,
    entry.isFile() ? readFileSync(join(folder, entry.name), 'utf8') : '',
  ]);

describeOn('linux', 'darwin')('what is no socket', () => {
  it.each(KINDS)('is never replaced: %s', async (_, words, make) => {
    const folder = ownFolder();
    const path = join(folder, 'app.sock');
    await make(path, folder);
    const before = contents(folder);
    const error = thrown(() => new BoundSocket({ path, mode: 0o666 }));
    expect(error).toMatchObject({ code: 'EADDRINUSE', address: path });
    expect(error.heldBy).toBe(`${path} is ${words}, which is never replaced`);
    expect(error.remedy).toBe('choose another path, or remove what is there');
    expect(contents(folder)).toEqual(before);
    expect(await inspectPort({ path })).toMatchObject({ verdict: 'denied', bindable: { exclusive: false } });
  });
});

describeOn('linux', 'darwin')('the lock beside it', () => {
  it('is waited for, and then the refusal says who is starting there', async () => {
    const folder = ownFolder();
    const path = join(folder, 'app.sock');
    const other = new PathHolder();
    await other.lock(`${path}.lock`);
    const began = performance.now();
    const error = thrown(() => new BoundSocket({ path }));
    expect(performance.now() - began).toBeGreaterThanOrEqual(990);
    expect(error.code).toBe('EADDRINUSE');
    expect(error.message).toContain(`another process is starting there: it kept ${path}.lock locked for 1000 ms`);
    await other.unlock();
    using bound = new BoundSocket({ path });
    expect(bound.address()).toBe(path);
    expect(readdirSync(folder)).toEqual(['app.sock']);
  });

  it('of a starter that was killed is no obstacle', async () => {
    const folder = ownFolder();
    const path = join(folder, 'app.sock');
    const other = new PathHolder();
    await other.lock(`${path}.lock`);
    await other.end();
    using bound = new BoundSocket({ path });
    expect(bound.address()).toBe(path);
    expect(readdirSync(folder)).toEqual(['app.sock']);
  });

  it.each([0o644, 0o620])('is none if others can open it (%o)', (mode) => {
    const folder = ownFolder();
    const path = join(folder, 'app.sock');
    writeFileSync(`${path}.lock`, '');
    chmodSync(`${path}.lock`, mode);
    const error = thrown(() => new BoundSocket({ path }));
    expect(error.code).toBe('EADDRINUSE');
    expect(error.message).toContain(`${path}.lock is no lock of this package`);
    expect(readdirSync(folder)).toEqual(['app.sock.lock']);
  });

  it('is never opened through a symbolic link', () => {
    const folder = ownFolder();
    const path = join(folder, 'app.sock');
    symlinkSync(join(folder, 'elsewhere'), `${path}.lock`);
    expect(thrown(() => new BoundSocket({ path })).code).toBe('ELOOP');
    expect(readdirSync(folder)).toEqual(['app.sock.lock']);
  });

  it('keeps close() from removing the file for a tenth of a second, and then a warning says that it stays', async () => {
    const path = join(ownFolder(), 'app.sock');
    const bound = new BoundSocket({ path });
    const other = new PathHolder();
    await other.lock(`${path}.lock`);
    const warning = once(process, 'warning');
    bound.close();
    expect((await warning)[0]).toMatchObject({ code: 'EXACTBIND_SOCKET_FILE' });
    expect(existsSync(path)).toBe(true);
    await other.unlock();
    using next = new BoundSocket({ path });
    expect(next.outcome).toBe('over-leftovers');
  });
});

describeOn('linux', 'darwin')('a folder', () => {
  it.each([
    [0o700, 'full'],
    [0o755, 'full'],
    [0o777, 'partial'],
    [0o775, 'partial'],
    [0o1777, 'full'],
  ])('of mode %o makes it %s', (mode, exclusivity) => {
    const folder = ownFolder(mode);
    using bound = new BoundSocket({ path: join(folder, 'app.sock') });
    expect(bound.exclusivity).toBe(exclusivity);
    if (exclusivity === 'partial') expect(bound.caveat).toContain(`others can write to ${folder}`);
  });

  it('that others can write to is seen above it too', () => {
    const above = ownFolder(0o777);
    const folder = join(above, 'ours');
    mkdirSync(folder, { mode: 0o700 });
    using bound = new BoundSocket({ path: join(folder, 'app.sock') });
    expect(bound.caveat).toContain(`others can write to ${above},`);
  });

  it('that is missing is said', async () => {
    const folder = join(ownFolder(), 'missing');
    const path = join(folder, 'app.sock');
    expect(thrown(() => new BoundSocket({ path }))).toMatchObject({ code: 'ENOENT', syscall: 'bind', address: path });
    expect(await inspectPort({ path })).toMatchObject({
      verdict: 'denied',
      reason: `no folder ${folder}`,
      remedy: 'make that folder first',
    });
  });
});

describe('the options of a path', () => {
  it.each([
    ['port', 0],
    ['host', '127.0.0.1'],
    ['ipv6Only', false],
    ['sharing', 'exclusive'],
    ['leftovers', 'reuse'],
    ['reserve', true],
    ['guard', true],
    ['protocol', 'tcp'],
  ])('go with no %s', (name, value) => {
    const options = { path: '/nowhere/app.sock', [name]: value } as { path: string };
    expect(thrown(() => new BoundSocket(options)).code).toBe('ERR_INCOMPATIBLE_OPTION_PAIR');
  });

  it('are none of bindUdp() and waitForPort()', async () => {
    const { createSocket } = await import('node:dgram');
    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());
    const path = '/nowhere/app.sock';
    await expect(bindUdp(socket, { path } as never)).rejects.toMatchObject({ code: 'ERR_INCOMPATIBLE_OPTION_PAIR' });
    await expect(waitForPort({ path } as never, { until: 'free' })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await expect(inspectPort({ path, port: 80 } as never)).rejects.toMatchObject({
      code: 'ERR_INCOMPATIBLE_OPTION_PAIR',
    });
  });

  it.each<[value: unknown, code: string]>([
    [7, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    ['', 'ERR_INVALID_ARG_VALUE'],
    ['/tmp/a\0b', 'ERR_INVALID_ARG_VALUE'],
  ])('refuse the path %j', (path, code) => {
    expect(thrown(() => new BoundSocket({ path } as never)).code).toBe(code);
    expect(thrown(() => inspectPortSync({ path } as never)).code).toBe(code);
  });

  itOn('linux', 'darwin').each<[value: unknown, code: string]>([
    ['0600', 'ERR_INVALID_ARG_TYPE'],
    [-1, 'ERR_OUT_OF_RANGE'],
    [0o1000, 'ERR_OUT_OF_RANGE'],
    [0.5, 'ERR_OUT_OF_RANGE'],
  ])('refuse the mode %j', (mode, code) => {
    expect(thrown(() => new BoundSocket({ path: '/nowhere/app.sock', mode } as never)).code).toBe(code);
  });

  it('have a mode only with a path', () => {
    expect(thrown(() => new BoundSocket({ port: 0, mode: 0o600 } as never)).code).toBe('ERR_INVALID_ARG_VALUE');
  });

  itOn('linux', 'darwin')('refuse a path that has no room, before anything is made', () => {
    const room = process.platform === 'linux' ? 107 : 103;
    const folder = ownFolder();
    const longest = join(folder, 'x'.repeat(room - folder.length - 1));
    new BoundSocket({ path: longest }).close();
    const error = thrown(() => new BoundSocket({ path: `${longest}x` }));
    expect(error).toMatchObject({ code: 'ENAMETOOLONG', syscall: 'bind', address: `${longest}x`, port: -1 });
    // In bytes.
    expect(thrown(() => new BoundSocket({ path: `${longest.slice(0, -1)}é` })).code).toBe('ENAMETOOLONG');
    expect(thrown(() => inspectPortSync({ path: `${longest}x` })).code).toBe('ENAMETOOLONG');
    expect(readdirSync(folder)).toEqual([]);
  });
});

describeOn('linux', 'darwin')('inspectPort({ path })', () => {
  it('says that a path is free, and that somebody listens there', async () => {
    const path = join(ownFolder(), 'app.sock');
    const free = { path, verdict: 'free', bindable: { exclusive: true }, holders: [] };
    expect(await inspectPort({ path })).toEqual(free);
    expect(inspectPortSync({ path })).toEqual(free);
    using bound = new BoundSocket({ path });
    const report = await inspectPort({ path: bound.address() });
    expect(report).toMatchObject({ path, verdict: 'listening', bindable: { exclusive: false } });
    expect(report.holders).toMatchObject([{ pid: process.pid, self: true, sameProgram: true, path, state: 'LISTEN' }]);
    expect(inspectPortSync({ path }).verdict).toBe('listening');
  });

  it('makes no connection, and so cannot judge the file of a socket without a visible holder', async () => {
    const path = join(ownFolder(), 'app.sock');
    await leaveFile(path);
    const report = await inspectPort({ path });
    expect(report).toMatchObject({ verdict: 'unknown', bindable: { exclusive: null }, holders: [] });
    expect(report.reason).toContain('listen() asks by a connection, and replaces it if that is refused');
    expect(existsSync(path)).toBe(true);
  });
});

describeOn('darwin')('an abstract name', () => {
  it('is one of Linux', () => {
    expect(thrown(() => new BoundSocket({ path: '\0exactbind' }))).toMatchObject({ code: 'ENOTSUP', option: 'path' });
  });
});
