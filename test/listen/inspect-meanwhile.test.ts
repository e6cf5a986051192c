// What a program does while the refusal of its listen is explained goes as with Node.
import { createServer } from 'node:http';
import { BoundSocket, listen, type SystemError } from 'exactbind';
import { afterEach, describe, expect, it } from 'vitest';
import { Actor } from '../fixtures/actor.ts';
import { hold, inspectFixture } from '../fixtures/inspect/processes.ts';
import { ownPort } from '../fixtures/ports.ts';
import { REQUIRED, run } from '../fixtures/register/run.ts';
import { describeOn } from '../fixtures/systems.ts';

const LOCAL = '127.0.0.1';

const endings: (() => unknown)[] = [];
afterEach(() => Promise.all(endings.splice(0).map((end) => end())));

async function taken(): Promise<number> {
  const holder = new Actor();
  endings.push(() => holder.end());
  const port = ownPort();
  await holder.open({ host: LOCAL, port, listen: true });
  return port;
}

const ACTS = [
  'close',
  'close of http',
  'listen again',
  'listen twice on it',
  'listen of two servers',
  'listen in a storage',
  'listen, traced',
  'exit',
  'end by itself',
];

describe('under exactbind/register', () => {
  it.for(ACTS)('the order of events after a refused listen and %s is that of Node', async (what) => {
    const port = await taken();
    const program = [inspectFixture('refused-and.cjs'), String(port), what];
    const plain = await run(program);
    const hooked = await run([...REQUIRED, ...program]);
    expect(plain.stdout).toContain(what === 'exit' ? 'exit 7' : 'error EADDRINUSE');
    expect(hooked).toEqual(plain);
  });
});

describe('listen()', () => {
  it('rejects with the refusal when the server is closed meanwhile, and leaves the server free to listen', async () => {
    const port = await taken();
    const server = createServer();
    const refused = listen(server, { port, host: LOCAL });
    const closed = new Promise((resolve) => server.close(resolve));
    await expect(refused).rejects.toMatchObject({ code: 'EADDRINUSE', heldBy: expect.any(String) });
    expect(await closed).toMatchObject({ code: 'ERR_SERVER_NOT_RUNNING' });
    await listen(server, { port: 0, host: LOCAL });
    await new Promise((resolve) => server.close(resolve));
  });

  it('can be called again meanwhile, and each is answered for itself', async () => {
    const port = await taken();
    const server = createServer();
    const refused: Promise<SystemError> = listen(server, { port, host: LOCAL }).then(
      () => expect.unreachable(),
      (error) => error,
    );
    const address = await listen(server, { port: 0, host: LOCAL });
    expect((await refused).heldBy).toContain(`listening on ${LOCAL}:${port}`);
    expect(server.address()).toEqual(address);
    await new Promise((resolve) => server.close(resolve));
  });

  it('shares one look among all who are refused on one port', async () => {
    const port = await taken();
    const began = performance.now();
    const all = Array.from({ length: 500 }, () => listen(createServer(), { port, host: LOCAL }));
    const refusals = await Promise.allSettled(all);
    const sentences = new Set(refusals.map((one) => one.status === 'rejected' && one.reason.heldBy));
    expect(sentences.size).toBe(1);
    expect([...sentences][0]).toContain(`listening on ${LOCAL}:${port}`);
    // Each with a look of its own would take a second on an idle machine.
    expect(performance.now() - began).toBeLessThan(20_000);
  });
});

describeOn('linux')('new BoundSocket()', () => {
  it('waits for the explanation, so that its error has it', async () => {
    const port = ownPort();
    const { pid, end } = await hold('shared', port);
    endings.push(end);
    expect(() => new BoundSocket({ port, host: LOCAL })).toThrow(
      expect.objectContaining({
        heldBy: expect.stringMatching(
          new RegExp(
            `^python\\S* \\(pid ${pid}, (user \\S+|uid \\d+)\\) and 4 of its children listening on ${LOCAL}:${port}$`,
          ),
        ),
      }),
    );
  });
});
