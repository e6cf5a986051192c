// What passes from one process to the next: sockets of each kind, their order, options, queue, and what is known of them.
// @module-tag node
import { spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import net, { createServer, type Server } from 'node:net';
import tls from 'node:tls';
import { BoundSocket, bindUdp, getOption, listen } from 'exactbind';
import { offerSockets, type Succession, takeSockets } from 'exactbind/handover';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addon } from '../../lib/addon.ts';
import { openSockets } from '../fixtures/descriptors.ts';
import { Instance, ownPath } from '../fixtures/handover/instance.ts';
import { SERVER_KINDS, trusting } from '../fixtures/servers.ts';
import { describeOn, itOn } from '../fixtures/systems.ts';

type Offered = Server | dgram.Socket | BoundSocket;

/** A hand-over within this process: what was offered, as it was taken. */
async function passOn(sockets: Record<string, Offered>, more: { drainTimeout?: number } = {}) {
  const path = ownPath();
  const offer = await offerSockets({
    path,
    sockets: Object.entries(sockets).map(([name, socket]) => ({ name, socket })),
    ...more,
  });
  onTestFinished(() => offer.close());
  const succession = await takeSockets({ path });
  onTestFinished(() => succession.abandon());
  const drained = once(offer, 'drained') as Promise<[{ closed: number }]>;
  return { offer, succession, drained };
}

function only({ sockets }: Succession): BoundSocket {
  expect(sockets).toHaveLength(1);
  return sockets[0]?.socket as BoundSocket;
}

function closing<S extends Server>(server: S): S {
  onTestFinished(() => {
    server.close();
  });
  return server;
}

describeOn('linux', 'darwin')('a hand-over', () => {
  describe.each(SERVER_KINDS)('of a server of $kind', ({ make, request }) => {
    it('goes on in the next one', async () => {
      const before = make();
      const address = await listen(before, { port: 0, host: '127.0.0.1' });
      const { succession, drained } = await passOn({ main: before });
      const after = closing(make());
      expect(await listen(after, only(succession))).toEqual(address);
      const closed = once(before, 'close');
      await succession.ready();
      expect(before.listening).toBe(false);
      await closed;
      expect(await drained).toEqual([{ closed: 0 }]);
      expect(await request(address)).toBe('served');
    });
  });

  it('keeps names and their order, and names that are alike', async () => {
    const made = ['b', 'a', 'a', 'c'].map((name) => ({
      name,
      socket: new BoundSocket({ port: 0, host: '127.0.0.1' }),
    }));
    onTestFinished(() => {
      for (const { socket } of made) socket[Symbol.dispose]();
    });
    const path = ownPath();
    const offer = await offerSockets({ path, sockets: made });
    onTestFinished(() => offer.close());
    const succession = await takeSockets({ path });
    onTestFinished(() => succession.abandon());
    expect(succession.sockets.map(({ name, socket }) => [name, socket.address()])).toEqual(
      made.map(({ name, socket }) => [name, socket.address()]),
    );
  });

  it('keeps options, the outcome and what it is worth', async () => {
    const before = new BoundSocket({
      port: 0,
      host: '127.0.0.1',
      socketOptions: { SO_RCVBUF: 65536 },
      acceptPartial: true,
    });
    const { outcome, exclusivity, caveat } = before;
    const size = before.getOption('SO_RCVBUF');
    const { succession } = await passOn({ main: before });
    const after = only(succession);
    expect({ ...after }).toMatchObject({ outcome, exclusivity });
    expect(after.caveat).toBe(caveat);
    expect(after.getOption('SO_RCVBUF')).toBe(size);
    await succession.abandon();
    before.close();
  });

  it("says of a socket of Node's own that it is not exclusive", async () => {
    const before = closing(createServer().listen(0, '127.0.0.1'));
    await once(before, 'listening');
    const { succession } = await passOn({ main: before });
    expect(only(succession)).toMatchObject({ exclusivity: 'partial', caveat: expect.stringMatching(/opened by Node/) });
    await succession.abandon();
  });

  itOn('linux')('keeps the backlog, whatever the next one listens with', async () => {
    const { IPPROTO_TCP = 0, TCP_INFO = 0 } = addon.constants;
    const SACKED = 28;
    const before = new BoundSocket({ port: 0, host: '127.0.0.1', backlog: 300 });
    const { succession } = await passOn({ main: before });
    const socket = only(succession);
    const fd = socket.fd();
    const after = closing(createServer());
    after.listen(socket, 8 as never);
    await once(after, 'listening');
    expect(addon.numberIn(fd, IPPROTO_TCP, TCP_INFO, SACKED)).toBe(300);
    await succession.ready();
  });

  itOn('linux')("keeps a guard, and the address is nobody's until the last has gone", async () => {
    const before = new BoundSocket({ port: 0, host: '127.0.0.1', guard: true });
    const address = before.address();
    const { succession, drained } = await passOn({ main: before });
    const after = createServer();
    await listen(after, only(succession));
    await succession.ready();
    await drained;
    const elsewhere = () => new BoundSocket({ port: address.port, host: '127.0.0.2', sharing: 'raw' });
    expect(elsewhere).toThrow(/EADDRINUSE/);
    await new Promise<void>((resolve) => {
      after.close(() => resolve());
    });
    elsewhere().close();
  });

  it('of a reservation listens when it is adopted', async () => {
    const before = new BoundSocket({ port: 0, host: '127.0.0.1', reserve: true });
    const { succession } = await passOn({ main: before });
    const socket = only(succession);
    expect(getOption(socket, 'SO_ACCEPTCONN')).toBe(false);
    const after = closing(createServer((peer) => peer.end('served')));
    const { port } = await listen(after, socket);
    await succession.ready();
    const client = net.connect(port, '127.0.0.1');
    const [data] = await once(client, 'data');
    expect(String(data)).toBe('served');
  });

  it('of UDP loses no datagram', async () => {
    const before = dgram.createSocket('udp4');
    const { port } = await bindUdp(before, { port: 0, host: '127.0.0.1' });
    const seen: string[] = [];
    const { succession, drained } = await passOn({ main: before });
    const after = dgram.createSocket('udp4');
    onTestFinished(() => {
      after.close();
    });
    before.on('message', (text) => seen.push(String(text)));
    after.on('message', (text) => seen.push(String(text)));
    await bindUdp(after, only(succession));
    const client = dgram.createSocket('udp4');
    onTestFinished(() => {
      client.close();
    });
    const sent = Array.from({ length: 50 }, (_, at) => String(at));
    for (const text of sent) client.send(text, port, '127.0.0.1');
    await succession.ready();
    await drained;
    client.send('last', port, '127.0.0.1');
    await expect.poll(() => seen.length).toBe(51);
    expect(seen.sort()).toEqual([...sent, 'last'].sort());
    // uv_udp_open() has set it, and anybody could have joined.
    expect(getOption(after, 'SO_REUSEADDR')).toBe(false);
  });

  it('lets the sessions of TLS go on', async () => {
    const file = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
    const credentials = { key: file('localhost.key'), cert: file('localhost.crt') };
    const make = () => https.createServer(credentials, (_, response) => response.end());
    const before = make();
    const { port } = await listen(before, { port: 0, host: '127.0.0.1' });
    const connectWith = async (session: Buffer | undefined) => {
      const socket = tls.connect({ ...trusting, port, ...(session === undefined ? {} : { session }) });
      const ticket = once(socket, 'session') as Promise<[Buffer]>;
      await once(socket, 'secureConnect');
      const isReused = socket.isSessionReused();
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      const found = session === undefined ? (await ticket)[0] : undefined;
      socket.resume();
      await once(socket, 'close');
      return { isReused, found };
    };
    const { found } = await connectWith(undefined);
    const { succession } = await passOn({ main: before });
    await listen(closing(make()), only(succession));
    await succession.ready();
    expect(await connectWith(found)).toMatchObject({ isReused: true });
  });

  it('closes what is left when the time is up, and counts it', async () => {
    const before = net.createServer((socket) => socket.on('error', () => {}));
    const { port } = await listen(before, { port: 0, host: '127.0.0.1' });
    const clients = [net.connect(port, '127.0.0.1'), net.connect(port, '127.0.0.1')];
    for (const client of clients) client.on('error', () => {});
    await Promise.all([once(before, 'connection'), ...clients.map((client) => once(client, 'connect'))]);
    await expect.poll(() => new Promise((resolve) => before.getConnections((_, count) => resolve(count)))).toBe(2);
    const { succession, drained } = await passOn({ main: before }, { drainTimeout: 50 });
    await listen(closing(createServer()), only(succession));
    const gone = clients.map((client) => once(client, 'close'));
    await succession.ready();
    expect(await drained).toEqual([{ closed: 2 }]);
    await Promise.all(gone);
  });

  it('answers clients that waited in the queue while nobody accepted', async () => {
    const before = createServer((socket) => socket.end('before'));
    const { port } = await listen(before, { port: 0, host: '127.0.0.1' });
    const path = ownPath();
    const instance = new Instance();
    const offer = await offerSockets({ path, sockets: [{ name: 'main', socket: before }] });
    onTestFinished(() => offer.close());
    await instance.tell({ do: 'take', path });
    await instance.tell({ do: 'adopt', kinds: { main: 'net' } });
    const ready = once(offer, 'ready');
    await instance.tell({ do: 'ready' });
    await ready;
    instance.stop();
    const clients = Array.from({ length: 20 }, () => net.connect(port, '127.0.0.1'));
    await Promise.all(clients.map((client) => once(client, 'connect')));
    const answers = clients.map((client) => once(client, 'data'));
    instance.goOn();
    for (const answer of answers) expect(String(await answer)).toBe(String(instance.pid));
  });

  itOn('linux')('leaves no socket open, and nothing to a child', async () => {
    const start = openSockets();
    const before = createServer();
    await listen(before, { port: 0, host: '127.0.0.1' });
    const { offer, succession, drained } = await passOn({ main: before });
    const after = createServer();
    await listen(after, only(succession));
    const listed = `require('node:fs').readdirSync('/proc/self/fd').flatMap((fd) => { try { return require('node:fs').readlinkSync('/proc/self/fd/' + fd) } catch { return [] } })`;
    const script = `console.log(JSON.stringify(${listed}.filter((link) => link.startsWith('socket:'))))`;
    const { stdout } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    const inodes = new Set(openSockets());
    expect((JSON.parse(stdout) as string[]).filter((link) => inodes.has(link) && !start.includes(link))).toEqual([]);
    await succession.ready();
    await drained;
    await new Promise<void>((resolve) => {
      after.close(() => resolve());
    });
    const again = await offerSockets({
      path: offer.path,
      sockets: [{ name: 'x', socket: new BoundSocket({ port: 0 }) }],
    });
    await again.close();
    await expect.poll(() => openSockets().length - start.length).toBeLessThanOrEqual(1);
  });
});
