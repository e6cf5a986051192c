// systemd's part is played: who is the main process of a unit while one instance hands over to the next, and what it is told.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { takeSockets } from 'exactbind/handover';
import { expect, it, onTestFinished } from 'vitest';
import { Instance, ownPath } from '../fixtures/handover/instance.ts';
import { needs } from '../fixtures/needs.ts';
import { describeOn } from '../fixtures/systems.ts';
import { ownFolder } from '../fixtures/unix/holder.ts';

/** NotifyAccess=main (systemd.service(5)): what another process than the main one says is dropped. */
const MANAGER = `
import json, socket, struct, sys
inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
inbox.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
inbox.bind(sys.argv[1])
main = None
print(json.dumps('bound'), flush=True)
while True:
    data, control, _, _ = inbox.recvmsg(4096, socket.CMSG_SPACE(12))
    pid, _, _ = struct.unpack('3i', control[0][2][:12])
    main = main or pid
    heard = pid == main
    for line in data.decode().split('\\n'):
        if heard and line.startswith('MAINPID='): main = int(line[8:])
    print(json.dumps({'from': pid, 'heard': heard, 'said': data.decode(), 'main': main}), flush=True)
`;

interface Notice {
  readonly from: number;
  readonly heard: boolean;
  readonly said: string;
  readonly main: number;
}

async function manager() {
  needs('python3');
  const path = join(ownFolder(), 'notify');
  const child = spawn('python3', ['-c', MANAGER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill();
    await ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string) as Notice;
  await next();
  return { env: { NOTIFY_SOCKET: path }, next };
}

describeOn('linux')('a unit of Type=notify', () => {
  it('has the successor as its main process before that says that it is ready, and before the old one ends', async () => {
    const { env, next } = await manager();
    const handover = ownPath();
    const instances = [new Instance([], env), new Instance([], env), new Instance([], env)] as const;
    const [first] = instances;
    let port = 0;
    for (const [at, instance] of instances.entries()) {
      const options = { port, host: '127.0.0.1', handover };
      port = (await instance.tell<AddressInfo>({ do: 'listenOrTake', options })).port;
      await instance.tell({ do: 'notifyReady' });
      const before = instances[at - 1];
      const { pid } = instance;
      if (before !== undefined) {
        expect(await next()).toEqual({ from: before.pid, heard: true, said: `MAINPID=${pid}`, main: pid });
        await before.heard('closed');
        await before.end();
      }
      expect(await next()).toEqual({ from: pid, heard: true, said: 'READY=1', main: pid });
    }
    expect(first.process.exitCode ?? first.process.signalCode).not.toBe(null);
  });

  it('keeps its main process where the successor gives up', async () => {
    const { env, next } = await manager();
    const path = ownPath();
    const before = new Instance([], env);
    await before.tell({ do: 'listen', kind: 'net', options: { port: 0, host: '127.0.0.1' } });
    await before.tell({ do: 'offer', path });
    const succession = await takeSockets({ path });
    await succession.abandon();
    await before.heard('abandoned');
    await before.tell({ do: 'notifyReady' });
    expect(await next()).toEqual({ from: before.pid, heard: true, said: 'READY=1', main: before.pid });
  });

  it('that cannot be told keeps nobody from taking over', async () => {
    const handover = ownPath();
    const env = { NOTIFY_SOCKET: join(ownFolder(), 'nobody') };
    const [before, after] = [new Instance([], env), new Instance([], env)];
    const { port } = await before.tell<AddressInfo>({
      do: 'listenOrTake',
      options: { port: 0, host: '127.0.0.1', handover },
    });
    await after.tell({ do: 'listenOrTake', options: { port, host: '127.0.0.1', handover } });
    await before.heard('closed');
  });
});
