// Worker threads: each has sockets of its own, and leaves nothing behind however it ends.
// @module-tag node
import { type AddressInfo, connect } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { Actor } from '../fixtures/actor.ts';
import { isLinux, isWindows } from '../fixtures/facts.ts';
import { NodeActor } from '../fixtures/node-actor.ts';
import { ownPort } from '../fixtures/ports.ts';
import { fixture, lines } from '../fixtures/register/run.ts';
import { itOn } from '../fixtures/systems.ts';

const actors: (Actor | NodeActor)[] = [];
afterEach(() => Promise.all(actors.splice(0).map((made) => made.end())));

const ADOPTED = ['server.listen(BoundSocket)', 'listen()'];
const NOT_ADOPTED = ['a BoundSocket that nobody adopted', 'a reservation', 'a UDP socket that nobody adopted'];
const ENDS = ['terminate', 'exit', 'return', 'throw'];
const WORKERS = Number(process.env.EXACTBIND_WORKERS ?? 100);

async function started(way: string, end: string, port = 0): Promise<{ worker: Worker; port: number }> {
  const worker = new Worker(fixture('worker-threads/bind.mjs'), { workerData: { way, end, port } });
  // Not once(), which an error would reject: where the worker throws, it may come before the message.
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  worker.on('error', ({ message }) => expect(message).toBe('on purpose'));
  const address = await new Promise<AddressInfo>((resolve) => worker.once('message', resolve));
  await (end === 'terminate' ? undefined : ended);
  return { worker, port: address.port };
}

async function read(port: number): Promise<string> {
  let text = '';
  for await (const chunk of connect(port, '127.0.0.1').setEncoding('utf8')) text += chunk;
  return text;
}

describe('in a worker thread', () => {
  it.each(ADOPTED)('%s serves', async (way) => {
    const { worker, port } = await started(way, 'terminate');
    expect(await read(port)).toBe('worker thread');
    await worker.terminate();
  });

  describe.each([...ADOPTED, ...NOT_ADOPTED])('%s', (way) => {
    it.each(ENDS)('leaves its port free to other processes: %s', async (end) => {
      const port = ownPort();
      const { worker } = await started(way, end, port);
      const other = isWindows ? new NodeActor() : new Actor();
      actors.push(other);
      const protocol = way.includes('UDP') ? 'udp' : 'tcp';
      if (end === 'terminate') {
        expect(await other.open({ host: '127.0.0.1', port, protocol })).toMatchObject({
          error: expect.stringMatching(/EADDRINUSE$/),
        });
        await worker.terminate();
      }
      expect(await other.open({ host: '127.0.0.1', port, protocol })).toMatchObject({ port });
    });
  });
});

describe('many worker threads', () => {
  it('load the addon at once with the main thread, and end without touching what is its own', async () => {
    expect(await lines([fixture('worker-threads/at-once.mjs')])).toEqual([
      { ports: 5, address: '127.0.0.1', fd: isLinux },
    ]);
  });

  itOn('linux')(`leave no descriptor, ${WORKERS} of them`, { timeout: 180_000 }, async () => {
    const program = [fixture('worker-threads/many.mjs'), String(WORKERS)];
    const [seen] = await lines<{ before: object; after: object }>(program);
    expect(seen).toMatchObject({ bound: WORKERS + 1, after: seen?.before });
  });
});
