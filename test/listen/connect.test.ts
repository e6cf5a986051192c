// connect(): options before the first packet, for every address that is tried, through agents, and nothing sent without them.
// @module-tag node
// @module-tag windows
// @module-tag sanitize
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, LookupFunction, Server, Socket } from 'node:net';
import net from 'node:net';
import {
  type ConnectOptions,
  type ConnectorCallback,
  type ConnectorTarget,
  connect,
  connector,
  getOption,
  listen,
} from 'exactbind';
import { Agent, request } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { openSockets } from '../fixtures/descriptors.ts';
import { has, needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { closed, SERVER_KINDS, trusting } from '../fixtures/servers.ts';
import { itOn } from '../fixtures/systems.ts';

const servers: Server[] = [];
const accepted: Socket[] = [];
afterEach(() => {
  for (const socket of accepted.splice(0)) socket.destroy();
  return Promise.all(servers.splice(0).map(closed));
});

async function serve(make = () => net.createServer((socket) => socket.end('served')), host = '127.0.0.1') {
  const server = make();
  servers.push(server);
  // A client that is destroyed resets its connection.
  server.on('connection', (socket) => accepted.push(socket.on('error', () => {})));
  return (await listen(server, { port: 0, host })).port;
}

const kind = (name: string) => SERVER_KINDS.find((one) => one.kind === name) as (typeof SERVER_KINDS)[number];

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += chunk;
  return all;
}

/** A name with these addresses. */
const named =
  (...addresses: string[]): LookupFunction =>
  (_, __, callback) => {
    const list = addresses.map((address) => ({ address, family: net.isIP(address) }));
    setImmediate(callback as (error: null, list: object[]) => void, null, list);
  };

const both = { host: 'localhost', lookup: named('::1', '127.0.0.1'), autoSelectFamily: true };

describe('connect()', () => {
  it('has set the options when an attempt begins, and serves as a net.Socket', async () => {
    const port = await serve();
    const seen: unknown[] = [];
    const socketOptions = { SO_KEEPALIVE: true, SO_LINGER: { onoff: true, linger: 3 }, TCP_NODELAY: true } as const;
    const socket = connect({ port, host: '127.0.0.1', socketOptions });
    expect(socket).toBeInstanceOf(net.Socket);
    socket.on('connectionAttempt', () => {
      for (const name of Object.keys(socketOptions)) seen.push(getOption(socket, name as keyof typeof socketOptions));
    });
    expect(await text(socket)).toBe('served');
    expect(seen).toEqual(Object.values(socketOptions));
  });

  itOn('linux')('sends them with the SYN: the peer is told TCP_MAXSEG', async () => {
    let told = 0;
    const port = await serve(() =>
      net.createServer((socket) => {
        told = getOption(socket, 'TCP_MAXSEG');
        socket.end();
      }),
    );
    await text(connect({ port, host: '127.0.0.1', socketOptions: { TCP_MAXSEG: 1000 } }));
    // Less the 12 bytes of the timestamps.
    expect(told).toBe(988);
  });

  itOn('linux')('binds the local address after the options', async () => {
    const port = await serve();
    const options: ConnectOptions = { port, host: '127.0.0.1', localAddress: '127.0.0.2' };
    const ranged = connect({ ...options, socketOptions: { IP_LOCAL_PORT_RANGE: { low: 40000, high: 40100 } } });
    await once(ranged, 'connect');
    expect(ranged.localAddress).toBe('127.0.0.2');
    expect(ranged.localPort).toBeGreaterThanOrEqual(40000);
    expect(ranged.localPort).toBeLessThanOrEqual(40100);
    ranged.destroy();

    const late = connect({ ...options, socketOptions: { IP_BIND_ADDRESS_NO_PORT: true } });
    const [first] = await new Promise<[string | undefined]>((resolve) => {
      late.on('connectionAttempt', () => resolve([boundTo(late)]));
    });
    expect(first).toBe('127.0.0.2:0');
    await text(late);
  });

  it('takes a local port', async () => {
    const port = await serve();
    const localPort = ownPort();
    const socket = connect({ port, host: '127.0.0.1', localPort });
    await once(socket, 'connect');
    expect(socket.localPort).toBe(localPort);
    socket.resetAndDestroy();
    await once(socket, 'close');
  });

  itOn('linux')('sets each of the options that only count before connect', async () => {
    const port = await serve();
    const socketOptions = {
      TCP_USER_TIMEOUT: 5000,
      TCP_FASTOPEN_CONNECT: true,
      TCP_SYNCNT: 2,
      SO_BINDTODEVICE: 'lo',
      IP_TOS: 0x10,
      ...(has('SO_MARK') ? { SO_MARK: 7 } : {}),
    } as const;
    const socket = connect({ port, host: '127.0.0.1', socketOptions });
    // The first write carries the SYN of a fast open.
    socket.write('x');
    await once(socket, 'connect');
    for (const [name, value] of Object.entries(socketOptions)) {
      expect(getOption(socket, name as keyof typeof socketOptions), name).toBe(value);
    }
    expect(await text(socket)).toBe('served');
  });

  itOn('linux')('opens Multipath TCP', async () => {
    needs('Multipath TCP');
    const port = await serve();
    const socket = connect({ port, host: '127.0.0.1', mptcp: true });
    const [error] = await Promise.race([once(socket, 'connect'), once(socket, 'error')]);
    expect(error).toBeUndefined();
    expect(getOption(socket, 'SO_PROTOCOL')).toBe(262);
    expect(await text(socket)).toBe('served');
  });
});

/** The local address while no connection says so, from the kernel. */
function boundTo(socket: Socket): string | undefined {
  const { address, port } = socket.address() as AddressInfo;
  return address === undefined ? undefined : `${address}:${port}`;
}

describe('a name with several addresses', () => {
  it('is tried with the options at each of them', async () => {
    needs('IPv6');
    const port = await serve();
    const attempts: unknown[] = [];
    const socket = connect({ ...both, port, socketOptions: { SO_KEEPALIVE: true } });
    socket.on('connectionAttempt', (address) => attempts.push([address, getOption(socket, 'SO_KEEPALIVE')]));
    expect(await text(socket)).toBe('served');
    expect(attempts).toEqual([
      ['::1', true],
      ['127.0.0.1', true],
    ]);
  });

  itOn('linux')('leaves no descriptor behind', async () => {
    needs('IPv6');
    const before = openSockets();
    const server = net.createServer((socket) => socket.end('served'));
    const { port } = await listen(server, { port: 0, host: '127.0.0.1' });
    for (let i = 0; i < 20; i++) {
      const socket = connect({ ...both, port, socketOptions: { SO_KEEPALIVE: true } });
      await text(socket);
      if (!socket.closed) await once(socket, 'close');
    }
    await closed(server);
    expect(openSockets()).toEqual(before);
  });

  itOn('linux')('goes on where an option does not exist for a family', async () => {
    needs('IPv6');
    const port = await serve(undefined, '::1');
    const lookup = named('127.0.0.1', '::1');
    const socket = connect({ ...both, lookup, port, socketOptions: { IPV6_TCLASS: 8 } });
    expect(await text(socket)).toBe('served');
    expect(socket.autoSelectFamilyAttemptedAddresses).toEqual([`127.0.0.1:${port}`, `::1:${port}`]);
  });
});

describe('an option that is refused', () => {
  // Less than the least.
  const refused = { TCP_MAXSEG: 1 };

  itOn('linux')("is an 'error' that names it, and nothing is sent", async () => {
    const server = net.createServer();
    const port = await serve(() => server);
    const before = openSockets().length;
    const socket = connect({ port, host: '127.0.0.1', socketOptions: refused });
    const [error] = await once(socket, 'error');
    expect(error).toMatchObject({ code: 'EINVAL', syscall: 'setsockopt', option: 'TCP_MAXSEG' });
    expect(socket.errored).toBe(error);
    expect(openSockets().length).toBe(before);
    // What had been sent after all would be accepted before this one is.
    const next = connect({ port, host: '127.0.0.1' });
    await Promise.all([once(server, 'connection'), once(next, 'connect')]);
    expect(accepted.map(({ remotePort }) => remotePort)).toEqual([next.localPort]);
    next.destroy();
  });

  itOn('linux')('is one error of an AggregateError for each address', async () => {
    needs('IPv6');
    const socket = connect({ ...both, port: await serve(), socketOptions: refused });
    const [error] = await once(socket, 'error');
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.errors).toHaveLength(2);
    for (const one of error.errors) expect(one).toMatchObject({ syscall: 'setsockopt', option: 'TCP_MAXSEG' });
  });

  it('is told by the local address too', async () => {
    const socket = connect({ port: await serve(), host: '127.0.0.1', localAddress: '192.0.2.1' });
    const [error] = await once(socket, 'error');
    expect(error).toMatchObject({ code: 'EADDRNOTAVAIL', syscall: 'bind', address: '192.0.2.1' });
  });

  it('does not hide why a connection failed', async () => {
    const socket = connect({ port: ownPort(), host: '127.0.0.1', socketOptions: { SO_KEEPALIVE: true } });
    const [error] = await once(socket, 'error');
    expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect' });
  });
});

describe('agents', () => {
  const options = { host: '127.0.0.1' };
  const socketOptions = { SO_LINGER: { onoff: true, linger: 5 } } as const;

  it('take connect as createConnection of a request', async () => {
    const port = await serve(kind('http').make);
    const asked = http.get({
      ...options,
      port,
      createConnection: connect as never,
      ...({ socketOptions } as object),
    });
    const [response] = await once(asked, 'response');
    expect(getOption(response.socket, 'SO_LINGER')).toEqual(socketOptions.SO_LINGER);
    expect(await text(response)).toBe('served');
  });

  it('take a connector: http', async () => {
    const port = await serve(kind('http').make);
    const agent = new http.Agent({ keepAlive: true });
    Object.assign(agent, { createConnection: connector({ socketOptions }) });
    for (let i = 0; i < 2; i++) {
      const [response] = await once(http.get({ ...options, port, agent }), 'response');
      expect(getOption(response.socket, 'SO_LINGER')).toEqual(socketOptions.SO_LINGER);
      expect(await text(response)).toBe('served');
    }
    agent.destroy();
  });

  it('take a connector: https', async () => {
    const port = await serve(kind('https').make);
    const agent = new https.Agent({ ca: trusting.ca });
    Object.assign(agent, { createConnection: connector({ socketOptions }) });
    const [response] = await once(https.get({ ...trusting, port, agent }), 'response');
    expect(getOption(response.socket, 'SO_LINGER')).toEqual(socketOptions.SO_LINGER);
    expect(await text(response)).toBe('served');
    agent.destroy();
  });

  it.each(['http', 'https'])('of undici take a connector: %s', async (protocol) => {
    const port = await serve(kind(protocol).make);
    const made: Socket[] = [];
    const connectTo = connector({ socketOptions });
    const dispatcher = new Agent({
      connect: (target: object, callback) =>
        connectTo({ ...target, ca: trusting.ca, servername: 'localhost' } as ConnectorTarget, (error, socket) => {
          if (socket !== undefined) made.push(socket);
          (callback as ConnectorCallback)(error, socket);
        }),
    });
    const response = await request(`${protocol}://127.0.0.1:${port}/`, { dispatcher });
    expect(await response.body.text()).toBe('served');
    expect(made.map((socket) => getOption(socket, 'SO_LINGER'))).toEqual([socketOptions.SO_LINGER]);
    await dispatcher.close();
  });

  it('hear about a failure', async () => {
    const agent = new https.Agent();
    Object.assign(agent, { createConnection: connector({ socketOptions }) });
    const [error] = await once(https.get({ ...options, port: ownPort(), agent }), 'error');
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    const port = await serve();
    const [refusal] = await once(https.get({ ...options, port, agent }), 'error');
    expect(refusal.code).toMatch(/^(ERR_SSL|EPROTO|ECONNRESET)/);
  });
});

describe('what connect() is given', () => {
  it.each<[object, string]>([
    [{}, 'ERR_SOCKET_BAD_PORT'],
    [{ port: 65536 }, 'ERR_SOCKET_BAD_PORT'],
    [{ port: 1, path: '/tmp/s' }, 'ERR_INVALID_ARG_VALUE'],
    [{ port: 1, localAddress: 'localhost' }, 'ERR_INVALID_ARG_VALUE'],
    [{ port: 1, socketOptions: [] }, 'ERR_INVALID_ARG_TYPE'],
    [{ port: 1, socketOptions: { TCP_NO_DELAY: true } }, 'ERR_INVALID_ARG_VALUE'],
    [{ port: 1, socketOptions: { SO_TYPE: 1 } }, 'ERR_INVALID_ARG_VALUE'],
    [{ port: 1, socketOptions: { TCP_NODELAY: 1 } }, 'ERR_INVALID_ARG_TYPE'],
    [{ port: 1, socketOptions: { IP_TOS: 256 } }, 'ERR_OUT_OF_RANGE'],
    [{ port: 1, mptcp: 1 }, 'ERR_INVALID_ARG_TYPE'],
  ])('%o is %s', (options, code) => {
    expect(() => connect(options as ConnectOptions)).toThrow(expect.objectContaining({ code }));
  });

  it('is no object', () => {
    expect(() => connect(80 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  });
});
