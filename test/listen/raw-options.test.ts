// getOption() and its kin on every socket that Node has, and what they say where there is none.
// @module-tag node
// @module-tag windows
// @module-tag sanitize
import { execFileSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import net, { type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import {
  type AnySocket,
  BoundSocket,
  constants,
  getOption,
  getPeerCredentials,
  getRawOption,
  getTcpInfo,
  isSupported,
  setOption,
  setRawOption,
} from 'exactbind';
import { afterEach, describe, expect, it } from 'vitest';
import { isLinux, isWindows, isWine, quiet } from '../fixtures/facts.ts';
import { closed, SERVER_KINDS, trusting } from '../fixtures/servers.ts';
import { OPTION_KINDS, type OpenKind, type OptionKind, openKind } from '../fixtures/socket-kinds.ts';
import { itOn, itWhere } from '../fixtures/systems.ts';

const opened: OpenKind[] = [];
afterEach(() => Promise.all(opened.splice(0).map((kind) => kind.close())));

async function open(kind: OptionKind): Promise<OpenKind> {
  const made = await openKind(kind);
  opened.push(made);
  return made;
}

const { SOL_SOCKET = -1, SO_LINGER = -1, SO_KEEPALIVE = -1, SO_RCVBUF = -1 } = constants;

describe('a socket', () => {
  it.each(OPTION_KINDS)('of Node has options: %s', async (kind) => {
    const { socket } = await open(kind);
    const before = getOption(socket, 'SO_RCVBUF');
    expect(before).toBeGreaterThan(0);
    setOption(socket, 'SO_RCVBUF', 20_000);
    expect(getOption(socket, 'SO_RCVBUF')).toBe(isLinux ? 40_000 : 20_000);
    expect(getOption(socket, 'SO_TYPE')).toBe(kind.startsWith('udp') ? constants.SOCK_DGRAM : constants.SOCK_STREAM);
  });

  it.each(SERVER_KINDS)('is that of a $kind server', async ({ make }) => {
    const server = make().listen({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    if (!isWine) expect(getOption(server, 'SO_ACCEPTCONN')).toBe(true);
    setOption(server, 'SO_LINGER', { onoff: true, linger: 4 });
    expect(getOption(server, 'SO_LINGER')).toEqual({ onoff: true, linger: 4 });
    await closed(server);
  });

  it('is that of both ends of an encrypted connection', async () => {
    const { make } = SERVER_KINDS.find(({ kind }) => kind === 'tls') as (typeof SERVER_KINDS)[number];
    const server = make().listen({ port: 0, host: '127.0.0.1' });
    const accepted = once(server, 'secureConnection') as Promise<[tls.TLSSocket]>;
    await once(server, 'listening');
    const client = tls.connect({ ...trusting, port: (server.address() as AddressInfo).port });
    client.resume();
    const [[peer]] = await Promise.all([accepted, once(client, 'secureConnect')]);
    for (const socket of [client, peer]) {
      setOption(socket, 'SO_LINGER', { onoff: true, linger: 2 });
      expect(getOption(socket, 'SO_LINGER').linger).toBe(2);
    }
    client.destroy();
    peer.destroy();
    await closed(server);
  });

  it('is that of a BoundSocket, with its rules about sharing', () => {
    for (const protocol of ['tcp', 'udp'] as const) {
      using bound = new BoundSocket({ port: 0, host: '127.0.0.1', protocol, ...quiet });
      setOption(bound, 'SO_RCVBUF', 20_000);
      expect(getOption(bound, 'SO_RCVBUF')).toBe(bound.getOption('SO_RCVBUF'));
      expect(getRawOption(bound, SOL_SOCKET, SO_RCVBUF, 4).readInt32LE()).toBe(bound.getOption('SO_RCVBUF'));
      expect(() => setOption(bound, 'SO_REUSEADDR', true)).toThrow(
        expect.objectContaining({ code: 'ERR_INCOMPATIBLE_OPTION_PAIR' }),
      );
    }
  });

  itOn('linux', 'darwin')('is a descriptor', () => {
    using bound = new BoundSocket({ port: 0, host: '127.0.0.1', ...quiet });
    setOption(bound.fd(), 'SO_LINGER', { onoff: true, linger: 9 });
    expect(bound.getOption('SO_LINGER').linger).toBe(9);
  });

  it('is its own among many that are alike', async () => {
    const sockets = Array.from({ length: 20 }, () => dgram.createSocket({ type: 'udp4', reuseAddr: true }));
    const [first, ...others] = sockets as [dgram.Socket, ...dgram.Socket[]];
    await once(first.bind(0, '127.0.0.1'), 'listening');
    for (const socket of others) await once(socket.bind(first.address().port, '127.0.0.1'), 'listening');
    for (const [index, socket] of sockets.entries()) {
      if (index % 2 === 1) socket.unref();
      setOption(socket, 'IP_TTL', 10 + index);
    }
    expect(sockets.map((socket) => getOption(socket, 'IP_TTL'))).toEqual(sockets.map((_, index) => 10 + index));
    for (const socket of sockets) socket.close();
  });

  it('is found in a worker thread', async () => {
    const code = `
      import(${JSON.stringify(new URL('../../dist/index.mjs', import.meta.url).href)}).then(({ getOption, setOption }) => {
        const net = require('node:net');
        const { parentPort } = require('node:worker_threads');
        const server = net.createServer().listen(0, '127.0.0.1', () => {
          const client = net.connect(server.address().port, '127.0.0.1', () => {
            setOption(client, 'SO_LINGER', { onoff: true, linger: 6 });
            setOption(server, 'SO_LINGER', { onoff: true, linger: 7 });
            parentPort.postMessage([client, server].map((socket) => getOption(socket, 'SO_LINGER').linger));
            client.destroy();
            server.close();
          });
        });
      });`;
    const worker = new Worker(code, { eval: true });
    const [answer] = await once(worker, 'message');
    expect(answer).toEqual([6, 7]);
    await worker.terminate();
  });
});

const refused = (code: string, more: object = {}) => expect.objectContaining({ code, ...more });

describe('no socket', () => {
  const noHandle = (message: string) =>
    refused('ERR_SOCKET_NO_HANDLE', { message: expect.stringContaining(message) as string });
  const reading = (socket: AnySocket) => () => getOption(socket, 'SO_RCVBUF');

  it('is there before it opens, and what opens it is said', async () => {
    expect(reading(new net.Socket())).toThrow(noHandle('connect({ port, host, socketOptions })'));
    expect(reading(net.createServer())).toThrow(noHandle('listen(server, { port, socketOptions })'));
    const unbound = dgram.createSocket('udp4');
    expect(reading(unbound)).toThrow(noHandle('bindUdp(socket, { port, socketOptions })'));
    unbound.close();
    const { socket } = await open('listener4');
    const connecting = net.connect(((socket as net.Server).address() as AddressInfo).port, '127.0.0.1');
    expect(reading(connecting)).toThrow(noHandle('connect({ port, host, socketOptions })'));
    await once(connecting, 'connect');
    connecting.destroy();
    expect(reading(connecting)).toThrow(noHandle('it is destroyed'));
  });

  it('is there after it closed', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    await closed(server);
    expect(reading(server)).toThrow(refused('ERR_SOCKET_NO_HANDLE'));
    const bound = new BoundSocket({ port: 0, host: '127.0.0.1', ...quiet });
    bound.close();
    expect(reading(bound)).toThrow(refused('ERR_SOCKET_HANDLE_ADOPTED'));
    const socket = dgram.createSocket('udp4');
    await once(socket.bind(0, '127.0.0.1'), 'listening');
    socket.close();
    expect(reading(socket)).toThrow(refused('ERR_SOCKET_NO_HANDLE'));
  });

  it('is in a cluster worker for what its primary holds', () => {
    const program = fileURLToPath(new URL('../fixtures/cluster/options.mjs', import.meta.url));
    const [shared, own] = JSON.parse(execFileSync(process.execPath, [program], { encoding: 'utf8' }));
    expect(shared).toMatchObject({
      code: 'ERR_SOCKET_NO_HANDLE',
      message: expect.stringContaining('the primary of this cluster holds it'),
    });
    expect(own).toBeGreaterThan(0);
  });

  itOn('windows')('is behind a named pipe', async () => {
    const server = net.createServer().listen(`\\\\.\\pipe\\exactbind-${process.pid}`);
    await once(server, 'listening');
    expect(reading(server)).toThrow(noHandle('a named pipe of Windows'));
    await closed(server);
  });

  itOn('linux', 'darwin')('is behind a file, which is not touched', () => {
    const folder = mkdtempSync(join(tmpdir(), 'exactbind-'));
    const file = openSync(join(folder, 'file'), 'w');
    expect(reading(file)).toThrow(refused('ENOTSOCK', { syscall: 'getsockopt', option: 'SO_RCVBUF' }));
    expect(() => setOption(file, 'SO_RCVBUF', 4096)).toThrow(refused('ENOTSOCK', { syscall: 'setsockopt' }));
    expect(reading(2 ** 31 - 1)).toThrow(refused('EBADF'));
    rmSync(folder, { recursive: true });
  });

  it.each([undefined, null, {}, '3', -1, 1.5, Number.NaN])('is %o', (value) => {
    expect(reading(value as never)).toThrow(refused('ERR_INVALID_ARG_TYPE'));
  });
});

describe('an option', () => {
  it.each<[string, unknown, string]>([
    ['TCP_NO_DELAY', true, 'ERR_INVALID_ARG_VALUE'],
    ['toString', true, 'ERR_INVALID_ARG_VALUE'],
    ['', true, 'ERR_INVALID_ARG_VALUE'],
    ['SO_RCVBUF SOL_SOCKET', 1, 'ERR_INVALID_ARG_VALUE'],
    ['IP_RECVTTL', true, 'ERR_INVALID_ARG_VALUE'],
    ['SO_TYPE', 1, 'ERR_INVALID_ARG_VALUE'],
    ['TCP_NODELAY', 1, 'ERR_INVALID_ARG_TYPE'],
    ['SO_RCVBUF', '4096', 'ERR_INVALID_ARG_TYPE'],
    ['SO_RCVBUF', -1, 'ERR_OUT_OF_RANGE'],
    ['SO_RCVBUF', 2 ** 31, 'ERR_OUT_OF_RANGE'],
    ['IP_TOS', 256, 'ERR_OUT_OF_RANGE'],
    ['IP_TTL', 1.5, 'ERR_OUT_OF_RANGE'],
    ['SO_LINGER', 5, 'ERR_INVALID_ARG_TYPE'],
    ['SO_RCVTIMEO', -1, 'ERR_OUT_OF_RANGE'],
  ])('%s set to %o is %s', async (name, value, code) => {
    const { socket } = await open('tcp4');
    expect(() => setOption(socket, name as never, value as never)).toThrow(refused(code));
  });

  it('that can only be set is not read', async () => {
    const { socket } = await open('udp4');
    for (const name of ['IP_ADD_MEMBERSHIP', 'IP_RECVTTL', 'x']) {
      expect(() => getOption(socket, name as never)).toThrow(refused('ERR_INVALID_ARG_VALUE'));
    }
  });

  it('of other systems is ENOTSUP, and says whose it is', async () => {
    const { socket } = await open('tcp4');
    const foreign = isWindows ? 'TCP_CORK' : 'SO_EXCLUSIVEADDRUSE';
    const message = expect.stringContaining(isWindows ? 'only on linux' : 'only on windows') as string;
    expect(isSupported(foreign)).toBe(false);
    expect(() => getOption(socket, foreign)).toThrow(
      refused('ENOTSUP', { option: foreign, syscall: 'getsockopt', message }),
    );
    const attempt = () => setOption(socket, foreign, true);
    expect(attempt).toThrow(refused('ENOTSUP', { option: foreign, syscall: 'setsockopt', message }));
  });

  it('that a kernel refuses is named', async () => {
    const { socket } = await open('udp4');
    const refusal = refused(expect.stringMatching(/^(ENOPROTOOPT|ENOTSUP|EINVAL)$/) as never, {
      option: 'TCP_NODELAY',
    });
    expect(() => getOption(socket, 'TCP_NODELAY')).toThrow(refusal);
  });

  it('by its numbers is bytes', async () => {
    const { socket } = await open('tcp4');
    setRawOption(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    expect(getOption(socket, 'SO_KEEPALIVE')).toBe(true);
    const linger = getRawOption(socket, SOL_SOCKET, SO_LINGER, 8);
    expect(linger).toBeInstanceOf(Buffer);
    setOption(socket, 'SO_LINGER', { onoff: true, linger: 3 });
    setRawOption(socket, SOL_SOCKET, SO_LINGER, linger);
    expect(getOption(socket, 'SO_LINGER').onoff).toBe(false);
    for (const length of [0, 1, 4, 65536]) {
      try {
        expect(getRawOption(socket, SOL_SOCKET, SO_RCVBUF, length).length).toBeLessThanOrEqual(length);
      } catch (error) {
        // Windows wants at least four bytes.
        expect(error).toMatchObject({ code: expect.stringMatching(/^(EFAULT|EINVAL)$/) });
      }
    }
    expect(() => getRawOption(socket, SOL_SOCKET, 0x7ffe, 4)).toThrow(refused('ENOPROTOOPT'));
    expect(() => setRawOption(socket, SOL_SOCKET, 0x7ffe, 4)).toThrow(refused('ENOPROTOOPT'));
  });

  itOn('linux')('that counts in instructions takes and gives as many bytes as they have', async () => {
    const { socket } = await open('udp4');
    // Accepts everything: ten times the same.
    const accept = Buffer.from([6, 0, 0, 0, 0xff, 0xff, 0, 0]);
    const program = Buffer.concat(Array.from({ length: 10 }, () => accept));
    setOption(socket, 'SO_ATTACH_FILTER', program);
    expect(getOption(socket, 'SO_GET_FILTER')).toEqual(program);
    const { SO_GET_FILTER = 0 } = constants;
    expect(getRawOption(socket, SOL_SOCKET, SO_GET_FILTER, 80)).toEqual(program);
    // The kernel takes 10 for ten instructions, and would write 80 bytes.
    for (const length of [10, 79]) {
      expect(() => getRawOption(socket, SOL_SOCKET, SO_GET_FILTER, length)).toThrow(refused('EINVAL'));
    }
    setOption(socket, 'SO_DETACH_FILTER', undefined);
    expect(getOption(socket, 'SO_GET_FILTER')).toHaveLength(0);
    expect(() => setOption(socket, 'SO_ATTACH_FILTER', program.subarray(1))).toThrow(refused('EINVAL'));
  });

  it.each<[string, unknown[]]>([
    ['ERR_INVALID_ARG_TYPE', ['SOL_SOCKET', 1, 4]],
    ['ERR_OUT_OF_RANGE', [1, 2 ** 31, 4]],
    ['ERR_OUT_OF_RANGE', [1, 1, -1]],
    ['ERR_OUT_OF_RANGE', [1, 1, 65537]],
    ['ERR_OUT_OF_RANGE', [1, 1, 1.5]],
    ['ERR_INVALID_ARG_TYPE', [1, 1, 4n]],
  ])('by other numbers is %s', async (code, numbers) => {
    const { socket } = await open('tcp4');
    expect(() => (getRawOption as (...args: unknown[]) => unknown)(socket, ...numbers)).toThrow(refused(code));
  });

  it.each([undefined, '4', 4n, [1], new Uint16Array(1)])('by its numbers is not set to %o', async (value) => {
    const { socket } = await open('tcp4');
    expect(() => setRawOption(socket, SOL_SOCKET, SO_KEEPALIVE, value as never)).toThrow(
      refused('ERR_INVALID_ARG_TYPE'),
    );
  });
});

describe('what Node remembers', () => {
  const tcp = async () => (await open('tcp4')).socket as Socket;

  it('agrees with what was set: setNoDelay()', async () => {
    const socket = await tcp();
    socket.setNoDelay(true);
    setOption(socket, 'TCP_NODELAY', false);
    socket.setNoDelay(true);
    expect(getOption(socket, 'TCP_NODELAY')).toBe(true);
  });

  it('agrees with what was set: setKeepAlive()', async () => {
    const socket = await tcp();
    socket.setKeepAlive(true, 5000);
    setOption(socket, 'SO_KEEPALIVE', false);
    socket.setKeepAlive(true, 5000);
    expect(getOption(socket, 'SO_KEEPALIVE')).toBe(true);
  });

  itOn('linux')('agrees with what was set: the times of setKeepAlive()', async () => {
    const socket = await tcp();
    socket.setKeepAlive(true, 5000);
    const names = ['TCP_KEEPIDLE', 'TCP_KEEPINTVL', 'TCP_KEEPCNT'] as const;
    const before = names.map((name) => getOption(socket, name));
    for (const name of names) setOption(socket, name, 77);
    socket.setKeepAlive(true, 5000);
    expect(names.map((name) => getOption(socket, name))).toEqual(before);
  });

  const hasIt = isLinux && 'setTypeOfService' in net.Socket.prototype;
  itWhere(hasIt)('agrees with what was set: setTypeOfService()', async () => {
    const socket = (await tcp()) as Socket & { setTypeOfService(tos: number): void };
    socket.setTypeOfService(0x10);
    setOption(socket, 'IP_TOS', 0x20);
    socket.setTypeOfService(0x10);
    expect(getOption(socket, 'IP_TOS')).toBe(0x10);
  });
});

describe('getPeerCredentials()', () => {
  itOn('linux', 'darwin')('tells who is at the other end', async () => {
    const { socket, peer } = await open('unix');
    const { pid } = process;
    const [uid, gid] = [process.getuid?.(), process.getgid?.()];
    for (const end of [socket, peer as Socket]) expect(getPeerCredentials(end)).toMatchObject({ pid, uid, gid });
    if (!isLinux) return;
    const [, groups = ''] = /^Groups:[ \t]*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    expect(getPeerCredentials(socket)?.groups).toEqual(groups.trim().split(/\s+/).filter(Boolean).map(Number));
  });

  itOn('linux', 'darwin')('is null where nobody is', async () => {
    const { socket } = await open('tcp4');
    expect(getPeerCredentials(socket)).toBeNull();
  });

  itOn('windows')('is ENOTSUP on Windows', async () => {
    const { socket } = await open('tcp4');
    expect(() => getPeerCredentials(socket)).toThrow(refused('ENOTSUP'));
  });
});

describe('getTcpInfo()', () => {
  it('counts what a connection has carried', async () => {
    const { socket, peer } = (await open('tcp4')) as { socket: Socket; peer: Socket };
    const received = once(peer, 'data');
    socket.write(Buffer.alloc(1000));
    await received;
    const [sent, got] = [getTcpInfo(socket), getTcpInfo(peer)];
    expect(sent).toMatchObject({ state: 'ESTABLISHED', bytesSent: 1000, retransmits: isWindows ? null : 0 });
    expect(got).toMatchObject({ state: 'ESTABLISHED', bytesReceived: 1000 });
    expect(sent.rtt).toBeGreaterThan(0);
    expect(sent.mss).toBeGreaterThan(500);
    expect(Object.keys(sent.raw).length).toBeGreaterThan(20);
  });

  itOn('linux')('knows a listener, and no UDP', async () => {
    expect(getTcpInfo((await open('listener4')).socket).state).toBe('LISTEN');
    const { socket } = await open('udp4');
    expect(() => getTcpInfo(socket)).toThrow(refused('ENOTSUP', { option: 'TCP_INFO' }));
  });
});

describe('isSupported()', () => {
  it('knows names, and no others', () => {
    expect(isSupported('TCP_NODELAY')).toBe(true);
    expect(isSupported('IPV6_V6ONLY')).toBe(true);
    expect(isSupported('IP_ADD_MEMBERSHIP')).toBe(true);
    for (const name of ['TCP_NO_DELAY', '', 'toString', '__proto__', 'SOL_SOCKET', undefined, 5]) {
      expect(isSupported(name as string), String(name)).toBe(false);
    }
  });

  itOn('linux')('asks the running kernel', () => {
    // Removed in 3.x; glibc still names it.
    expect(constants.TCP_COOKIE_TRANSACTIONS).toBe(15);
    expect(isSupported('TCP_COOKIE_TRANSACTIONS')).toBe(false);
  });
});

describe('constants', () => {
  it('are the numbers of this system, and cannot be changed', () => {
    expect(constants.SOL_SOCKET).toBe(isLinux ? 1 : 65535);
    expect(constants.IPPROTO_TCP).toBe(6);
    expect(Object.isFrozen(constants)).toBe(true);
  });
});
