// Unix sockets from one instance to the next: who serves, whose the file is at each step, and what comes from a starter.
// @module-tag node
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import net, { createServer, type Server } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { BoundSocket, inspectPort, listen } from 'exactbind';
import { listenOrTake, type Offer, offerSockets, type Succession, takeSockets } from 'exactbind/handover';
import { expect, it, onTestFinished } from 'vitest';
import { addon } from '../../lib/addon.ts';
import type { Carried } from '../../lib/handover/protocol.ts';
import { Instance, ownPath } from '../fixtures/handover/instance.ts';
import { startLoad } from '../fixtures/handover/load.ts';
import { type Peer, playOffer } from '../fixtures/handover/peer.ts';
import { needs } from '../fixtures/needs.ts';
import { describeOn, itOn } from '../fixtures/systems.ts';
import { ownFolder, PathHolder } from '../fixtures/unix/holder.ts';

type Taken = BoundSocket<string>;

/** What the socket of a path answers with. */
async function answerAt(path: string): Promise<string> {
  const client = net.connect(path);
  onTestFinished(() => void client.destroy());
  const [data] = await once(client, 'data');
  return String(data);
}

function answering(text: string): Server {
  const server = createServer((socket) => socket.on('error', () => {}).end(text));
  onTestFinished(() => void server.close());
  return server;
}

const close = (server: Server) => new Promise((resolve) => server.close(resolve));

const start = (instance: Instance, options: object, kind = 'net') =>
  instance.tell<string>({ do: 'listenOrTake', kind, options });

/** Two instances: the second has taken over, and the first has closed. */
async function succeeded(options: object): Promise<[before: Instance, after: Instance]> {
  const [one, other] = [new Instance(), new Instance()];
  await start(one, options);
  await start(other, options);
  await one.heard('closed');
  return [one, other];
}

interface Pair {
  readonly path: string;
  readonly before: Server;
  readonly offer: Offer;
  readonly succession: Succession;
  readonly socket: Taken;
}

/** An offer of this process, and who has taken it. */
async function pair(path = join(ownFolder(), 'app.sock')): Promise<Pair> {
  const before = answering('before');
  await listen(before, { path });
  const offered = ownPath();
  const offer = await offerSockets({ path: offered, sockets: [{ name: 'main', socket: before }] });
  onTestFinished(() => offer.close());
  const succession = await takeSockets({ path: offered });
  onTestFinished(() => succession.abandon());
  return { path, before, offer, succession, socket: succession.sockets[0]?.socket as Taken };
}

describeOn('linux', 'darwin')('a Unix socket that is handed over', () => {
  it('is served by the next one under the same file, which goes when that closes for good', async () => {
    const path = join(ownFolder(), 'app.sock');
    const handover = ownPath();
    const [one, other] = [new Instance(), new Instance()];
    expect(await start(one, { path, handover })).toBe(path);
    const { ino } = statSync(path);
    expect(await start(other, { path, handover })).toBe(path);
    await one.heard('closed');
    await one.end();
    expect(statSync(path).ino).toBe(ino);
    expect(await answerAt(path)).toBe(String(other.pid));
    const third = answering('third');
    expect(await listenOrTake(third, { path, handover })).toBe(path);
    await other.heard('closed');
    expect(statSync(path).ino).toBe(ino);
    expect(third.address()).toBe(path);
    await close(third);
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  it('loses no request in upgrades', { timeout: 120_000 }, async () => {
    const path = join(ownFolder(), 'app.sock');
    const handover = ownPath();
    let running = new Instance();
    await start(running, { path, handover }, 'http');
    const seen = startLoad({ kind: 'http', port: 0, socketPath: path, pauses: [0, 5, 60] });
    await seen.answers(100);
    for (let upgrade = 0; upgrade < 3; upgrade++) {
      const next = new Instance();
      await start(next, { path, handover }, 'http');
      await seen.answers(100);
      await running.heard('closed');
      running = next;
    }
    await seen.stop();
    expect(seen.failed).toEqual({});
    expect(seen.instances.size).toBe(4);
  });

  it('keeps its outcome, what it is worth, and its backlog', async () => {
    const path = join(ownFolder(0o777), 'app.sock');
    const before = new BoundSocket({ path, backlog: 37 });
    const offered = ownPath();
    const offer = await offerSockets({ path: offered, sockets: [{ name: 'main', socket: before }] });
    onTestFinished(() => offer.close());
    const succession = await takeSockets({ path: offered });
    const after = succession.sockets[0]?.socket as Taken;
    expect(after.isPipe).toBe(true);
    expect(after.address()).toBe(path);
    expect(after).toMatchObject({ outcome: 'clean', exclusivity: 'partial', caveat: before.caveat });
    expect(after.caveat).toMatch(/others can write to/);
    const server = answering('after');
    server.listen(after, 8 as never);
    await once(server, 'listening');
    const drained = once(offer, 'drained');
    await succession.ready();
    await drained;
    expect(await answerAt(path)).toBe('after');
    needs('iproute2');
    const { stdout } = spawnSync('ss', ['-xlnH', 'src', path], { encoding: 'utf8' });
    expect(stdout.trim().split(/\s+/)[3]).toBe('37');
  });

  it('leaves the file where the next one closes before it was ready', async () => {
    const { path, offer, succession, socket } = await pair();
    const after = answering('after');
    await listen(after, socket);
    await close(after);
    expect(existsSync(path)).toBe(true);
    const abandoned = once(offer, 'abandoned');
    await succession.abandon();
    await abandoned;
    expect(await answerAt(path)).toBe('before');
  });

  it('has its file removed by the old one whose successor has given up', async () => {
    const { path, before, offer, succession } = await pair();
    const abandoned = once(offer, 'abandoned');
    await succession.abandon();
    await abandoned;
    await close(before);
    expect(existsSync(path)).toBe(false);
  });

  it('keeps its file where the old one closes while the next one has it', async () => {
    const { path, before, succession, socket } = await pair();
    const after = answering('after');
    await listen(after, socket);
    await close(before);
    expect(await answerAt(path)).toBe('after');
    await succession.ready();
    await close(after);
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  it('leaves no file where the old one closes, and the next one gives up', async () => {
    const { path, before, offer, succession } = await pair();
    await close(before);
    expect(existsSync(path)).toBe(true);
    const abandoned = once(offer, 'abandoned');
    await succession.abandon();
    await abandoned;
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  it('is the next one’s to remove where the old one is killed', async () => {
    const path = join(ownFolder(), 'app.sock');
    const handover = ownPath();
    const before = new Instance();
    await start(before, { path, handover });
    const succession = await takeSockets({ path: handover });
    await before.end('SIGKILL');
    const after = answering('after');
    await listen(after, succession.sockets[0]?.socket as Taken);
    await succession.ready();
    expect(await answerAt(path)).toBe('after');
    await close(after);
    expect(existsSync(path)).toBe(false);
  });

  it('is replaced where the last one was killed', async () => {
    const path = join(ownFolder(), 'app.sock');
    const handover = ownPath();
    const [, other] = await succeeded({ path, handover });
    await other.end('SIGKILL');
    const third = answering('third');
    await listenOrTake(third, { path, handover });
    expect(await answerAt(path)).toBe('third');
  });

  it('is known to be the next one’s, to whom the lock and the errors are from then on', async () => {
    const path = join(ownFolder(), 'app.sock');
    const handover = ownPath();
    const [one, other] = await succeeded({ path, handover });
    await one.end();
    expect(readdirSync(dirname(path))).toEqual([basename(path)]);
    await expect(listen(answering('thief'), { path })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const { verdict, holders } = await inspectPort({ path });
    expect({ verdict, holders }).toMatchObject({ verdict: 'listening', holders: [{ pid: other.pid }] });
  });

  it('is found by another name of its folder', async () => {
    const folder = ownFolder();
    const path = join(folder, 'app.sock');
    const handover = ownPath();
    const one = new Instance();
    await start(one, { path, handover });
    const alias = join(ownFolder(), 'alias');
    symlinkSync(folder, alias);
    const after = answering('after');
    await listenOrTake(after, { path: join(alias, 'app.sock'), handover });
    await one.heard('closed');
    expect(await answerAt(path)).toBe('after');
    await close(after);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is left where the next one asks for another path, or for a port', async () => {
    const folder = ownFolder();
    const handover = ownPath();
    const one = new Instance();
    await start(one, { path: join(folder, 'one.sock'), handover });
    const other = new Instance();
    expect(await start(other, { path: join(folder, 'other.sock'), handover })).toBe(join(folder, 'other.sock'));
    await one.heard('closed');
    expect(readdirSync(folder)).toEqual(['other.sock']);
    const third = answering('third');
    await listenOrTake(third, { port: 0, host: '127.0.0.1', handover });
    await other.heard('closed');
    expect(readdirSync(folder)).toEqual([]);
  });

  itOn('linux')('may have an abstract name', async () => {
    const path = `\0exactbind-${process.pid}`;
    const handover = ownPath();
    const one = new Instance();
    await start(one, { path, handover });
    const after = answering('after');
    expect(await listenOrTake(after, { path, handover })).toBe(path);
    await one.heard('closed');
    await one.end();
    // Node connects to no such name.
    expect((await new PathHolder().connect(path, true)).text).toBe('after');
  });

  it('may be one that no server has adopted', async () => {
    const path = join(ownFolder(), 'app.sock');
    const bound = new BoundSocket({ path });
    const offered = ownPath();
    const offer = await offerSockets({ path: offered, sockets: [{ name: 'main', socket: bound }] });
    const drained = once(offer, 'drained');
    const succession = await takeSockets({ path: offered });
    const after = succession.sockets[0]?.socket as Taken;
    await succession.ready();
    await drained;
    expect(existsSync(path)).toBe(true);
    after.close();
    expect(existsSync(path)).toBe(false);
  });

  it("cannot be one of Node's own, which removes its file", async () => {
    const path = join(ownFolder(), 'app.sock');
    const before = answering('before').listen(path);
    await once(before, 'listening');
    const offer = offerSockets({ path: ownPath(), sockets: [{ name: 'main', socket: before }] });
    await expect(offer).rejects.toMatchObject({ code: 'ENOTSUP', message: /listen\(server, \{ path \}\)/ });
  });

  it('is refused with options that are none of its own, before anybody hands over', async () => {
    const handover = ownPath();
    const one = new Instance();
    await start(one, { path: join(ownFolder(), 'app.sock'), handover });
    const asked = { path: 'app.sock', port: 1, handover } as never;
    await expect(listenOrTake(answering(''), asked)).rejects.toMatchObject({ code: 'ERR_INCOMPATIBLE_OPTION_PAIR' });
    expect(one.said.filter(({ event }) => event === 'closed')).toEqual([]);
  });
});

describeOn('linux', 'darwin')('an offer of a Unix socket', () => {
  const carried = (path: string, more: object = {}): Carried => ({
    name: 'main',
    protocol: 'unix',
    path,
    file: path,
    fileId: '1:1',
    backlog: 511,
    outcome: 'clean',
    exclusivity: 'full',
    caveat: null,
    ticketKeys: null,
    ...more,
  });

  /** What takeSockets() says of an offer that is played. */
  async function refusal(make: (folder: string) => { carried: Carried; handle: number }): Promise<unknown> {
    const offered = ownPath();
    const { handle, carried: said } = make(ownFolder());
    const control = addon.socket(addon.constants['AF_UNIX'] ?? 1, addon.constants['SOCK_STREAM'] ?? 1, 0);
    onTestFinished(() => {
      addon.close(control);
      addon.close(handle);
    });
    await playOffer(offered, async (peer: Peer) => {
      await peer.next();
      peer.sendWith({ type: 'offer', version: 1, sockets: [said] }, [control, handle]);
    });
    return takeSockets({ path: offered }).then(
      () => undefined,
      (error: Error) => error.message,
    );
  }

  const unix = () => addon.socket(addon.constants['AF_UNIX'] ?? 1, addon.constants['SOCK_STREAM'] ?? 1, 0);

  it('is refused where the descriptor is another socket than it says', async () => {
    const elsewhere = await refusal((folder) => {
      const handle = unix();
      addon.bindPath(handle, join(folder, 'one'));
      addon.listen(handle, new Int32Array([0]), 5);
      return { handle, carried: carried(join(folder, 'other')) };
    });
    expect(elsewhere).toMatch(/bound to another path/);
    const port = await refusal((folder) => {
      const handle = addon.socket(addon.constants['AF_INET'] ?? 2, addon.constants['SOCK_DGRAM'] ?? 2, 0);
      return { handle, carried: carried(join(folder, 'one')) };
    });
    expect(port).toMatch(/not unix/);
  });

  itOn('linux')('is refused where it does not listen', async () => {
    const said = await refusal((folder) => {
      const handle = unix();
      addon.bindPath(handle, join(folder, 'one'));
      return { handle, carried: carried(join(folder, 'one')) };
    });
    expect(said).toMatch(/does not listen/);
  });

  it.each([
    ['a relative file', { file: 'app.sock' }],
    ['no path', { path: '' }],
    ['no id', { fileId: 1 }],
  ])('is malformed with %s', async (_, more) => {
    const said = await refusal((folder) => ({ handle: unix(), carried: carried(join(folder, 'one'), more) }));
    expect(said).toMatch(/without its fields/);
  });
});
