// Legal neighbours stay legal: what an earlier run, another address or we ourselves have on the number keeps nobody away.
import { once } from 'node:events';
import net, { createServer, type Server, type Socket } from 'node:net';
import { type BindOptions, BoundSocket } from 'exactbind';
import { describe, expect, it } from 'vitest';
import { quiet } from '../fixtures/facts.ts';
import { NOBODY, neighbour } from '../fixtures/hijack/neighbours.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { statesOn } from '../fixtures/tcp-states.ts';

const TIMES = 50;
const HOST = '127.0.0.1';

/** How often each outcome and promise came about. */
class Tally {
  readonly counts: Record<string, number> = {};

  start(options: BindOptions): BoundSocket | undefined {
    try {
      const bound = new BoundSocket({ ...quiet, ...options });
      this.add(`${bound.outcome}, ${bound.exclusivity}${/a socket of uid/.test(bound.caveat ?? '') ? ', named' : ''}`);
      return bound;
    } catch (error) {
      this.add((error as Error).message);
      return undefined;
    }
  }

  add(key: string): void {
    this.counts[key] = (this.counts[key] ?? 0) + 1;
  }
}

const closed = (server: Server) => new Promise((resolve) => server.close(resolve));

async function connected(port: number): Promise<Socket> {
  const client = net.connect({ port, host: HOST, allowHalfOpen: true });
  client.on('error', () => {});
  await once(client, 'connect');
  return client;
}

/** A run of ours that has closed its end of a connection first. */
async function run(port: number, leave: (socket: Socket, client: Socket) => Promise<void>): Promise<Socket> {
  const server = createServer({ allowHalfOpen: true }).listen(new BoundSocket({ ...quiet, port }));
  const accepted = once(server, 'connection');
  const client = await connected(port);
  const [socket] = (await accepted) as [Socket];
  await leave(socket, client);
  await closed(server);
  return client;
}

describe('a restart', () => {
  it('is let in over its own TIME_WAIT', async () => {
    const [tally, port] = [new Tally(), ownPort()];
    for (let i = 0; i < TIMES; i++) {
      await run(port, async (socket, client) => {
        socket.end();
        client.resume();
        await once(client, 'end');
        // An ACK that the client's FIN overtakes would be answered by a reset, which ends the TIME_WAIT (RFC 1337).
        await expect.poll(() => statesOn(port)).toContain('FIN_WAIT2');
        client.end();
        await once(socket.resume(), 'close');
      });
      tally.start({ port })?.close();
    }
    expect(tally.counts).toEqual({ 'over-leftovers, partial': TIMES });
  });

  it('is let in over its own FIN_WAIT2', async () => {
    const tally = new Tally();
    for (let i = 0; i < TIMES; i++) {
      const port = ownPort();
      const client = await run(port, async (socket, other) => {
        socket.destroy();
        other.resume();
        await once(other, 'end');
      });
      tally.start({ port })?.close();
      client.destroy();
    }
    expect(tally.counts).toEqual({ 'over-leftovers, partial': TIMES });
  });

  it('is let in while clients of a killed server remain', async () => {
    const tally = new Tally();
    for (let i = 0; i < TIMES; i++) {
      const port = ownPort();
      await using server = neighbour('serve', HOST, port);
      expect(await server.says()).toBe('ready');
      const client = await connected(port);
      expect(await server.says()).toBe('accepted');
      await server.kill();
      tally.start({ port, host: HOST })?.close();
      client.destroy();
    }
    expect(tally.counts).toEqual({ 'over-leftovers, partial': TIMES });
  });

  it.for([['another user', NOBODY] as const, ['the same user', undefined] as const])(
    'is let in beside draining connections of %s, who is no stranger',
    async ([, uid]) => {
      if (uid !== undefined) needs('another user', 'util-linux');
      const tally = new Tally();
      for (let i = 0; i < TIMES; i++) {
        const port = ownPort();
        await using earlier = neighbour('drain', HOST, port, uid);
        expect(await earlier.says()).toBe('ready');
        const client = await connected(port);
        expect(await earlier.says()).toBe('drained');
        tally.start({ port, host: HOST })?.close();
        client.destroy();
      }
      expect(tally.counts).toEqual({ 'over-leftovers, partial': TIMES });
    },
  );
});

describe('a start', () => {
  it('is clean beside a listener of another user on a second address', async () => {
    needs('another user', 'util-linux');
    const tally = new Tally();
    const port = ownPort();
    await using other = neighbour('serve', '127.0.0.2', port, NOBODY);
    expect(await other.says()).toBe('ready');
    for (let i = 0; i < TIMES; i++) {
      tally.start({ port, host: HOST })?.close();
      tally.start({ port, host: HOST, guard: true })?.close();
    }
    expect(tally.counts).toEqual({ 'clean, partial': 2 * TIMES });
  });

  it('is let in beside an outgoing connection of our own from the number', async () => {
    const tally = new Tally();
    const target = createServer((socket) => socket.on('error', () => {})).listen(0, HOST);
    await once(target, 'listening');
    const { port: there } = target.address() as net.AddressInfo;
    for (let i = 0; i < TIMES; i++) {
      const port = ownPort();
      const client = net.connect({ port: there, host: HOST, localPort: port, localAddress: HOST });
      await once(client, 'connect');
      tally.start({ port, host: HOST })?.close();
      client.resetAndDestroy();
      await once(client, 'close');
    }
    target.close();
    expect(tally.counts).toEqual({ 'over-leftovers, partial': TIMES });
  });

  it('is clean and full where nothing is on the number', () => {
    const tally = new Tally();
    for (let i = 0; i < TIMES; i++) tally.start({ port: ownPort() })?.close();
    expect(tally.counts).toEqual({ 'clean, full': TIMES });
  });
});
