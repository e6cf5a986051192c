// The addon on Windows: Winsock's own numbers, the owner table, and handles that nobody else inherits.
// @module-tag windows
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { addon, type Handle } from '../../lib/addon.ts';
import { needs } from '../fixtures/needs.ts';

const { AF_INET = 0, AF_INET6 = 0, SOCK_STREAM = 0, SOCK_DGRAM = 0, SOL_SOCKET = 0 } = addon.constants;
const { SO_EXCLUSIVEADDRUSE = 0, IPPROTO_IPV6 = 0, IPV6_V6ONLY = 0 } = addon.constants;

const WSAEINVAL = 10022;
const WSAENOTSOCK = 10038;
const WSAEOPNOTSUPP = 10045;
const WSAEADDRNOTAVAIL = 10049;

const NONE = new Int32Array([0]);
const EXCLUSIVE = new Int32Array([1, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 4, 1]);
const DUAL = new Int32Array([1, IPPROTO_IPV6, IPV6_V6ONLY, 4, 0]);

const handles: Handle[] = [];
function socket(family = AF_INET, type = SOCK_STREAM): Handle {
  const made = addon.socket(family, type);
  expect(made).toBeGreaterThan(0);
  handles.push(made);
  return made;
}
afterEach(() => {
  for (const handle of handles.splice(0)) addon.close(handle);
});

function bound(type: number): { handle: Handle; port: number } {
  const handle = socket(AF_INET, type);
  expect(addon.bind(handle, EXCLUSIVE, '127.0.0.1', 0)).toBe(0);
  const { port } = addon.localAddress(handle) as { port: number };
  return { handle, port };
}

const LISTENING = (1 << 10) | (1 << 7);
const rows = (type: number, port: number) =>
  addon.sockets(type, port, LISTENING, 0)?.sockets.map(({ address, pids: [pid] }) => ({ address, pid }));

describe('the owner table', () => {
  it('lists a TCP socket once it listens, and not while it is merely bound', () => {
    const { handle, port } = bound(SOCK_STREAM);
    expect(rows(SOCK_STREAM, port)).toEqual([]);
    expect(addon.listen(handle, NONE, 5)).toBe(0);
    expect(rows(SOCK_STREAM, port)).toMatchObject([{ address: '127.0.0.1' }]);
    expect(rows(SOCK_DGRAM, port)).toEqual([]);
  });

  it('lists a UDP socket once it is bound', () => {
    const { port } = bound(SOCK_DGRAM);
    expect(rows(SOCK_DGRAM, port)).toMatchObject([{ address: '127.0.0.1' }]);
    expect(rows(SOCK_STREAM, port)).toEqual([]);
  });

  it('knows the process that a socket belongs to', () => {
    const { handle, port } = bound(SOCK_STREAM);
    addon.listen(handle, NONE, 5);
    expect(rows(SOCK_STREAM, port)).toEqual([{ address: '127.0.0.1', pid: process.pid }]);
  });

  it('lists an IPv6 listener for both families under IPv6', () => {
    needs('IPv6');
    const handle = socket(AF_INET6);
    expect(addon.bind(handle, DUAL, '::', 0)).toBe(0);
    addon.listen(handle, NONE, 5);
    const { port } = addon.localAddress(handle) as { port: number };
    expect(rows(SOCK_STREAM, port)).toMatchObject([{ address: '::' }]);
  });
});

describe('an error', () => {
  it('is the number that Winsock gave', () => {
    expect(addon.bind(socket(), NONE, '192.0.2.1', 0)).toBe(WSAEADDRNOTAVAIL);
    expect(addon.localAddress(socket())).toBe(WSAEINVAL);
    const closed = addon.socket(AF_INET, SOCK_STREAM);
    addon.close(closed);
    expect(addon.listen(closed, NONE, 5)).toBe(WSAENOTSOCK);
  });

  it('says that a SOCKET cannot be duplicated without the process that is to have it', () => {
    expect(addon.duplicate(socket())).toBe(-1);
    expect(addon.status[0]).toBe(WSAEOPNOTSUPP);
  });
});

describe('a SOCKET', () => {
  it('is not inherited: what is closed here is free while a child lives', async () => {
    const { handle, port } = bound(SOCK_STREAM);
    addon.listen(handle, NONE, 5);
    const child = spawn(process.execPath, ['-e', "process.stdout.write('running'); setInterval(() => {}, 1000)"], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    addon.close(handle);
    expect(rows(SOCK_STREAM, port)).toEqual([]);
    expect(addon.bind(socket(), EXCLUSIVE, '127.0.0.1', port)).toBe(0);
    child.kill();
    await once(child, 'exit');
  });
});
