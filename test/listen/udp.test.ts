// bindUdp(): the port is nobody else's, although libuv sets SO_REUSEADDR on every UDP socket that it opens.
// @module-tag node
// @module-tag windows
// @module-tag sanitize
import dgram, { type Socket } from 'node:dgram';
import { once } from 'node:events';
import { BoundSocket, bindUdp } from 'exactbind';
import { afterEach, describe, expect, it } from 'vitest';
import { Actor } from '../fixtures/actor.ts';
import { hasIpv6 } from '../fixtures/facts.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn, itOn } from '../fixtures/systems.ts';

const local = { port: 0, host: '127.0.0.1' } as const;

const sockets: Socket[] = [];
function udp(type: 'udp4' | 'udp6' = 'udp4'): Socket {
  const made = dgram.createSocket(type);
  sockets.push(made);
  return made;
}
const actors: Actor[] = [];
afterEach(async () => {
  for (const made of sockets.splice(0)) made.close();
  await Promise.all(actors.splice(0).map((made) => made.end()));
});

async function echo(socket: Socket, port: number): Promise<string> {
  const sender = udp(socket.address().family === 'IPv6' ? 'udp6' : 'udp4');
  const received = once(socket, 'message');
  sender.send('hello', port, socket.address().family === 'IPv6' ? '::1' : '127.0.0.1');
  const [message] = await received;
  return String(message);
}

describe('bindUdp()', () => {
  it('binds, emits listening once, and receives', async () => {
    const socket = udp();
    let listening = 0;
    socket.on('listening', () => listening++);
    const address = await bindUdp(socket, local);
    expect(listening).toBe(1);
    expect(socket.address()).toEqual(address);
    expect(await echo(socket, address.port)).toBe('hello');
  });

  it('takes a bare port, a name, and every address of the family', async () => {
    expect((await bindUdp(udp(), 0)).address).toBe('0.0.0.0');
    expect((await bindUdp(udp(), { port: 0, host: 'localhost' })).address).toBe('127.0.0.1');
    if (hasIpv6) expect((await bindUdp(udp('udp6'), 0)).address).toBe('::');
  });

  it('can be connected, over IPv6 too', async () => {
    needs('IPv6');
    for (const [type, host] of [
      ['udp4', '127.0.0.1'],
      ['udp6', '::1'],
    ] as const) {
      const [socket, peer] = [udp(type), udp(type)];
      await bindUdp(socket, { port: 0, host });
      const { port } = await bindUdp(peer, { port: 0, host });
      socket.connect(port, host);
      await once(socket, 'connect');
      expect(socket.remoteAddress()).toMatchObject({ address: host, port });
    }
  });

  it('takes a BoundSocket, once', async () => {
    const bound = new BoundSocket({ ...local, protocol: 'udp' });
    const { port } = bound.address();
    const socket = udp();
    expect((await bindUdp(socket, bound)).port).toBe(port);
    expect(await echo(socket, port)).toBe('hello');
    await expect(bindUdp(udp(), bound)).rejects.toMatchObject({ code: 'ERR_SOCKET_HANDLE_ADOPTED' });
  });

  it('refuses a port that is taken, and a socket that is bound', async () => {
    const { port } = await bindUdp(udp(), local);
    const refusal = { code: 'EADDRINUSE', syscall: 'bind', address: '127.0.0.1', port };
    await expect(bindUdp(udp(), { ...local, port })).rejects.toMatchObject(refusal);
    const socket = udp();
    await bindUdp(socket, local);
    await expect(bindUdp(socket, local)).rejects.toMatchObject({ code: 'ERR_SOCKET_ALREADY_BOUND' });
  });

  it('frees the port when the socket closes, and a signal closes it', async () => {
    const controller = new AbortController();
    const port = ownPort();
    const socket = dgram.createSocket('udp4');
    await bindUdp(socket, { ...local, port, signal: controller.signal });
    controller.abort();
    await once(socket, 'close');
    new BoundSocket({ ...local, port, protocol: 'udp' }).close();
    await expect(bindUdp(udp(), { ...local, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ABORT_ERR',
    });
  });
});

describe('the options of a dgram.Socket', () => {
  const socketOf = (options: Parameters<typeof dgram.createSocket>[0]) => {
    const made = dgram.createSocket(options);
    sockets.push(made);
    return made;
  };

  it('hold: ipv6Only is kept, reuseAddr contradicts exclusive', async () => {
    const reusing = socketOf({ type: 'udp4', reuseAddr: true });
    await expect(bindUdp(reusing, local)).rejects.toMatchObject({ code: 'ERR_INCOMPATIBLE_OPTION_PAIR' });
    needs('IPv6');
    const { port } = await bindUdp(socketOf({ type: 'udp6', ipv6Only: true }), 0);
    expect(await bindUdp(udp(), { port })).toMatchObject({ port });
  });

  it('hold: a BoundSocket of the other family is refused and stays the caller’s', async () => {
    needs('IPv6');
    using bound = new BoundSocket({ port: 0, protocol: 'udp', acceptPartial: true });
    await expect(bindUdp(udp(), bound)).rejects.toMatchObject({ code: 'ERR_INCOMPATIBLE_OPTION_PAIR' });
    expect(bound.address().family).toBe('IPv6');
  });
});

describe('a listener of a dgram.Socket', () => {
  it('that throws on listening has one owner of the handle: dgram', async () => {
    const socket = udp();
    socket.once('listening', () => {
      throw new Error('thrown by the listener');
    });
    const bound = new BoundSocket({ ...local, protocol: 'udp' });
    await expect(bindUdp(socket, bound)).rejects.toThrow('thrown by the listener');
    expect(() => bound.close()).toThrow(expect.objectContaining({ code: 'ERR_SOCKET_HANDLE_ADOPTED' }));
    expect(socket.address().port).toBeGreaterThan(0);
  });

  it('that aborts on listening makes the promise reject; an abort after close() is ignored', async () => {
    const controller = new AbortController();
    const socket = dgram.createSocket('udp4');
    socket.once('listening', () => controller.abort());
    await expect(bindUdp(socket, { ...local, signal: controller.signal })).rejects.toMatchObject({ code: 'ABORT_ERR' });
    const later = new AbortController();
    const other = dgram.createSocket('udp4');
    await bindUdp(other, { ...local, signal: later.signal });
    other.close();
    later.abort();
    await once(other, 'close');
  });
});

describeOn('linux')("sharing: 'raw' for UDP", () => {
  it('undoes the options of libuv', () => {
    using bound = new BoundSocket({ ...local, protocol: 'udp', sharing: 'raw' });
    expect(bound.getOption('SO_REUSEADDR')).toBe(false);
    using shared = new BoundSocket({
      ...local,
      protocol: 'udp',
      sharing: 'raw',
      socketOptions: { SO_REUSEADDR: true },
    });
    expect(shared.getOption('SO_REUSEADDR')).toBe(true);
  });
});

describeOn('linux')('the datagrams of a port', () => {
  const steal = async (port: number) => {
    const other = new Actor();
    actors.push(other);
    return other.open({ host: '127.0.0.1', port, protocol: 'udp', options: ['SO_REUSEADDR', 'SO_REUSEPORT'] });
  };

  it('cannot be stolen, neither from bindUdp() nor from a BoundSocket', async () => {
    const { port } = await bindUdp(udp(), local);
    expect(await steal(port)).toEqual({ error: 'EADDRINUSE', syscall: 'bind' });
    using bound = new BoundSocket({ ...local, protocol: 'udp' });
    expect(await steal(bound.address().port)).toEqual({ error: 'EADDRINUSE', syscall: 'bind' });
  });

  it('can be stolen from a descriptor that is handed to dgram: libuv opens it with SO_REUSEADDR', async () => {
    const bound = new BoundSocket({ ...local, protocol: 'udp' });
    const { port } = bound.address();
    const socket = udp();
    socket.bind({ fd: bound.detach(), exclusive: true });
    expect((await steal(port)).port).toBe(port);
  });

  it("are shared by 'reuse-address' and 'reuse-port', which say so", async () => {
    using address = new BoundSocket({ ...local, protocol: 'udp', sharing: 'reuse-address' });
    expect(address).toMatchObject({ exclusivity: 'partial', caveat: expect.stringContaining('SO_REUSEADDR') });
    expect((await steal(address.address().port)).error).toBeUndefined();
    using port = new BoundSocket({ ...local, protocol: 'udp', sharing: 'reuse-port' });
    expect(port).toMatchObject({ exclusivity: 'partial', caveat: expect.stringContaining('SO_REUSEPORT') });
    expect((await steal(port.address().port)).error).toBeUndefined();
  });
});

describe('a UDP BoundSocket', () => {
  itOn('linux', 'darwin')('has a descriptor that outlives it when it is detached', async () => {
    const bound = new BoundSocket({ ...local, protocol: 'udp' });
    const { port } = bound.address();
    const fd = bound.detach();
    expect(() => new BoundSocket({ ...local, port, protocol: 'udp' })).toThrow('EADDRINUSE');
    const socket = udp();
    socket.bind({ fd, exclusive: true });
    expect(await echo(socket, port)).toBe('hello');
  });

  it('reads and sets options', () => {
    using bound = new BoundSocket({ ...local, protocol: 'udp', socketOptions: { SO_BROADCAST: true } });
    expect(bound.getOption('SO_BROADCAST')).toBe(true);
    bound.setOption('SO_BROADCAST', false);
    expect(bound.getOption('SO_BROADCAST')).toBe(false);
  });
});
