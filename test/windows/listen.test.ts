// Windows: SO_EXCLUSIVEADDRUSE against other processes, the SOCKET in Node's hands, and what the system has no means for.
// @module-tag windows
import dgram from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { Worker } from 'node:worker_threads';
import { BoundSocket, bindUdp, listen } from 'exactbind';
import { afterEach, describe, expect, it } from 'vitest';
import { hasIpv6 } from '../fixtures/facts.ts';
import { NodeActor, type NodeOpenCommand } from '../fixtures/node-actor.ts';
import { ownPort } from '../fixtures/ports.ts';
import { closed, SERVER_KINDS } from '../fixtures/servers.ts';

const local = { port: 0, host: '127.0.0.1' } as const;

const actors: NodeActor[] = [];
function actor(): NodeActor {
  const made = new NodeActor();
  actors.push(made);
  return made;
}
afterEach(() => Promise.all(actors.splice(0).map((made) => made.end())));

const served = SERVER_KINDS.find(({ kind }) => kind === 'net') as (typeof SERVER_KINDS)[number];
const server = served.make;
const addressOf = (made: Server) => made.address() as AddressInfo;

type Options = NonNullable<NodeOpenCommand['options']>;
const PLAIN: [string, Options] = ['no option', []];
const REUSING: [string, Options] = ['SO_REUSEADDR', ['SO_REUSEADDR']];
const RIVALS = [PLAIN, REUSING, ['SO_EXCLUSIVEADDRUSE', ['SO_EXCLUSIVEADDRUSE']] as [string, Options]];
// Windows gives a conflict one of two names, by the options and addresses of both sides.
const CONFLICT = { error: expect.stringMatching(/^WSAE(ADDRINUSE|ACCES)$/), syscall: 'bind' };

describe('a listener on every address', () => {
  const hosts = ['0.0.0.0', '127.0.0.1', ...(hasIpv6 ? ['::', '::1'] : [])];

  it.each(RIVALS)('refuses every other process with %s on every address', async (_, options) => {
    using bound = new BoundSocket({ port: 0 });
    const { port } = bound.address();
    const other = actor();
    for (const host of hosts) {
      expect(await other.open({ host, port, options, listen: true }), host).toEqual(CONFLICT);
    }
  });

  it('still refuses them when a server has adopted it', async () => {
    const made = server();
    const { port } = await listen(made, 0);
    const other = actor();
    for (const [, options] of RIVALS) {
      for (const host of hosts) expect(await other.open({ host, port, options, listen: true }), host).toEqual(CONFLICT);
    }
    await closed(made);
  });

  it('is refused where another process listens, whatever that one set', async () => {
    const other = actor();
    for (const [, options] of RIVALS) {
      const { port, id } = await other.open({ host: '::', options, listen: true });
      const refusal = { code: 'EADDRINUSE', syscall: 'bind', address: '::', port };
      expect(() => new BoundSocket({ port: port as number })).toThrow(expect.objectContaining(refusal));
      await other.close(id as number);
    }
  });
});

describe('a listener on one address', () => {
  it.each(RIVALS)('refuses every other process with %s on that address', async (_, options) => {
    using bound = new BoundSocket(local);
    const { port } = bound.address();
    expect(await actor().open({ host: '127.0.0.1', port, options, listen: true })).toEqual(CONFLICT);
  });

  it('refuses an exclusive listener on every address', async () => {
    using bound = new BoundSocket(local);
    const { port } = bound.address();
    const answer = await actor().open({ host: '0.0.0.0', port, options: ['SO_EXCLUSIVEADDRUSE'], listen: true });
    expect(answer).toEqual(CONFLICT);
  });

  it.each([PLAIN, REUSING])('keeps its connections when a wildcard with %s joins it', async (_, options) => {
    const made = server();
    const address = await listen(made, local);
    const answer = await actor().open({ host: '0.0.0.0', port: address.port, options, listen: true });
    expect(answer).toMatchObject({ port: address.port });
    expect(await served.request(address)).toBe('served');
    await closed(made);
  });

  it.each(['0.0.0.0', '::'])('is refused over a plain listener on %s, which Windows would allow', async (host) => {
    const { port } = await actor().open({ host, listen: true });
    const refusal = { code: 'EADDRINUSE', address: '127.0.0.1', port };
    expect(() => new BoundSocket({ ...local, port: port as number })).toThrow(expect.objectContaining(refusal));
  });
});

describe('a reservation', () => {
  it('is refused over a plain socket that is bound to every address, which Windows would allow', async () => {
    const { port } = await actor().open({ host: '0.0.0.0' });
    const refusal = { code: 'EADDRINUSE', address: '127.0.0.1', port };
    const attempt = () => new BoundSocket({ ...local, port: port as number, reserve: true });
    expect(attempt).toThrow(expect.objectContaining(refusal));
  });

  it.each(RIVALS)('cannot be bound over by another process with %s', async (_, options) => {
    using bound = new BoundSocket({ port: 0, reserve: true });
    const { port } = bound.address();
    const other = actor();
    for (const host of ['0.0.0.0', '127.0.0.1', '::']) {
      expect(await other.open({ host, port, options, listen: true }), host).toEqual(CONFLICT);
    }
  });

  it('listens when it is adopted', async () => {
    const bound = new BoundSocket({ ...local, reserve: true });
    const made = server().listen(bound);
    await once(made, 'listening');
    expect(await served.request(addressOf(made))).toBe('served');
    await closed(made);
  });
});

describe('a conflict that Windows calls WSAEACCES', () => {
  const taking = {
    host: '127.0.0.1',
    sharing: 'raw',
    socketOptions: { SO_REUSEADDR: true },
    acceptPartial: true,
  } as const;

  it('is EADDRINUSE where the owner table lists somebody on the port', async () => {
    const { port } = await actor().open({ host: '0.0.0.0', options: ['SO_EXCLUSIVEADDRUSE'], listen: true });
    const refusal = { code: 'EADDRINUSE', errno: -4091, syscall: 'bind', address: '127.0.0.1', port };
    expect(() => new BoundSocket({ ...taking, port: port as number })).toThrow(expect.objectContaining(refusal));
  });

  it('is EACCES, and says what that may mean, where it lists nobody', async () => {
    const { port } = await actor().open({ host: '0.0.0.0', options: ['SO_EXCLUSIVEADDRUSE'] });
    const refusal = {
      code: 'EACCES',
      errno: -4092,
      syscall: 'bind',
      message: expect.stringContaining('probably in an excluded range (Hyper-V, WinNAT)'),
    };
    expect(() => new BoundSocket({ ...taking, port: port as number })).toThrow(expect.objectContaining(refusal));
  });
});

describe('the SOCKET', () => {
  it.each(SERVER_KINDS)(
    'is adopted by a $kind server, and its port is free at once when that closes',
    async ({ make, request }) => {
      const port = ownPort();
      for (let start = 0; start < 5; start++) {
        const made = make();
        await once(made.listen(new BoundSocket({ ...local, port })), 'listening');
        expect(await request(addressOf(made))).toBe('served');
        await closed(made);
      }
    },
  );

  it('has no descriptor to show or to detach', () => {
    using bound = new BoundSocket(local);
    expect(bound.fd()).toBe(-1);
    expect(() => bound.detach()).toThrow(expect.objectContaining({ code: 'ENOTSUP', option: 'detach' }));
    // It is still ours.
    expect(bound.address().port).toBeGreaterThan(0);
  });

  it('is not inherited by a child process', async () => {
    const bound = new BoundSocket(local);
    const { port } = bound.address();
    const child = actor();
    // The child is running once it answers.
    await child.close((await child.open({ host: '127.0.0.1' })).id as number);
    bound.close();
    const answer = await child.open({ host: '127.0.0.1', port, options: ['SO_EXCLUSIVEADDRUSE'], listen: true });
    expect(answer).toMatchObject({ port });
  });

  it('has SO_EXCLUSIVEADDRUSE, and not SO_REUSEADDR', () => {
    for (const host of ['0.0.0.0', '127.0.0.1']) {
      using bound = new BoundSocket({ port: 0, host, acceptPartial: true });
      expect(bound.getOption('SO_EXCLUSIVEADDRUSE')).toBe(true);
      expect(bound.getOption('SO_REUSEADDR')).toBe(false);
    }
  });
});

describe('what Windows has no means for', () => {
  it.each([
    ['reuse-port', 'SO_REUSEPORT'],
    ['reuse-address', 'SO_REUSEADDR'],
  ] as const)('is ENOTSUP: %s', async (sharing, option) => {
    for (const protocol of ['tcp', 'udp'] as const) {
      expect(() => new BoundSocket({ ...local, sharing, protocol })).toThrow(
        expect.objectContaining({ code: 'ENOTSUP', option }),
      );
    }
    await expect(listen(server(), { ...local, sharing })).rejects.toMatchObject({ code: 'ENOTSUP', option });
  });

  it('is WSAEINVAL as an option pair: SO_REUSEADDR and SO_EXCLUSIVEADDRUSE', () => {
    const socketOptions = { SO_REUSEADDR: true, SO_EXCLUSIVEADDRUSE: true };
    expect(() => new BoundSocket({ ...local, sharing: 'raw', socketOptions })).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: 'setsockopt', option: 'SO_EXCLUSIVEADDRUSE' }),
    );
  });
});

describe('the datagrams of a port', () => {
  it.each(RIVALS)('cannot be stolen by another process with %s', async (_, options) => {
    const other = actor();
    for (const host of ['0.0.0.0', '127.0.0.1']) {
      const socket = dgram.createSocket('udp4');
      const { port } = await bindUdp(socket, { port: 0, host, acceptPartial: true });
      expect(await other.open({ host: '127.0.0.1', port, protocol: 'udp', options }), host).toEqual(CONFLICT);
      socket.close();
    }
  });

  it('are received, and the port is free when the socket closes', async () => {
    const port = ownPort();
    for (let start = 0; start < 3; start++) {
      const socket = dgram.createSocket('udp4');
      await bindUdp(socket, { ...local, port });
      const received = once(socket, 'message');
      socket.send('hello', port, '127.0.0.1');
      expect(String((await received)[0])).toBe('hello');
      socket.close();
      await once(socket, 'close');
    }
  });
});

describe('a worker thread', () => {
  const code = (then: string) => `
    import(${JSON.stringify(new URL('../../dist/index.mjs', import.meta.url).href)}).then(({ BoundSocket, listen }) => {
      const { parentPort } = require('node:worker_threads');
      const bound = new BoundSocket({ port: 0, host: '127.0.0.1' });
      const { port } = bound.address();
      ${then}
    });`;

  it('has a socket of its own, which its server serves', async () => {
    const worker = new Worker(
      code(
        `require('node:net').createServer((socket) => socket.end('served')).listen(bound, () => parentPort.postMessage(port));`,
      ),
      { eval: true },
    );
    const [port] = await once(worker, 'message');
    expect(await served.request({ port, address: '127.0.0.1', family: 'IPv4' })).toBe('served');
    await worker.terminate();
    new BoundSocket({ ...local, port }).close();
  });

  it('leaves nothing bound when it ends without closing', async () => {
    const worker = new Worker(code(`parentPort.postMessage(port); parentPort.on('message', () => {});`), {
      eval: true,
    });
    const [port] = await once(worker, 'message');
    expect(() => new BoundSocket({ ...local, port })).toThrow('EADDRINUSE');
    await worker.terminate();
    new BoundSocket({ ...local, port }).close();
  });
});
