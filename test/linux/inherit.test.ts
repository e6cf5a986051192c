// A spawned child holds no socket of ours, whatever became of the socket here.
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { type BindOptions, BoundSocket, bindUdp, listen } from 'exactbind';
import { afterEach, describe, expect, it } from 'vitest';
import { openSockets } from '../fixtures/descriptors.ts';
import { closed } from '../fixtures/servers.ts';

const local = { port: 0, host: '127.0.0.1' } as const;

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

/** The sockets that opening it added to this process, and those among them that a child holds. */
async function inherited(open: () => unknown): Promise<{ ours: number; children: string[] }> {
  const before = new Set(openSockets());
  await open();
  const ours = openSockets().filter((socket) => !before.has(socket));
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  // The child runs the other program by now, so that whatever was to be closed on exec has been.
  await once(child, 'spawn');
  const held = new Set(openSockets(child.pid));
  const exit = once(child, 'exit');
  child.kill();
  await exit;
  return { ours: ours.length, children: ours.filter((socket) => held.has(socket)) };
}

describe('a child process holds nothing', () => {
  it.each<[name: string, options: BindOptions]>([
    ['that listens', {}],
    ['that is reserved', { reserve: true }],
    ['of UDP', { protocol: 'udp' }],
  ])('of a BoundSocket %s', async (_, options) => {
    const open = () => {
      const bound = new BoundSocket({ ...local, ...options });
      endings.push(() => bound.close());
    };
    expect(await inherited(open)).toEqual({ ours: 1, children: [] });
  });

  it.each<[name: string, options: BindOptions]>([
    ['TCP', {}],
    ['UDP', { protocol: 'udp' }],
  ])('of a detached descriptor of %s', async (_, options) => {
    const open = () => {
      const fd = new BoundSocket({ ...local, ...options }).detach();
      endings.push(() => closeSync(fd));
    };
    // A UDP handle closes its own descriptor later.
    expect(await inherited(open)).toMatchObject({ children: [] });
  });

  it('of a server and the connection it accepted', async () => {
    const open = async () => {
      const server = createServer();
      endings.push(() => closed(server));
      const { port } = await listen(server, local);
      const client = connect(port, local.host);
      await Promise.all([once(server, 'connection'), once(client, 'connect')]);
      endings.unshift(() => client.destroy());
    };
    expect(await inherited(open)).toEqual({ ours: 3, children: [] });
  });

  it('of a dgram.Socket', async () => {
    const open = async () => {
      const socket = dgram.createSocket('udp4');
      endings.push(() => socket.close());
      await bindUdp(socket, local);
    };
    expect(await inherited(open)).toEqual({ ours: 1, children: [] });
  });
});
