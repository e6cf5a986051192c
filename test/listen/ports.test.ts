// A list of ports: the first that can be bound is, the list is read once, and a refusal by all tells of each.
// @module-tag node
// @module-tag windows
import { type ChildProcess, fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { BoundSocket, bindUdp, type ListenOptions, listen, type Ports, portRange, type SystemError } from 'exactbind';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasIpv6, quiet } from '../fixtures/facts.ts';
import { AS_NOBODY, needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { readableNode, readablePackage } from '../fixtures/readable.ts';
import { fixture, runCommand } from '../fixtures/register/run.ts';
import { closed } from '../fixtures/servers.ts';
import { describeOn } from '../fixtures/systems.ts';

const host = '127.0.0.1';
/** Far longer than it takes to be woken, and shorter than the pause after which a waiter looks without being woken. */
const WOKEN = 2500;

const bounds: BoundSocket[] = [];
const servers: Server[] = [];
afterEach(async () => {
  for (const bound of bounds.splice(0)) bound[Symbol.dispose]();
  await Promise.all(servers.splice(0).map(closed));
});

function bind(options: ListenOptions): BoundSocket {
  const bound = new BoundSocket({ host, ...options });
  bounds.push(bound);
  return bound;
}

const ownPorts = (count: number) => Array.from({ length: count }, ownPort);

/** Ports of which each is held. */
function heldPorts(count: number, options: ListenOptions = {}): number[] {
  const ports = ownPorts(count);
  for (const port of ports) bind({ ...options, port });
  return ports;
}

function server(): Server {
  const made = createServer();
  servers.push(made);
  return made;
}

function refusal(options: ListenOptions): SystemError {
  try {
    bind(options);
  } catch (error) {
    return error as SystemError;
  }
  throw new Error('it was bound');
}

const portOf = (bound: BoundSocket) => bound.address().port;

describe('portRange()', () => {
  it('lists both ends', () => {
    expect(portRange(3000, 3003)).toEqual([3000, 3001, 3002, 3003]);
    expect(portRange(65_535, 65_535)).toEqual([65_535]);
    expect(portRange(1, 65_535)).toHaveLength(65_535);
  });

  it.each([
    [0, 1, 'ERR_SOCKET_BAD_PORT'],
    [1, 65_536, 'ERR_SOCKET_BAD_PORT'],
    [1.5, 2, 'ERR_SOCKET_BAD_PORT'],
    ['1', 2, 'ERR_SOCKET_BAD_PORT'],
    [3001, 3000, 'ERR_OUT_OF_RANGE'],
  ])('refuses %j to %j', (first, last, code) => {
    expect(() => portRange(first as number, last)).toThrow(expect.objectContaining({ code }));
  });
});

describe('a list of ports', () => {
  it.each<[string, (ports: number[]) => Ports]>([
    ['an array', (ports) => ports],
    ['a Set', (ports) => new Set(ports)],
    ['a typed array', (ports) => Uint16Array.from(ports)],
    ['a generator', (ports) => ports.values()],
    ['words', (ports) => ports.map(String)],
  ])('that is %s gives the first that can be bound', (_, made) => {
    const [held = 0] = heldPorts(1);
    const [free = 0, other = 0] = ownPorts(2);
    expect(portOf(bind({ port: made([held, free, other]) }))).toBe(free);
  });

  it('is taken in its own order, which need not be that of the numbers', () => {
    const [low = 0, high = 0] = ownPorts(2);
    expect(portOf(bind({ port: [high, low] }))).toBe(high);
  });

  it('is one number where it is a string', () => {
    const port = ownPort();
    expect(portOf(bind({ port: String(port) }))).toBe(port);
  });

  it.each<[string, (ports: number[]) => Ports | ListenOptions]>([
    ['by itself', (ports) => ports],
    ['as an option', (port) => ({ port, host, ...quiet })],
    ['with a name', (port) => ({ port, host: 'localhost', ...quiet })],
    ['with a wait', (port) => ({ port, host, wait: 1000, ...quiet })],
  ])('is taken by listen() %s', async (_, made) => {
    const [held = 0, free = 0] = ownPorts(2);
    const hosts = hasIpv6 ? [host, '::1'] : [host];
    for (const one of hosts) bind({ host: one, port: held });
    await expect(listen(server(), made([held, free]))).resolves.toMatchObject({ port: free });
  });

  it('is taken by bindUdp(), by itself and as an option', async () => {
    const [held = 0] = heldPorts(1, { protocol: 'udp' });
    for (const made of [(ports: number[]) => ports, (port: number[]) => ({ port, host })]) {
      const socket = createSocket('udp4');
      const free = ownPort();
      await expect(bindUdp(socket, made([held, free]))).resolves.toMatchObject({ port: free });
      socket.close();
    }
  });

  it('is taken by a reservation, which a server then adopts', async () => {
    const [held = 0] = heldPorts(1);
    const free = ownPort();
    const reserved = bind({ port: [held, free], reserve: true });
    expect(portOf(reserved)).toBe(free);
    await expect(listen(server(), reserved)).resolves.toMatchObject({ port: free });
  });

  it('is bound with the guard of the port that was found', () => {
    const [held = 0] = heldPorts(1);
    const free = ownPort();
    const bound = bind({ port: [held, free], guard: process.platform === 'linux' });
    expect(portOf(bound)).toBe(free);
    // The guard of a port that was refused is gone.
    bounds.shift()?.close();
    bind({ port: held });
  });

  it.each([
    ['an empty one', []],
    ['0', [0]],
    ['65536', [65_536]],
    ['a fraction', [1.5]],
    ['no number', ['http']],
    ['an empty string', ['']],
    ['null', [null]],
    ['a wrong one at the end', [3000, -1]],
  ])('is refused where it has %s', (_, port) => {
    const wrong = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' });
    expect(() => bind({ port: port as number[] })).toThrow(wrong);
    return expect(listen(server(), { port: port as number[], host: 'no such name' })).rejects.toEqual(wrong);
  });

  it('may have 65,536 ports and no more, also if it never ends', () => {
    let [read, returned] = [0, 0];
    const endless = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: 1 + (read++ % 65_535) }),
        return: () => {
          returned++;
          return { done: true, value: undefined };
        },
      }),
    };
    expect(() => bind({ port: endless as Iterable<number> })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', message: expect.stringContaining('65536') }),
    );
    expect({ read, returned }).toEqual({ read: 65_537, returned: 1 });
    const free = ownPort();
    expect(portOf(bind({ port: Array.from({ length: 65_536 }, () => free) }))).toBe(free);
  });

  it('is read once, also while one waits for it', async () => {
    const [held = 0] = heldPorts(1);
    let times = 0;
    function* once_() {
      times += 1;
      yield held;
    }
    const port = { [Symbol.iterator]: once_ };
    expect(refusal({ port })).toMatchObject({ code: 'EADDRINUSE' });
    expect(times).toBe(1);
    await expect(listen(server(), { port, host, wait: 100 })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(times).toBe(2);
  });

  it('passes on what its iterator throws', () => {
    function* broken() {
      yield 3000;
      throw new Error('broken');
    }
    expect(() => bind({ port: broken() })).toThrow('broken');
  });

  it('ends at a refusal that is no conflict', () => {
    const ports = ownPorts(2);
    const error = refusal({ port: ports, host: '192.0.2.1' });
    expect(error).toMatchObject({ code: 'EADDRNOTAVAIL', port: ports[0] });
    expect(error).not.toHaveProperty('reports');
    expect(error.message).not.toContain('none of');
  });
});

describe('a list of which no port can be bound', () => {
  it('is refused as its first port, with a report on each', async () => {
    const ports = heldPorts(3);
    const shape = {
      code: 'EADDRINUSE',
      address: host,
      port: ports[0],
      heldBy: expect.stringContaining(`:${ports[0]}`),
    };
    const errors = [
      refusal({ port: ports }),
      await listen(server(), { port: ports, host }).catch((error: unknown) => error as SystemError),
      await listen(server(), { port: ports, host, wait: 50 }).catch((error: unknown) => error as SystemError),
    ] as SystemError[];
    for (const error of errors) {
      expect(error).toMatchObject(shape);
      expect(error.message).toMatch(/; none of the 3 ports can be bound(; waited 50 ms)?$/);
      expect(error.report).toMatchObject({ port: ports[0], verdict: 'listening' });
      expect(error.reports?.map(({ port }) => port)).toEqual(ports);
      for (const { holders } of error.reports ?? []) expect(holders[0]).toMatchObject({ pid: process.pid, self: true });
      expect(error.omitted).toBeUndefined();
      expect(Object.keys(error)).not.toContain('reports');
    }
  });

  it('has at most 100 reports, and says how many more there were', () => {
    const ports = heldPorts(103);
    const error = refusal({ port: ports });
    expect(error.message).toContain('none of the 103 ports');
    expect(error.reports?.map(({ port }) => port)).toEqual(ports.slice(0, 100));
    expect(error.omitted).toBe(3);
  });

  it('of one port has that one report', () => {
    const [held = 0] = heldPorts(1);
    const error = refusal({ port: [held] });
    expect(error.message).not.toContain('none of');
    expect(error.reports).toEqual([error.report]);
  });

  it('is explained once all have failed, and not before', () => {
    const { addon } = createRequire(import.meta.url)('../../dist/index.cjs')[Symbol.for('exactbind.internals')][
      'lib/addon.ts'
    ];
    const { sockets } = addon;
    let named = 0;
    addon.sockets = (type: number, port: number, states: number, names: number) => {
      if (names !== 0) named++;
      return sockets(type, port, states, names);
    };
    try {
      const ports = heldPorts(20);
      bind({ port: [...ports, ownPort()] });
      expect(named).toBe(0);
      refusal({ port: ports });
      expect(named).toBeGreaterThan(0);
    } finally {
      addon.sockets = sockets;
    }
  });
});

describeOn('linux')('a list with ports that this user may not bind', () => {
  const asNobody = async (port: (number | string)[]) => {
    needs('another user', 'util-linux', 'a privileged port');
    const script = `
      const { BoundSocket } = require(process.argv[1]);
      try {
        console.log(JSON.stringify({ port: new BoundSocket({ port: ${JSON.stringify(port)}, host: '${host}' }).address().port }));
      } catch ({ code, port, heldBy, reports }) {
        console.log(JSON.stringify({ code, port, heldBy, verdicts: reports.map(({ verdict }) => verdict) }));
      }`;
    const [command = '', ...args] = [
      ...AS_NOBODY,
      readableNode(),
      '-e',
      script,
      join(readablePackage(), 'dist/index.cjs'),
    ];
    const { stdout, stderr } = await runCommand(command, args);
    return JSON.parse(stdout || `{"stderr":${JSON.stringify(stderr)}}`);
  };

  it('goes on to the next', async () => {
    const free = ownPort();
    expect(await asNobody([80, 81, free])).toEqual({ port: free });
  });

  it('is EACCES if all are that, and a conflict if one is', async () => {
    const [held = 0] = heldPorts(1);
    const heldBy = expect.stringContaining('CAP_NET_BIND_SERVICE');
    const verdicts = ['privileged', 'privileged'];
    expect(await asNobody([80, 81])).toEqual({ code: 'EACCES', port: 80, heldBy, verdicts });
    expect(await asNobody([80, held])).toEqual({
      code: 'EADDRINUSE',
      port: 80,
      heldBy,
      verdicts: ['privileged', 'listening'],
    });
  });
});

describe('listen() with a list and a wait', () => {
  it('takes whichever is free first', async () => {
    const ports = ownPorts(3);
    const [first, , third] = ports.map((port) => bind({ port }));
    const waiting = listen(server(), { port: ports, host, wait: 20_000, ...quiet });
    const began = performance.now();
    third?.close();
    await expect(waiting).resolves.toMatchObject({ port: ports[2] });
    expect(performance.now() - began).toBeLessThan(WOKEN);
    first?.close();
  });

  it('is ended by its signal', async () => {
    const ports = heldPorts(200);
    const ending = new AbortController();
    const waiting = listen(server(), { port: ports, host, wait: { signal: ending.signal }, ...quiet });
    setImmediate(() => ending.abort());
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('64 programs with the same 64 ports', () => {
  const COUNT = 64;
  const children: ChildProcess[] = [];

  // In eights, so that not all of them start at once.
  beforeAll(async () => {
    while (children.length < COUNT) {
      const some = Array.from({ length: 8 }, () => fork(fixture('taker.mjs')));
      children.push(...some);
      await Promise.all(some.map((child) => once(child, 'message')));
    }
  }, 240_000);

  afterAll(async () => {
    const exited = children.map((child) => once(child, 'exit'));
    for (const child of children) child.disconnect();
    await Promise.all(exited);
  });

  async function ask(question: { options?: ListenOptions }): Promise<{ port?: number; message?: string }[]> {
    const answers = children.map((child) => once(child, 'message').then(([answer]) => answer));
    for (const child of children) child.send(question);
    return Promise.all(answers);
  }

  it.each<[string, ListenOptions]>([
    ['on every address', { ...quiet }],
    ['on one address', { host, ...quiet }],
    ['of UDP', { protocol: 'udp' }],
  ])('have each a port of its own: %s', async (_, options) => {
    const port = ownPorts(COUNT);
    const taken = (await ask({ options: { port, ...options } })).map((answer) => answer.port ?? answer.message);
    expect(taken.sort((one, other) => Number(one) - Number(other))).toEqual(port);
    await ask({});
  });
});
