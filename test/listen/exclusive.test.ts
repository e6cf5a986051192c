// Nobody else gets the address: not with any option, address, user or Node's own net.BoundSocket.
// @module-tag node
// @module-tag sanitize
import { once } from 'node:events';
import net, { createServer } from 'node:net';
import { BoundSocket, listen } from 'exactbind';
import { afterEach, describe, expect, it } from 'vitest';
import { Actor, type OpenCommand } from '../fixtures/actor.ts';
import { type CoreBoundSocket, hasIpv6, quiet } from '../fixtures/facts.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn, itWhere } from '../fixtures/systems.ts';

const actors: Actor[] = [];
function actor(): Actor {
  const made = new Actor();
  actors.push(made);
  return made;
}
afterEach(() => Promise.all(actors.splice(0).map((made) => made.end())));

const OPTIONS: Pick<Required<OpenCommand>, 'options'>[] = [
  { options: [] },
  { options: ['SO_REUSEADDR'] },
  { options: ['SO_REUSEPORT'] },
  { options: ['SO_REUSEADDR', 'SO_REUSEPORT'] },
];
const HOSTS = ['0.0.0.0', '127.0.0.1', '127.0.0.2', ...(hasIpv6 ? ['::', '::1'] : [])];

describeOn('linux')('a listener on Linux', () => {
  it.each(OPTIONS)('refuses every other process with $options on every address', async ({ options }) => {
    using bound = new BoundSocket({ port: 0 });
    const { port } = bound.address();
    const other = actor();
    for (const host of HOSTS) {
      const answer = await other.open({ host, port, options, listen: true });
      expect(answer, host).toEqual({ error: 'EADDRINUSE', syscall: 'bind' });
    }
  });

  it('refuses another user', async () => {
    needs('another user');
    using bound = new BoundSocket({ port: 0, host: '127.0.0.1' });
    const { port } = bound.address();
    const other = actor();
    await other.become(65534);
    for (const { options } of OPTIONS) {
      const answer = await other.open({ host: '127.0.0.1', port, options, listen: true });
      expect(answer).toEqual({ error: 'EADDRINUSE', syscall: 'bind' });
    }
  });
});

describeOn('linux')('a reservation on Linux', () => {
  it.each(OPTIONS)('cannot be bound over by another process with $options', async ({ options }) => {
    using bound = new BoundSocket({ port: 0, reserve: true });
    const { port } = bound.address();
    const other = actor();
    for (const host of HOSTS) {
      const answer = await other.open({ host, port, options });
      expect(answer, host).toEqual({ error: 'EADDRINUSE', syscall: 'bind' });
    }
  });

  const { BoundSocket: Core } = net as unknown as { BoundSocket?: CoreBoundSocket };
  itWhere(Core !== undefined)('is what net.BoundSocket of Node is not', async () => {
    const core = new (Core as CoreBoundSocket)({ port: 0, host: '127.0.0.1' });
    const answer = await actor().open({
      host: '127.0.0.1',
      port: core.address().port,
      options: ['SO_REUSEADDR'],
      listen: true,
    });
    expect(answer.error).toBeUndefined();
    const server = createServer().listen(core as never);
    const [error] = await once(server, 'error');
    expect(error.code).toBe('EADDRINUSE');
  });

  it('listens when it is adopted, and serves', async () => {
    const bound = new BoundSocket({ port: 0, host: '127.0.0.1', reserve: true });
    const { port } = bound.address();
    const client = actor();
    expect(await client.connect({ host: '127.0.0.1', port })).toEqual({ error: 'ECONNREFUSED' });
    const server = createServer((socket) => socket.end('served')).listen(bound);
    const { id } = await client.connect({ host: '127.0.0.1', port });
    expect(await client.receive(id as number)).toEqual({ text: 'served' });
    server.close();
  });
});

describe('every address of the machine', () => {
  it('is :: for both families, and refused where somebody holds :: for IPv6 alone', async () => {
    needs('IPv6');
    const port = ownPort();
    using holder = new BoundSocket({ port, host: '::', ipv6Only: true, ...quiet });
    expect(holder.address().family).toBe('IPv6');
    // A server on 0.0.0.0 alone would be possible, and be reached by half of the callers.
    await expect(listen(createServer(), { port, ...quiet })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      address: '::',
      port,
    });
  });
});
