// Bad input: a clear error with a code for each, and nothing left open.
// @module-tag node
// @module-tag sanitize
import dgram from 'node:dgram';
import { closeSync, fstatSync, openSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { type BindOptions, BoundSocket, bindUdp, listen } from 'exactbind';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Actor } from '../fixtures/actor.ts';
import { openSockets } from '../fixtures/descriptors.ts';
import { isLinux, isWindows } from '../fixtures/facts.ts';
import { needs } from '../fixtures/needs.ts';
import { closed } from '../fixtures/servers.ts';
import { describeOn, itOn } from '../fixtures/systems.ts';

let before: string[] = [];
beforeEach(() => {
  if (isLinux) before = openSockets();
});
afterEach(() => {
  if (isLinux) expect(openSockets()).toEqual(before);
});

const SHARING_OPTION = isWindows ? 'SO_EXCLUSIVEADDRUSE' : 'SO_REUSEADDR';

// What is asked, the code of the refusal, and a word that its message must have.
const TABLE: [options: unknown, code: string, word: string][] = [
  [null, 'ERR_INVALID_ARG_TYPE', 'options'],
  [3000, 'ERR_INVALID_ARG_TYPE', 'options'],
  [{ port: -1 }, 'ERR_SOCKET_BAD_PORT', '-1'],
  [{ port: 65536 }, 'ERR_SOCKET_BAD_PORT', '65536'],
  [{ port: '80x' }, 'ERR_SOCKET_BAD_PORT', '80x'],
  [{ port: '' }, 'ERR_SOCKET_BAD_PORT', "''"],
  [{ port: Number.NaN }, 'ERR_SOCKET_BAD_PORT', 'NaN'],
  [{ port: 1.5 }, 'ERR_SOCKET_BAD_PORT', '1.5'],
  [{ port: null }, 'ERR_SOCKET_BAD_PORT', 'null'],
  [{ host: '' }, 'ERR_INVALID_ARG_VALUE', 'options.host'],
  [{ host: 'not an ip' }, 'ERR_INVALID_ARG_VALUE', 'options.host'],
  [{ host: 'localhost' }, 'ERR_INVALID_ARG_VALUE', 'listen() also takes names'],
  [{ host: '127.0.0.1\0' }, 'ERR_INVALID_ARG_VALUE', 'options.host'],
  [{ host: 127 }, 'ERR_INVALID_ARG_TYPE', 'options.host'],
  [{ host: '127.0.0.1', ipv6Only: true }, 'ERR_INCOMPATIBLE_OPTION_PAIR', 'ipv6Only'],
  [{ ipv6Only: 1 }, 'ERR_INVALID_ARG_TYPE', 'options.ipv6Only'],
  [{ backlog: 0 }, 'ERR_OUT_OF_RANGE', 'options.backlog'],
  [{ backlog: 2 ** 31 }, 'ERR_OUT_OF_RANGE', 'options.backlog'],
  [{ backlog: '5' }, 'ERR_INVALID_ARG_TYPE', 'options.backlog'],
  [{ path: '/nowhere/socket', port: 0 }, 'ERR_INCOMPATIBLE_OPTION_PAIR', 'port'],
  [{ fd: 3 }, 'ERR_INVALID_ARG_VALUE', 'server.listen({ fd })'],
  [{ exclusive: true }, 'ERR_INVALID_ARG_VALUE', 'cluster'],
  [{ reusePort: true }, 'ERR_INVALID_ARG_VALUE', 'reuse-port'],
  [{ prot: 3000 }, 'ERR_INVALID_ARG_VALUE', 'options.prot'],
  [{ sharing: 'some' }, 'ERR_INVALID_ARG_VALUE', "'exclusive', 'reuse-address', 'reuse-port', 'raw'"],
  [{ sharing: true }, 'ERR_INVALID_ARG_VALUE', 'options.sharing'],
  [{ leftovers: 'keep' }, 'ERR_INVALID_ARG_VALUE', "'reuse', 'refuse'"],
  [{ leftovers: 'refuse', sharing: 'reuse-port' }, 'ERR_INCOMPATIBLE_OPTION_PAIR', 'leftovers'],
  [{ protocol: 'sctp' }, 'ERR_INVALID_ARG_VALUE', "'tcp', 'udp'"],
  [{ reserve: 'yes' }, 'ERR_INVALID_ARG_TYPE', 'options.reserve'],
  [{ socketOptions: 'SO_RCVBUF' }, 'ERR_INVALID_ARG_TYPE', 'options.socketOptions'],
  [{ socketOptions: new Map([['SO_RCVBUF', 1]]) }, 'ERR_INVALID_ARG_TYPE', 'options.socketOptions'],
  [{ socketOptions: { SO_RECVBUF: 1 } }, 'ERR_INVALID_ARG_VALUE', 'SO_RECVBUF'],
  [{ socketOptions: { toString: 1 } }, 'ERR_INVALID_ARG_VALUE', 'toString'],
  [{ socketOptions: { SO_RCVBUF: '1' } }, 'ERR_INVALID_ARG_TYPE', 'SO_RCVBUF'],
  [{ socketOptions: { SO_RCVBUF: 2 ** 31 } }, 'ERR_OUT_OF_RANGE', 'SO_RCVBUF'],
  [{ socketOptions: { SO_RCVBUF: 0.5 } }, 'ERR_OUT_OF_RANGE', 'SO_RCVBUF'],
  [{ socketOptions: { TCP_NODELAY: 1 } }, 'ERR_INVALID_ARG_TYPE', 'TCP_NODELAY'],
  [{ socketOptions: { SO_LINGER: 5 } }, 'ERR_INVALID_ARG_TYPE', 'SO_LINGER'],
  [{ socketOptions: { SO_LINGER: { onoff: true, linger: -1 } } }, 'ERR_OUT_OF_RANGE', 'SO_LINGER.linger'],
  [{ socketOptions: { IPV6_V6ONLY: true } }, 'ERR_INCOMPATIBLE_OPTION_PAIR', 'ipv6Only'],
  [{ socketOptions: { [SHARING_OPTION]: true } }, 'ERR_INCOMPATIBLE_OPTION_PAIR', SHARING_OPTION],
  [{ sharing: 'reuse-port', socketOptions: { SO_REUSEPORT: true } }, 'ERR_INCOMPATIBLE_OPTION_PAIR', 'SO_REUSEPORT'],
  // An address of TEST-NET-1, which no interface has.
  [{ host: '192.0.2.1' }, 'EADDRNOTAVAIL', '192.0.2.1'],
];

describe('new BoundSocket()', () => {
  it.each(TABLE)('%j → %s', (options, code, word) => {
    let error: Error & { code?: string };
    try {
      new BoundSocket(options as BindOptions).close();
      error = new Error('nothing was thrown');
    } catch (thrown) {
      error = thrown as Error;
    }
    expect(error.code).toBe(code);
    expect(error.message).toContain(word);
    expect(error.stack).toContain(error.message);
  });

  it('names the option that another system has', () => {
    const [name, elsewhere] = isWindows
      ? (['TCP_CORK', 'linux'] as const)
      : (['SO_EXCLUSIVEADDRUSE', 'windows'] as const);
    const value = { [name]: true };
    const attempt = () => new BoundSocket({ sharing: 'raw', socketOptions: value });
    expect(attempt).toThrow(expect.objectContaining({ code: 'ENOTSUP', option: name, errno: expect.any(Number) }));
    expect(attempt).toThrow(elsewhere);
  });

  itOn('linux')('names the option that the system refuses, and its call', () => {
    const attempt = () => new BoundSocket({ host: '127.0.0.1', socketOptions: { TCP_CONGESTION: 'none-such' } });
    expect(attempt).toThrow(
      expect.objectContaining({ code: 'ENOENT', syscall: 'setsockopt', option: 'TCP_CONGESTION' }),
    );
  });

  it('refuses an interface that is not there', () => {
    needs('IPv6');
    const attempt = () => new BoundSocket({ host: 'fe80::1%nowhere' });
    expect(attempt).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'bind', address: 'fe80::1%nowhere' }));
  });
});

describe('listen() and bindUdp()', () => {
  it.each([
    [{}, { port: 0 }, 'ERR_INVALID_ARG_TYPE'],
    [new http.Agent(), { port: 0 }, 'ERR_INVALID_ARG_TYPE'],
    [createServer(), '80x', 'ERR_SOCKET_BAD_PORT'],
    [createServer(), undefined, 'ERR_SOCKET_BAD_PORT'],
    [createServer(), { port: 0, host: '' }, 'ERR_INVALID_ARG_VALUE'],
    [createServer(), { port: 0, host: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [createServer(), { port: 0, protocol: 'udp' }, 'ERR_INVALID_ARG_VALUE'],
    [createServer(), { port: 0, reserve: true }, 'ERR_INVALID_ARG_VALUE'],
    [createServer(), { port: 0, signal: 'stop' }, 'ERR_INVALID_ARG_TYPE'],
    [createServer(), { path: '/nowhere/socket', port: 0 }, 'ERR_INCOMPATIBLE_OPTION_PAIR'],
  ])('listen(%o, %j) → %s', async (server, options, code) => {
    await expect(listen(server as never, options as never)).rejects.toMatchObject({ code });
  });

  it('bindUdp() refuses what is no dgram.Socket, another family and another protocol', async () => {
    await expect(bindUdp({} as never, 0)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    const socket = dgram.createSocket('udp4');
    await expect(bindUdp(socket, { port: 0, host: '::1' })).rejects.toMatchObject({
      code: 'ERR_INCOMPATIBLE_OPTION_PAIR',
    });
    await expect(bindUdp(socket, { port: 0, protocol: 'tcp' })).rejects.toMatchObject({
      code: 'ERR_INCOMPATIBLE_OPTION_PAIR',
    });
    await expect(bindUdp(socket, { port: 0, host: '' })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    using tcp = new BoundSocket({ port: 0, host: '127.0.0.1' });
    await expect(bindUdp(socket, tcp)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    expect(tcp.address().port).toBeGreaterThan(0);
    await expect(bindUdp(socket, { port: 0, host: '192.0.2.1' })).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
    using udp = new BoundSocket({ port: 0, host: '127.0.0.1', protocol: 'udp' });
    expect(() => createServer().listen(udp)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
    socket.close();
  });

  it('leave nothing open where the server or the socket was quicker', async () => {
    const server = createServer();
    const both = [0, 1].map(() => listen(server, { port: 0, host: '127.0.0.1' }));
    const results = await Promise.allSettled(both);
    expect(results).toMatchObject([{ status: 'fulfilled' }, { reason: { code: 'ERR_SERVER_ALREADY_LISTEN' } }]);
    await closed(server);

    const socket = dgram.createSocket('udp4');
    const twice = await Promise.allSettled([0, 1].map(() => bindUdp(socket, { port: 0, host: '127.0.0.1' })));
    expect(twice).toMatchObject([{ status: 'fulfilled' }, { reason: { code: 'ERR_SOCKET_ALREADY_BOUND' } }]);
    const bound = new BoundSocket({ port: 0, host: '127.0.0.1', protocol: 'udp' });
    await expect(bindUdp(socket, bound)).rejects.toMatchObject({ code: 'ERR_SOCKET_ALREADY_BOUND' });
    expect(bound.address().port).toBeGreaterThan(0);
    bound.close();
    socket.close();
  });

  it('leave nothing open when they are aborted during the lookup', async () => {
    const options = () => {
      const controller = new AbortController();
      queueMicrotask(() => controller.abort());
      return { port: 0, host: 'localhost', signal: controller.signal };
    };
    await expect(listen(createServer(), options())).rejects.toMatchObject({ code: 'ABORT_ERR' });
    const socket = dgram.createSocket('udp4');
    await expect(bindUdp(socket, options())).rejects.toMatchObject({ code: 'ABORT_ERR' });
    socket.close();
  });
});

describeOn('linux')('a descriptor that another handle of Node has opened', () => {
  it('is EEXIST, and the handle that was made for it is closed', async () => {
    const report = () => process.report?.getReport() as unknown as { libuv: { type: string }[] };
    const handles = () => report().libuv.filter(({ type }) => type === 'tcp').length;
    const count = handles();
    const bound = new BoundSocket({ port: 0, host: '127.0.0.1' });
    const thief = createServer().listen({ fd: bound.fd() });
    expect(() => createServer().listen(bound)).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    await closed(thief);
    // libuv forgets a closed handle at the end of the loop's next turn.
    await setImmediate();
    await setImmediate();
    expect(handles()).toBe(count);
    expect(() => bound.close()).not.toThrow();
  });
});

describeOn('linux')('a descriptor that was closed underneath', () => {
  const reopened = (bound: BoundSocket) => {
    const fd = bound.fd();
    closeSync(fd);
    return fd;
  };

  const gone = { code: 'ERR_SOCKET_HANDLE_ADOPTED' };

  it('is EBADF for every use, and given up when that shows at the hand-over', () => {
    const bound = new BoundSocket({ port: 0, host: '127.0.0.1' });
    reopened(bound);
    expect(() => bound.address()).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(() => bound.getOption('SO_RCVBUF')).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(() => createServer().listen(bound)).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(() => bound.close()).toThrow(expect.objectContaining(gone));
  });

  it('is not handed over as the file that has its number now', () => {
    const bound = new BoundSocket({ port: 0, host: '127.0.0.1' });
    const fd = reopened(bound);
    const file = openSync('/dev/null', 'r');
    expect(file).toBe(fd);
    expect(() => createServer().listen(bound)).toThrow(expect.objectContaining({ code: 'ENOTSOCK' }));
    expect(() => bound.close()).toThrow(expect.objectContaining(gone));
    // Nor is it closed as if it were ours.
    expect(fstatSync(file).isCharacterDevice()).toBe(true);
    closeSync(file);
  });

  it('is not handed over as the unbound socket that has its number now: Node would listen on a random port', () => {
    const bound = new BoundSocket({ port: 0, host: '127.0.0.1' });
    const { port } = bound.address();
    const fd = reopened(bound);
    using other = new BoundSocket({ port: 0, host: '127.0.0.1' });
    expect(other.fd()).toBe(fd);
    expect(() => createServer().listen(bound)).toThrow(expect.objectContaining({ code: 'EBADF', port }));
  });
});

describeOn('linux')('a privileged port', () => {
  needs('another user', 'a privileged port');

  it('is EACCES for an ordinary user', async () => {
    const other = new Actor();
    await other.become(65534);
    expect(await other.open({ host: '127.0.0.1', port: 80 })).toEqual({ error: 'EACCES', syscall: 'bind' });
    await other.end();

    process.seteuid?.(65534);
    try {
      const attempt = () => new BoundSocket({ host: '127.0.0.1', port: 80 });
      expect(attempt).toThrow(
        expect.objectContaining({ code: 'EACCES', syscall: 'bind', address: '127.0.0.1', port: 80 }),
      );
    } finally {
      process.seteuid?.(0);
    }
  });
});
