// Several that call listenOrTake() at the same instant: one listens, the others take over from one another, nobody fails.
import net, { type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Instance, ownPath } from '../fixtures/handover/instance.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn } from '../fixtures/systems.ts';

/** `npm run sweep handover` runs 20. */
const ROUNDS = Number(process.env['EXACTBIND_HANDOVER_RACES'] ?? 1);

const pidAt = (port: number) =>
  new Promise<number>((resolve, reject) => {
    const client = net.connect(port, '127.0.0.1');
    client.on('data', (text) => resolve(Number(String(text)))).on('error', reject);
    client.on('close', () => reject(new Error('closed')));
  });

/** Asks without a pause; once somebody has answered, everybody must be. */
function watch(port: number) {
  let isOver = false;
  const seen = { pids: new Set<number>(), failed: [] as string[] };
  const running = (async () => {
    while (!isOver) {
      try {
        seen.pids.add(await pidAt(port));
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (seen.pids.size > 0) seen.failed.push(code ?? message);
        // Nobody listens yet: whoever does, needs the processor.
        else await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    return seen;
  })();
  return () => {
    isOver = true;
    return running;
  };
}

describeOn('linux', 'darwin')('listenOrTake()', () => {
  describe.each([2, 6])('of %i at once', (count) => {
    it.each(Array.from({ length: ROUNDS }, (_, round) => round))(
      'leaves one, and the port is never closed (%i)',
      {
        timeout: 120_000,
      },
      async () => {
        const handover = ownPath();
        const port = ownPort();
        const options = { port, host: '127.0.0.1', handover };
        const instances = Array.from({ length: count }, () => new Instance());
        await Promise.all(instances.map((instance) => instance.tell({ do: 'delay', milliseconds: 0 })));
        const stop = watch(port);
        const addresses = await Promise.all(
          instances.map((instance) => instance.tell<AddressInfo>({ do: 'listenOrTake', kind: 'net', options })),
        );
        expect(addresses.map((address) => address.port)).toEqual(instances.map(() => port));
        const closed = () => instances.filter(({ said }) => said.some(({ event }) => event === 'closed'));
        await expect.poll(() => closed().length, { timeout: 30_000 }).toBe(count - 1);
        const left = instances.filter((instance) => !closed().includes(instance));
        // Whoever has taken over ends, and the port is the last one's alone.
        await Promise.all(closed().map((instance) => instance.end()));
        expect(await pidAt(port)).toBe(left[0]?.pid);
        const { failed, pids } = await stop();
        expect(failed).toEqual([]);
        expect([...pids].every((pid) => instances.some((instance) => instance.pid === pid))).toBe(true);
      },
    );
  });
});
