// Under exactbind/register an unmodified listen() gets the inherited socket of its address, and of no other.
// @module-tag node
import { fileURLToPath } from 'node:url';
import { BoundSocket } from 'exactbind';
import { afterEach, expect, it } from 'vitest';
import { type Child, start, WITH_PID } from '../fixtures/handover/child.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn } from '../fixtures/systems.ts';

const register = fileURLToPath(new URL('../../dist/register.cjs', import.meta.url));

const LISTEN = `
const net = require('net');
const [options] = process.argv.slice(1).map((word) => JSON.parse(word));
const tell = (value) => console.log(JSON.stringify(value));
const server = net.createServer();
server.on('error', ({ code }) => tell({ code }));
server.listen(options, () => {
  const left = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES'].filter((name) => process.env[name] !== undefined);
  tell({ fd: server._handle.fd, left: left.length });
});
`;

const children: Child[] = [];
const held: BoundSocket[] = [];
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.end('SIGKILL')));
  for (const socket of held.splice(0)) socket.close();
});

function bind(host?: string, port = 0): BoundSocket {
  const socket = new BoundSocket({ port, host, acceptPartial: true });
  held.push(socket);
  return socket;
}

/** What a program says that listens there and inherits these. */
async function listens(options: object, sockets: readonly BoundSocket[], env: NodeJS.ProcessEnv = {}) {
  const command = [process.execPath, '--require', register, '-e', LISTEN, JSON.stringify(options)];
  const descriptors = sockets.map((socket) => socket.fd());
  const child = start([...WITH_PID, ...command], descriptors, { LISTEN_FDS: String(sockets.length), ...env });
  children.push(child);
  return child.said();
}

describeOn('linux', 'darwin')('an unmodified listen() under the hook', () => {
  it('gets the socket of its address, whatever place that has, and clears the variables', async () => {
    const sockets = [bind('127.0.0.1'), bind('127.0.0.1')];
    const { port } = (sockets[1] as BoundSocket).address();
    expect(await listens({ port, host: '127.0.0.1' }, sockets)).toMatchObject({ fd: 4, left: 0 });
  });

  it('gets the one on :: without a host', async () => {
    needs('IPv6');
    const socket = bind();
    expect(await listens({ port: socket.address().port }, [socket])).toMatchObject({ fd: 3 });
  });

  it('gets no socket of another port, and its variables stay', async () => {
    const { fd, left } = await listens({ port: 0, host: '127.0.0.1' }, [bind('127.0.0.1')]);
    expect(fd).toBeGreaterThan(3);
    expect(left).toBe(2);
  });

  it('gets none of another address', async () => {
    const socket = bind('127.0.0.1');
    const { port } = socket.address();
    expect(await listens({ port, host: '0.0.0.0' }, [socket])).toEqual({ code: 'EADDRINUSE' });
  });

  it('gets none of :: alone where it asks for both families', async () => {
    needs('IPv6');
    const only = new BoundSocket({ port: 0, ipv6Only: true, acceptPartial: true });
    held.push(only);
    expect(await listens({ port: only.address().port }, [only])).toEqual({ code: 'EADDRINUSE' });
  });

  it('gets none that was passed to another process', async () => {
    const socket = bind('127.0.0.1');
    const { port } = socket.address();
    const command = [process.execPath, '--require', register, '-e', LISTEN];
    const env = { LISTEN_FDS: '1', LISTEN_PID: String(process.pid) };
    const child = start([...command, JSON.stringify({ port, host: '127.0.0.1' })], [socket.fd()], env);
    children.push(child);
    expect(await child.said()).toEqual({ code: 'EADDRINUSE' });
  });

  it('warns of variables that cannot be, and binds as ever', async () => {
    const told = await listens({ port: ownPort(), host: '127.0.0.1' }, [], { LISTEN_FDS: 'many' });
    expect(told).toMatchObject({ fd: expect.any(Number), left: 2 });
  });
});
