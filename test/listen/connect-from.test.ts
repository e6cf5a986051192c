// connect({ from }): a reservation connects from its own address and port, or fails, and is consumed either way.
// @module-tag node
// @module-tag windows
import { once } from 'node:events';
import { type AddressInfo, createServer, type LookupFunction, type Server, type Socket } from 'node:net';
import { BoundSocket, type ConnectOptions, connect, getOption, listen } from 'exactbind';
import { afterEach, describe, expect, it } from 'vitest';
import { openSockets } from '../fixtures/descriptors.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { closed } from '../fixtures/servers.ts';
import { itOn } from '../fixtures/systems.ts';
import { codeOf } from '../fixtures/thrown.ts';

const servers: Server[] = [];
const clients: Socket[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  return Promise.all(servers.splice(0).map(closed));
});

/** A server that tells each client its port, and the peers that it saw. */
async function serve(host: string) {
  const peers: string[] = [];
  const server = createServer((socket) => {
    peers.push(`${socket.remoteAddress} ${socket.remotePort}`);
    socket.on('error', () => {});
  });
  servers.push(server);
  const { port } = (await listen(server, { port: 0, host })) as AddressInfo;
  return { port, peers };
}

function open(options: ConnectOptions): Socket {
  const client = connect(options);
  clients.push(client);
  return client;
}

const failed = (client: Socket): Promise<NodeJS.ErrnoException> => once(client, 'error').then(([error]) => error);
const reserve = (host?: string) => new BoundSocket({ port: 0, host, reserve: true });

const named =
  (...addresses: string[]): LookupFunction =>
  (_, { all }, callback) => {
    const list = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    if (all) setImmediate(callback, null, list);
    else setImmediate(callback, null, list[0]?.address ?? '', list[0]?.family);
  };

describe('connect({ from })', () => {
  it('connects from the address and the port of a reservation', async () => {
    const { port, peers } = await serve('127.0.0.1');
    const from = reserve('127.0.0.1');
    const local = from.address();
    const client = open({ port, host: '127.0.0.1', from });
    await once(client, 'connect');
    expect([client.localAddress, client.localPort]).toEqual([local.address, local.port]);
    await expect.poll(() => peers).toEqual([`127.0.0.1 ${local.port}`]);
  });

  it('sets the socket options before it connects', async () => {
    const { port } = await serve('127.0.0.1');
    const from = reserve('127.0.0.1');
    const client = open({ port, host: '127.0.0.1', from, socketOptions: { SO_KEEPALIVE: true } });
    let before: boolean | undefined;
    client.on('connectionAttempt', () => {
      before = getOption(client, 'SO_KEEPALIVE');
    });
    await once(client, 'connect');
    expect(before).toBe(true);
  });

  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
  ])('of both families connects to %s', async (host, address) => {
    needs('IPv6');
    const { port, peers } = await serve(host);
    const from = reserve();
    const number = from.address().port;
    const client = open({ port, host, from });
    await once(client, 'connect');
    expect(client.localPort).toBe(number);
    await expect.poll(() => peers).toEqual([`${address} ${number}`]);
  });

  it('looks a name up for an address of its family', async () => {
    const { port } = await serve('127.0.0.1');
    const families: unknown[] = [];
    const lookup: LookupFunction = (name, options, callback) => {
      families.push(options.family, options.all ?? false);
      named('127.0.0.1')(name, options, callback);
    };
    const from = reserve('127.0.0.1');
    const client = open({ port, host: 'name.test', lookup, from });
    await once(client, 'connect');
    expect(families).toEqual([4, false]);
  });

  it('tries one address alone, whatever Node would do', async () => {
    needs('IPv6');
    const { port } = await serve('::1');
    const attempts: string[] = [];
    const client = open({
      port,
      host: 'name.test',
      lookup: named('127.0.0.2', '::1'),
      autoSelectFamily: true,
      from: reserve(),
    });
    client.on('connectionAttempt', (address) => attempts.push(address));
    const { code } = await failed(client);
    expect([code, attempts]).toEqual(['ECONNREFUSED', ['127.0.0.2']]);
  });

  it.each([
    ['127.0.0.1', '::1'],
    ['::1', '127.0.0.1'],
  ])('of %s refuses %s, and frees its port', async (host, target) => {
    needs('IPv6');
    const { port } = await serve(target);
    const from = new BoundSocket({ port: ownPort(), host, reserve: true });
    const local = from.address();
    const error = await failed(open({ port, host: target, from }));
    expect(error).toMatchObject({ code: 'EAFNOSUPPORT', syscall: 'connect' });
    new BoundSocket({ port: local.port, host }).close();
  });

  it('frees the port of a reservation whose connection is refused', async () => {
    const closedPort = ownPort();
    const from = new BoundSocket({ port: ownPort(), host: '127.0.0.1', reserve: true });
    const { port } = from.address();
    const client = open({ port: closedPort, host: '127.0.0.1', from });
    expect((await failed(client)).code).toBe('ECONNREFUSED');
    if (!client.closed) await once(client, 'close');
    new BoundSocket({ port, host: '127.0.0.1' }).close();
  });

  it('never connects a second time, from whatever port', async () => {
    const { port, peers } = await serve('127.0.0.1');
    const client = open({ port: ownPort(), host: '127.0.0.1', from: reserve('127.0.0.1') });
    await failed(client);
    if (!client.closed) await once(client, 'close');
    client.connect({ port, host: '127.0.0.1' });
    expect((await failed(client)).code).toBe('ERR_SOCKET_HANDLE_ADOPTED');
    expect(peers).toEqual([]);
  });

  it.each([
    ['is destroyed before its name is known', (client: Socket) => client.destroy()],
    ['finds no such name', () => {}],
  ])('frees the port of a client that %s', async (_, act) => {
    const from = new BoundSocket({ port: ownPort(), host: '127.0.0.1', reserve: true });
    const { port } = from.address();
    const lookup: LookupFunction = (_name, _options, callback) => {
      setImmediate(callback, Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), '');
    };
    const client = open({ port: 1, host: 'name.test', lookup, from });
    client.on('error', () => {});
    act(client);
    await new Promise((resolve) => client.once('close', resolve));
    new BoundSocket({ port, host: '127.0.0.1' }).close();
  });

  itOn('linux', 'darwin')('refuses an option that the socket refuses, and frees the port', async () => {
    const { port, peers } = await serve('127.0.0.1');
    const from = new BoundSocket({ port: ownPort(), host: '127.0.0.1', reserve: true });
    const local = from.address();
    // Less than the least.
    const client = open({ port, host: '127.0.0.1', from, socketOptions: { TCP_MAXSEG: 1 } });
    expect((await failed(client)).syscall).toBe('setsockopt');
    new BoundSocket({ port: local.port, host: '127.0.0.1' }).close();
    expect(peers).toEqual([]);
  });

  it('refuses what is no reservation, and leaves it to its owner', () => {
    const udp = new BoundSocket({ port: 0, host: '127.0.0.1', protocol: 'udp', reserve: true });
    const listening = new BoundSocket({ port: 0, host: '127.0.0.1' });
    const target = { port: 1, host: '127.0.0.1' };
    expect(codeOf(() => connect({ ...target, from: udp }))).toBe('ERR_INVALID_ARG_VALUE');
    expect(codeOf(() => connect({ ...target, from: listening }))).toBe('ERR_INVALID_ARG_VALUE');
    expect(codeOf(() => connect({ ...target, from: {} as BoundSocket }))).toBe('ERR_INVALID_ARG_TYPE');
    udp.close();
    listening.close();
  });

  it('refuses one that was closed, detached or used', async () => {
    const { port } = await serve('127.0.0.1');
    const target = { port, host: '127.0.0.1' };
    const from = reserve('127.0.0.1');
    await once(open({ ...target, from }), 'connect');
    expect(codeOf(() => connect({ ...target, from }))).toBe('ERR_SOCKET_HANDLE_ADOPTED');
    expect(codeOf(() => from.close())).toBe('ERR_SOCKET_HANDLE_ADOPTED');
    const other = reserve('127.0.0.1');
    other.close();
    expect(codeOf(() => connect({ ...target, from: other }))).toBe('ERR_SOCKET_HANDLE_ADOPTED');
  });

  // Multipath TCP is of Linux alone.
  const apart = process.platform === 'linux' ? [{ mptcp: true }] : [];
  it.each([{ localAddress: '127.0.0.1' }, { localPort: 4000 }, ...apart])('stands alone: not with %o', (more) => {
    const from = reserve('127.0.0.1');
    expect(codeOf(() => connect({ port: 1, host: '127.0.0.1', from, ...more }))).toBe('ERR_INCOMPATIBLE_OPTION_PAIR');
    from.close();
  });

  it('leaves a reservation to its owner where another option is wrong', () => {
    const from = reserve('127.0.0.1');
    expect(codeOf(() => connect({ port: 70_000, host: '127.0.0.1', from }))).toBe('ERR_SOCKET_BAD_PORT');
    from.close();
  });

  itOn('linux')('leaves nothing open behind what Node refuses', () => {
    const before = openSockets();
    const from = reserve('127.0.0.1');
    const lookup = 'none' as unknown as LookupFunction;
    expect(codeOf(() => connect({ port: 1, host: 'name.test', lookup, from }))).toBe('ERR_INVALID_ARG_TYPE');
    expect(openSockets()).toEqual(before);
    expect(codeOf(() => from.close())).toBe('ERR_SOCKET_HANDLE_ADOPTED');
  });
});
