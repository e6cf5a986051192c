// Either instance is killed or stopped at each step of a hand-over: the port is served by whoever is left, nothing hangs, and
// the next instance starts.

import type { AddressInfo } from 'node:net';
import net from 'node:net';
import { describe, expect, it } from 'vitest';
import { Instance, ownPath } from '../fixtures/handover/instance.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn } from '../fixtures/systems.ts';

/** `npm run sweep handover` does each 20 times. */
const ROUNDS = Number(process.env['EXACTBIND_HANDOVER_KILLS'] ?? 1);
const READY_TIMEOUT = 1000;

const pidAt = (port: number) =>
  new Promise<number>((resolve, reject) => {
    const client = net.connect(port, '127.0.0.1');
    client.setTimeout(20_000, () => client.destroy(new Error(`port ${port} is not served`)));
    client.on('data', (text) => resolve(Number(String(text)))).on('error', reject);
    client.on('close', () => reject(new Error('closed')));
  });

interface Pair {
  path: string;
  port: number;
  before: Instance;
  after: Instance;
}

async function pair(): Promise<Pair> {
  const path = ownPath();
  const [before, after] = [new Instance(), new Instance()];
  const port = ownPort();
  await before.tell({ do: 'listen', kind: 'net', options: { port, host: '127.0.0.1' } });
  await before.tell({ do: 'offer', path, readyTimeout: READY_TIMEOUT });
  // So that it is loaded, and a signal meets it where it is meant to.
  await after.tell({ do: 'delay', milliseconds: 0 });
  return { path, port, before, after };
}

type Step = (pair: Pair) => Promise<unknown>;

const offered: Step = async () => {};
const taken: Step = async ({ after, before, path }) => {
  await after.tell({ do: 'take', path });
  await before.heard('taken');
};
const adopted: Step = async (both) => {
  await taken(both);
  await both.after.tell({ do: 'adopt', kinds: { main: 'net' } });
};
/** In the middle of ready(), at some point of it. */
const asking: Step = async (both) => {
  await adopted(both);
  both.after.process.send({ id: 99, do: 'ready' });
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
};
const ready: Step = async (both) => {
  await adopted(both);
  await both.after.tell({ do: 'ready' });
};

const STEPS: [when: string, step: Step][] = [
  ['while it offers', offered],
  ['when the sockets are taken', taken],
  ['when the next one listens', adopted],
  ['in the middle of ready()', asking],
  ['after ready()', ready],
];

/** Another instance starts as the next one would, and serves. */
async function succeeds({ path, port }: Pair): Promise<void> {
  const next = new Instance();
  const options = { port, host: '127.0.0.1', handover: path };
  const address = await next.tell<AddressInfo>({ do: 'listenOrTake', kind: 'net', options });
  expect(address.port).toBe(port);
  await expect.poll(() => pidAt(port)).toBeGreaterThan(0);
  await next.end('SIGKILL');
}

describeOn('linux')('an instance', () => {
  describe.each(STEPS)('%s', (_, step) => {
    const rounds = Array.from({ length: ROUNDS }, (__, round) => round);

    it.each(rounds)('can be killed before its successor (%i)', { timeout: 120_000 }, async () => {
      const both = await pair();
      await step(both);
      await both.before.end('SIGKILL');
      if (step === offered)
        await expect(both.after.tell({ do: 'take', path: both.path })).rejects.toMatchObject({
          code: 'ECONNREFUSED',
        });
      if (step === taken) await both.after.tell({ do: 'adopt', kinds: { main: 'net' } });
      if (step === taken || step === adopted) await both.after.tell({ do: 'ready' });
      if (step !== offered) expect(await pidAt(both.port)).toBe(both.after.pid);
      await both.after.end('SIGKILL');
      await succeeds(both);
    });

    it.each(rounds)('outlives a successor that is killed (%i)', { timeout: 120_000 }, async () => {
      const both = await pair();
      await step(both);
      await both.after.end('SIGKILL');
      if (step === taken || step === adopted) await both.before.heard('abandoned');
      // In the middle of it, either may have come first.
      const [heard] = both.before.said.filter(({ event }) => event === 'ready');
      if (step !== ready && step !== asking) expect(await pidAt(both.port)).toBe(both.before.pid);
      if (step === asking && heard === undefined) {
        await Promise.race([both.before.heard('abandoned'), both.before.heard('ready')]);
      }
      await succeeds(both);
    });

    it.each(rounds)('that is stopped keeps nobody waiting for ever (%i)', { timeout: 120_000 }, async () => {
      const both = await pair();
      await step(both);
      both.before.stop();
      if (step === offered) {
        const taking = both.after.tell({ do: 'take', path: both.path, timeout: 200 });
        await expect(taking).rejects.toMatchObject({ code: 'ETIMEDOUT' });
        both.before.goOn();
        expect(await pidAt(both.port)).toBe(both.before.pid);
      } else if (step === taken) {
        await both.after.tell({ do: 'adopt', kinds: { main: 'net' } });
        await expect(both.after.tell({ do: 'ready' })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
        expect(await pidAt(both.port)).toBe(both.after.pid);
        both.before.goOn();
        await both.after.tell({ do: 'ready' }).catch(() => {});
      } else {
        // The next one serves.
        expect(await pidAt(both.port)).toBe(both.after.pid);
        both.before.goOn();
      }
      await expect.poll(() => pidAt(both.port)).toBeGreaterThan(0);
      await both.after.end('SIGKILL');
      await both.before.end('SIGKILL');
      await succeeds(both);
    });

    it.each(rounds)('outlives a successor that is stopped (%i)', { timeout: 120_000 }, async () => {
      const both = await pair();
      await step(both);
      both.after.stop();
      if (step === taken || step === adopted) {
        await both.before.heard('abandoned');
        expect(await pidAt(both.port)).toBe(both.before.pid);
        both.after.goOn();
        if (step === adopted) await both.after.tell({ do: 'close' });
        await expect(both.after.tell({ do: 'ready' })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
      }
      if (step === asking) {
        await Promise.race([both.before.heard('abandoned'), both.before.heard('ready')]);
        both.after.goOn();
      }
      if (step === ready) both.after.goOn();
      expect(await pidAt(both.port)).toBeGreaterThan(0);
      await both.after.end('SIGKILL');
      await both.before.end('SIGKILL');
      await succeeds(both);
    });
  });
});
