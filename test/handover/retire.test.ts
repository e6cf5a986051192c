// retire(): members leave a reuse-port group under load, and not one handshake is reset, as it is by close().
// @module-tag node
import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { listen, setOption } from 'exactbind';
import { retire } from 'exactbind/handover';
import { afterEach, expect, it } from 'vitest';
import { fixture } from '../fixtures/handover/child.ts';
import { needs } from '../fixtures/needs.ts';
import { closed } from '../fixtures/servers.ts';
import { describeOn } from '../fixtures/systems.ts';
import { ownFolder } from '../fixtures/unix/holder.ts';

const servers: Server[] = [];
afterEach(() => Promise.all(servers.splice(0).map(closed)));

const run = promisify(execFile);

interface Found {
  readonly answered: number;
  readonly failed: Record<string, number>;
}

/** Members leave one way, several at once; 32 clients need 20 ms for a handshake. */
async function roll(way: 'close' | 'retire', rolls: number, together: number, after: number): Promise<Found> {
  const words = [way, '8', String(rolls), String(together), '32', String(after)];
  const { stdout } = await run(process.execPath, [fixture('rolling.cjs'), ...words]);
  return JSON.parse(stdout);
}

/** Servers in one group. */
async function group(count: number, host = '127.0.0.1'): Promise<Server[]> {
  const made: Server[] = [];
  let port = 0;
  for (let at = 0; at < count; at++) {
    const server = createServer((socket) => socket.end('served'));
    servers.push(server);
    made.push(server);
    ({ port } = await listen(server, { port, host, sharing: 'reuse-port' }));
  }
  return made;
}

const codeOf = (act: Promise<unknown>) =>
  act.then(
    () => undefined,
    ({ code }) => code,
  );

describeOn('linux')('retire()', () => {
  it('loses no handshake of a group of 8, one after the other and two at once', async () => {
    // Longer than a handshake, also where clients wait for a processor.
    for (const together of [1, 2]) {
      const { answered, failed } = await roll('retire', 2, together, 2000);
      expect(failed).toEqual({});
      expect(answered).toBeGreaterThan(100);
    }
  }, 300_000);

  it('is needed: close() resets some', async () => {
    const { failed } = await roll('close', 4, 1, 0);
    expect(failed['ECONNRESET']).toBeGreaterThan(0);
  }, 300_000);

  it.each(['127.0.0.1', '0.0.0.0', '::1', '::'])('leaves a group on %s from every place in it', async (host) => {
    const [first, second, third, fourth] = (await group(4, host)) as [Server, Server, Server, Server];
    for (const server of [third, first, fourth]) {
      await retire(server, { after: 0 });
      expect(server.listening).toBe(false);
    }
    expect(second.listening).toBe(true);
  });

  it('leaves the group as it found it: who joins afterwards is chosen too', async () => {
    const [first, second] = (await group(2)) as [Server, Server];
    const { port } = second.address() as { port: number };
    await retire(first, { after: 0 });
    const joined = createServer((socket) => socket.end('joined'));
    servers.push(joined);
    await listen(joined, { port, host: '127.0.0.1', sharing: 'reuse-port' });
    const answers = new Set<string>();
    for (let turn = 0; turn < 40; turn++) answers.add(await answerOf(port));
    expect([...answers].sort()).toEqual(['joined', 'served']);
  });

  it('counts those of its own address alone, and can be asked again', async () => {
    const [alone] = (await group(1, '127.0.0.1')) as [Server];
    const { port } = alone.address() as { port: number };
    const joinAt = async (host: string) => {
      const server = createServer((socket) => socket.end('served'));
      servers.push(server);
      await listen(server, { port, host, sharing: 'reuse-port' });
    };
    await joinAt('127.0.0.2');
    expect(await codeOf(retire(alone, { after: 0 }))).toBe('ESRCH');
    await joinAt('127.0.0.1');
    await retire(alone, { after: 0 });
    expect(alone.listening).toBe(false);
  });

  it('counts those of both families apart from those of IPv6 alone', async () => {
    needs('IPv6');
    const [alone] = (await group(1, '::')) as [Server];
    const { port } = alone.address() as { port: number };
    const other = createServer();
    servers.push(other);
    await listen(other, { port, host: '::', ipv6Only: true, sharing: 'reuse-port' });
    expect(await codeOf(retire(alone, { after: 0 }))).toBe('ESRCH');
  });

  it('refuses what it cannot do, and the server serves on', async () => {
    const [alone] = (await group(1)) as [Server];
    expect(await codeOf(retire(alone, { after: 0 }))).toBe('ESRCH');
    const own = createServer();
    servers.push(own);
    await listen(own, { port: 0, host: '127.0.0.1' });
    expect(await codeOf(retire(own))).toBe('ENOTSUP');
    const onPath = createServer();
    servers.push(onPath);
    await listen(onPath, { path: join(ownFolder(), 'app.sock') });
    expect(await codeOf(retire(onPath))).toBe('ENOTSUP');
    expect(await codeOf(retire(createServer()))).toBe('ERR_SERVER_NOT_RUNNING');
    expect(await codeOf(retire({} as Server))).toBe('ERR_INVALID_ARG_TYPE');
    expect(await codeOf(retire(alone, { after: -1 }))).toBe('ERR_OUT_OF_RANGE');
    const [filtered] = (await group(2)) as [Server];
    setOption(filtered, 'SO_ATTACH_FILTER', Buffer.from(new Uint16Array([6, 0, 0xffff, 0]).buffer));
    expect(await codeOf(retire(filtered))).toBe('ENOTSUP');
    expect([alone, own, filtered].map(({ listening }) => listening)).toEqual([true, true, true]);
  });
});

describeOn('darwin', 'windows')('retire()', () => {
  it('is ENOTSUP', async () => {
    expect(await codeOf(retire(createServer()))).toBe('ENOTSUP');
  });
});

async function answerOf(port: number): Promise<string> {
  const { connect } = await import('node:net');
  const socket = connect(port, '127.0.0.1');
  let text = '';
  for await (const bytes of socket) text += bytes;
  return text;
}
