// What a reservation's server and its first connections have of SO_REUSEADDR, read from the sockets themselves.
// @module-tag node
// @module-tag sanitize
import { once } from 'node:events';
import net, { createServer, type Server, type Socket } from 'node:net';
import { BoundSocket } from 'exactbind';
import { describe, expect, it } from 'vitest';
import { addon } from '../../lib/addon.ts';
import { ownPort } from '../fixtures/ports.ts';
import { closed } from '../fixtures/servers.ts';

const { SOL_SOCKET = 0, SO_REUSEADDR = 0 } = addon.constants;

const descriptorOf = (owner: Server | Socket) => (owner as unknown as { _handle: { fd: number } })._handle.fd;
const reuses = (owner: Server | Socket) => {
  const value = addon.get(descriptorOf(owner), SOL_SOCKET, SO_REUSEADDR, 4);
  return typeof value !== 'number' && value[0] === 1;
};

async function accept(server: Server): Promise<Socket> {
  const { port } = server.address() as net.AddressInfo;
  const client = net.connect(port, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  client.destroy();
  return socket;
}

describe('an adopted reservation', () => {
  it('listens with SO_REUSEADDR, which it did not have before', async () => {
    const bound = new BoundSocket({ port: 0, host: '127.0.0.1', reserve: true });
    expect(bound.getOption('SO_REUSEADDR')).toBe(false);
    const server = createServer().listen(bound);
    expect(reuses(server)).toBe(true);
    const socket = await accept(server);
    expect(reuses(socket)).toBe(true);
    socket.destroy();
    await closed(server);
  });

  it('sets it on connections that wait when it is adopted, and on no other', async () => {
    // On a port that the caller chose: a next start has the same.
    const bound = new BoundSocket({ port: ownPort(), host: '127.0.0.1' });
    // As in the moment between listen() and setsockopt(): a connection inherits what the listener has then.
    addon.set(bound.fd(), new Int32Array([1, SOL_SOCKET, SO_REUSEADDR, 4, 0]));
    const { port } = bound.address();
    const early = [net.connect(port, '127.0.0.1'), net.connect(port, '127.0.0.1')];
    await Promise.all(early.map((client) => once(client, 'connect')));
    const accepted: boolean[] = [];
    const server = createServer((socket) => {
      accepted.push(reuses(socket));
      socket.destroy();
    }).listen(bound);
    await Promise.all(early.map((client) => once(client.resume(), 'close')));
    const later = net.connect(port, '127.0.0.1');
    await once(later.resume(), 'close');
    expect(accepted).toEqual([true, true, false]);
    await closed(server);
  });
});
