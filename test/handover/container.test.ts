// Two containers with a folder in common: other process numbers, mounts and network, and the same user.
import { mkdirSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { Instance, ownPath } from '../fixtures/handover/instance.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn } from '../fixtures/systems.ts';

/** What comes before a command that is to see a folder at another path alone, and nothing of our processes and our network. */
function inContainer(folder: string, at: string): string[] {
  const folders = 'mount --bind "$1" "$2" && mount -t tmpfs none "$1"';
  const mounts = `${folders} && mount -t proc proc /proc && ip link set lo up && shift 2 && exec "$@"`;
  const namespaces = ['unshare', '--pid', '--fork', '--kill-child', '--mount', '--net'];
  return [...namespaces, 'sh', '-c', mounts, 'sh', folder, at];
}

/** A folder that two have in common, and where the other sees it. */
function shared() {
  needs('another network', 'another /proc');
  const path = ownPath();
  const folder = dirname(path);
  const at = join(dirname(ownPath()), 'inside');
  mkdirSync(at, { mode: 0o700 });
  return { folder, at, path, inside: join(at, 'offer') };
}

function answerAt(where: net.NetConnectOpts): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = net.connect(where);
    client.once('data', (text) => {
      client.destroy();
      resolve(String(text));
    });
    client.once('error', reject);
  });
}

// The first process of its namespace.
const INSIDE = '1';

describeOn('linux')('a container', () => {
  it('takes a port over from outside, serves it in the network where it was bound, and gives it back', {
    timeout: 60_000,
  }, async () => {
    const { folder, at, path, inside } = shared();
    const [before, after, last] = [new Instance(), new Instance(inContainer(folder, at)), new Instance()];
    const port = ownPort();
    const where = { port, host: '127.0.0.1' };
    const options = { ...where, handover: path };
    await before.tell<AddressInfo>({ do: 'listenOrTake', kind: 'net', options });
    await after.tell({ do: 'listenOrTake', kind: 'net', options: { ...where, handover: inside } });
    await before.heard('closed');
    await before.end();
    expect(await answerAt(where)).toBe(INSIDE);
    // In its own network nobody has the port: it can be bound there, by another socket.
    expect(await after.tell({ do: 'listen', name: 'other', kind: 'net', options: where })).toMatchObject({ port });
    await last.tell({ do: 'listenOrTake', kind: 'net', options });
    await after.heard('closed');
    expect(await answerAt(where)).toBe(String(last.pid));
  });

  it('takes a Unix socket over, whose file it knows at another path, and removes it in the end', {
    timeout: 60_000,
  }, async () => {
    const { folder, at, path, inside } = shared();
    const [before, after] = [new Instance(), new Instance(inContainer(folder, at))];
    const socket = join(folder, 'app.sock');
    await before.tell({ do: 'listenOrTake', kind: 'net', options: { path: socket, handover: path } });
    await after.tell({
      do: 'listenOrTake',
      kind: 'net',
      options: { path: join(at, 'app.sock'), handover: inside },
    });
    await before.heard('closed');
    await before.end();
    expect(await answerAt({ path: socket })).toBe(INSIDE);
    await after.tell({ do: 'close' });
    await after.heard('closed');
    await expect(answerAt({ path: socket })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('that is killed before it is ready leaves the one outside serving', { timeout: 60_000 }, async () => {
    const { folder, at, path, inside } = shared();
    const [before, after] = [new Instance(), new Instance(inContainer(folder, at))];
    const where = { port: ownPort(), host: '127.0.0.1' };
    await before.tell({ do: 'listen', kind: 'net', options: where });
    await before.tell({ do: 'offer', path });
    await after.tell({ do: 'take', path: inside });
    await before.heard('taken');
    await after.end('SIGKILL');
    await before.heard('abandoned');
    expect(await answerAt(where)).toBe(String(before.pid));
  });
});
