// listenOrTake(): starts, takes over, and finds its way when several start at once.
import { once } from 'node:events';
import { mkdirSync, statSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { BoundSocket } from 'exactbind';
import { listenOrTake, takeSockets } from 'exactbind/handover';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import { describe } from '../../lib/handover/carried.ts';
import { Instance, ownPath } from '../fixtures/handover/instance.ts';
import { playOffer } from '../fixtures/handover/peer.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn } from '../fixtures/systems.ts';

const { RUNTIME_DIRECTORY, XDG_RUNTIME_DIR } = process.env;
afterEach(() => {
  for (const [name, value] of Object.entries({ RUNTIME_DIRECTORY, XDG_RUNTIME_DIR })) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

function server(): http.Server {
  const made = http.createServer((_, response) => response.end(String(process.pid)));
  onTestFinished(() => {
    made.closeAllConnections();
    made.close();
  });
  return made;
}

const start = (instance: Instance, options: object) =>
  instance.tell<AddressInfo>({ do: 'listenOrTake', kind: 'http', options });

const pidAt = (port: number) =>
  new Promise<number>((resolve, reject) => {
    const request = http.get({ port, host: '127.0.0.1', agent: false }, (response) => {
      response.setEncoding('utf8').on('data', (text) => resolve(Number(text)));
    });
    request.on('error', reject);
  });

describeOn('linux', 'darwin')('listenOrTake()', () => {
  it('listens where nobody runs, and takes over from who does', async () => {
    const handover = ownPath();
    const [one, other] = [new Instance(), new Instance()];
    const address = await start(one, { port: 0, host: '127.0.0.1', handover });
    expect(await start(other, { port: address.port, host: '127.0.0.1', handover })).toEqual(address);
    await one.heard('closed');
    expect(await pidAt(address.port)).toBe(other.pid);
    expect(statSync(handover).mode & 0o777).toBe(0o600);
  });

  it('starts again after a crash', async () => {
    const handover = ownPath();
    const one = new Instance();
    const port = ownPort();
    await start(one, { port, host: '127.0.0.1', handover });
    await one.end('SIGKILL');
    const other = new Instance();
    await start(other, { port, host: '127.0.0.1', handover });
    expect(await pidAt(port)).toBe(other.pid);
  });

  it('lets one listen of several that start at once, and the others take over from one another', {
    timeout: 120_000,
  }, async () => {
    const handover = ownPath();
    const instances = Array.from({ length: 4 }, () => new Instance());
    await Promise.all(instances.map((instance) => instance.tell({ do: 'delay', milliseconds: 0 })));
    const addresses = await Promise.all(
      instances.map((instance) => start(instance, { port: 0, host: '127.0.0.1', handover })),
    );
    const [{ port }] = addresses as [AddressInfo];
    for (const address of addresses) expect(address.port).toBe(port);
    await expect
      .poll(() => instances.filter(({ said }) => said.some(({ event }) => event === 'closed')).length)
      .toBe(3);
    const left = instances.filter(({ said }) => !said.some(({ event }) => event === 'closed'));
    expect(await pidAt(port)).toBe(left[0]?.pid);
  });

  it('listens on its own address if the running one has another, which drains all the same', async () => {
    const handover = ownPath();
    const [one, other] = [new Instance(), new Instance()];
    const before = await start(one, { port: 0, host: '127.0.0.1', handover });
    const port = ownPort();
    expect(await start(other, { port, host: '127.0.0.1', handover })).toMatchObject({ port });
    await one.heard('closed');
    expect(await pidAt(port)).toBe(other.pid);
    await expect(pidAt(before.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('names the holder of the port, if that one does not offer', async () => {
    const taken = new BoundSocket({ port: 0, host: '127.0.0.1' });
    onTestFinished(() => taken.close());
    const { port } = taken.address();
    const handover = ownPath();
    await expect(listenOrTake(server(), { port, host: '127.0.0.1', handover })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      port,
    });
    await expect(takeSockets({ path: handover })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('finds a bare name in the folder of the service, or of the user', async () => {
    const folder = dirname(ownPath());
    process.env['RUNTIME_DIRECTORY'] = `${folder}:/elsewhere`;
    const first = server();
    await listenOrTake(first, { port: 0, host: '127.0.0.1', handover: 'web' });
    expect(statSync(join(folder, 'web.handover')).isSocket()).toBe(true);
    const again = listenOrTake(server(), { port: 0, host: '127.0.0.1', handover: 'web' });
    await expect(again).rejects.toMatchObject({ code: 'EADDRINUSE', message: /a name of its own/ });
    delete process.env['RUNTIME_DIRECTORY'];
    const other = join(folder, 'user');
    mkdirSync(other, { mode: 0o700 });
    process.env['XDG_RUNTIME_DIR'] = other;
    await listenOrTake(server(), { port: 0, host: '127.0.0.1', handover: 'web' });
    expect(statSync(join(other, 'web.handover')).isSocket()).toBe(true);
  });

  it('refuses names that are none', async () => {
    const from = (handover: unknown) => listenOrTake(server(), { port: 0, handover: handover as string });
    await expect(from(undefined)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    await expect(from('')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(from('a b')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(from('..')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(from('./nowhere/at/all')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(listenOrTake(server(), { port: 70_000, handover: ownPath() })).rejects.toMatchObject({
      code: 'ERR_SOCKET_BAD_PORT',
    });
    await expect(listenOrTake(server(), { prot: 1, handover: ownPath() } as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });

  it('waits for an instance that is slow to answer, at each step', { timeout: 60_000 }, async () => {
    const handover = ownPath();
    const bound = new BoundSocket({ port: 0, host: '127.0.0.1' });
    onTestFinished(() => bound.close());
    const control = new BoundSocket({ path: ownPath() });
    onTestFinished(() => control.close());
    // Slowness is what is tested, so there is no event: longer than the 5 s that takeSockets() and ready() give it.
    const slowly = () => new Promise((resolve) => setTimeout(resolve, 5200));
    await playOffer(handover, async (peer) => {
      expect(await peer.next()).toMatchObject({ type: 'hello' });
      await slowly();
      const carried = describe('server', bound.fd(), undefined, undefined);
      peer.sendWith({ type: 'offer', version: 1, sockets: [carried] }, [control.fd(), bound.fd()]);
      expect(await peer.next()).toEqual({ type: 'ready' });
      await slowly();
      peer.send({ type: 'stopped' });
      expect(await peer.next()).toEqual({ type: 'commit' });
      peer.send({ type: 'draining' });
    });
    const { port } = bound.address();
    expect(await listenOrTake(server(), { port, host: '127.0.0.1', handover })).toMatchObject({ port });
  });

  it('goes on with the offer of the one before, so that the next needs nothing', async () => {
    const handover = ownPath();
    const first = new Instance();
    const { port } = await start(first, { port: 0, host: '127.0.0.1', handover });
    const { ino } = statSync(handover);
    const second = server();
    await listenOrTake(second, { port, host: '127.0.0.1', handover });
    await first.heard('closed');
    const closed = once(second, 'close');
    const third = new Instance();
    await start(third, { port, host: '127.0.0.1', handover });
    await closed;
    expect(statSync(handover).ino).toBe(ino);
    expect(await pidAt(port)).toBe(third.pid);
  });
});
