// The instance that offers, and successors that end, fall silent or lie at each step: it serves on, and offers again.
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import http, { type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listen } from 'exactbind';
import { type Offer, offerSockets, takeSockets } from 'exactbind/handover';
import { expect, it, onTestFinished } from 'vitest';
import { ownPath } from '../fixtures/handover/instance.ts';
import { Peer } from '../fixtures/handover/peer.ts';
import { describeOn } from '../fixtures/systems.ts';

interface Served {
  server: Server;
  offer: Offer;
  events: string[];
  /** The body of an answer. */
  ask(): Promise<string>;
}

async function serve(more: { readyTimeout?: number } = {}): Promise<Served> {
  const server = http.createServer((_, response) => response.end('served'));
  const { port } = (await listen(server, { port: 0, host: '127.0.0.1' })) as AddressInfo;
  const offer = await offerSockets({ path: ownPath(), sockets: [{ name: 'main', socket: server }], ...more });
  const events: string[] = [];
  for (const event of ['taken', 'ready', 'abandoned', 'drained'] as const) offer.on(event, () => events.push(event));
  onTestFinished(async () => {
    await offer.close();
    server.closeAllConnections();
    server.close();
  });
  const ask = () =>
    new Promise<string>((resolve, reject) => {
      const request = http.get({ port, host: '127.0.0.1', agent: false }, (response) => {
        response.setEncoding('utf8').on('data', resolve);
      });
      request.on('error', reject);
    });
  return { server, offer, events, ask };
}

/** A whole hand-over to this very process, abandoned in the end. */
async function canBeTaken({ offer }: Served): Promise<void> {
  const succession = await takeSockets({ path: offer.path });
  expect(succession.sockets.map(({ name }) => name)).toEqual(['main']);
  const abandoned = once(offer, 'abandoned');
  await succession.abandon();
  await abandoned;
}

/** How many this process has open. */
const descriptors = () => readdirSync('/dev/fd').length;

type Steps = (peer: Peer) => Promise<void>;

const hello: Steps = async (peer) => {
  peer.send({ type: 'hello', version: 1 });
  expect(await peer.next()).toMatchObject({ type: 'offer', sockets: [{ name: 'main' }] });
};
const ready: Steps = async (peer) => {
  await hello(peer);
  peer.send({ type: 'ready' });
  expect(await peer.next()).toEqual({ type: 'stopped' });
};

const STEPS: [when: string, steps: Steps, events: string[]][] = [
  ['before it says anything', async () => {}, []],
  ['in the middle of its hello', async ({ socket }) => void socket.write(Buffer.from([0, 0, 0, 30, 123])), []],
  ['when it has the sockets', hello, ['taken', 'abandoned']],
  ['when the instance before has stopped', ready, ['taken', 'abandoned']],
];

describeOn('linux', 'darwin')('a successor', () => {
  it.each(STEPS)('that ends %s leaves the instance before serving', async (_, steps, events) => {
    const served = await serve();
    const peer = await Peer.connect(served.offer.path);
    await steps(peer);
    const abandoned = events.length > 0 ? once(served.offer, 'abandoned') : undefined;
    peer.socket.destroy();
    await abandoned;
    expect(served.events).toEqual(events);
    expect(await served.ask()).toBe('served');
    await canBeTaken(served);
    expect(await served.ask()).toBe('served');
  });

  it('that says nothing is in the way of nobody', async () => {
    const served = await serve();
    const silent = await Peer.connect(served.offer.path);
    await canBeTaken(served);
    expect(await silent.next()).toMatchObject({ type: 'refused', code: 'PROTOCOL' });
    await silent.closed();
  });

  it('that falls silent with the sockets is abandoned in time', async () => {
    const served = await serve({ readyTimeout: 50 });
    const peer = await Peer.connect(served.offer.path);
    await hello(peer);
    expect(await peer.next()).toMatchObject({ type: 'refused', code: 'ETIMEDOUT' });
    await peer.closed();
    expect(served.events).toEqual(['taken', 'abandoned']);
    await canBeTaken(served);
  });

  it('that falls silent before it commits is abandoned in time, and waiting clients are answered', async () => {
    const served = await serve();
    const peer = await Peer.connect(served.offer.path);
    await ready(peer);
    const waiting = served.ask();
    let isAnswered = false;
    waiting.then(() => {
      isAnswered = true;
    });
    expect(await peer.next()).toMatchObject({ type: 'refused', code: 'ETIMEDOUT' });
    // Nobody accepted it in these five seconds.
    expect(isAnswered).toBe(false);
    expect(await waiting).toBe('served');
    await canBeTaken(served);
  });

  it('hears that another one is taking over', async () => {
    const served = await serve();
    const first = await Peer.connect(served.offer.path);
    await hello(first);
    await expect(takeSockets({ path: served.offer.path })).rejects.toMatchObject({
      code: 'ERR_EXACTBIND_HANDOVER_BUSY',
    });
    expect(served.events).toEqual(['taken']);
  });

  it.each<[what: string, steps: Steps]>([
    ['speaks another version', async (peer) => peer.send({ type: 'hello', version: 2 })],
    ['begins with another message', async (peer) => peer.send({ type: 'ready' })],
    ['announces more than a message may have', async ({ socket }) => void socket.write(Buffer.alloc(4, 0xff))],
    ['sends what is no JSON', async ({ socket }) => void socket.write(Buffer.from([0, 0, 0, 2, 123, 123]))],
    [
      'leaves a field out',
      async ({ socket }) => void socket.write(Buffer.from('\0\0\0\x10{"type":"hello"}', 'latin1')),
    ],
  ])('that %s is refused with a code', async (_, steps) => {
    const served = await serve();
    const peer = await Peer.connect(served.offer.path);
    await steps(peer);
    expect(await peer.next()).toMatchObject({ type: 'refused', code: 'PROTOCOL' });
    await peer.closed();
    await canBeTaken(served);
  });

  it('that says something else than that it is ready is refused, and the offer goes on', async () => {
    const served = await serve();
    const peer = await Peer.connect(served.offer.path);
    await hello(peer);
    peer.send({ type: 'commit' });
    await peer.closed();
    expect(served.events).toEqual(['taken', 'abandoned']);
    expect(served.server.listening).toBe(true);
    await canBeTaken(served);
  });

  it('can send descriptors of its own, and none stays open', async () => {
    const served = await serve();
    const peer = await Peer.connect(served.offer.path);
    const before = descriptors();
    peer.sendWith({ type: 'hello', version: 1 }, Array(200).fill(0));
    expect(await peer.next()).toMatchObject({ type: 'offer' });
    expect(descriptors()).toBe(before);
  });
});

const MESSAGES = Number(process.env['EXACTBIND_HANDOVER_MESSAGES'] ?? 200);

/** Bytes that are nothing, or nearly something. */
function randomBytes(random: () => number): Buffer {
  const length = Math.floor(random() * 120);
  const bytes = Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
  if (random() < 0.5) return bytes;
  const text = ['{"type":"hello","version":', '1', '}'].map((part) =>
    random() < 0.2 ? bytes.toString('latin1') : part,
  );
  const body = Buffer.from(text.join(''));
  const header = Buffer.alloc(4);
  header.writeUInt32BE(random() < 0.9 ? body.length : Math.floor(random() * 2 ** 32));
  return Buffer.concat([header, body]);
}

describeOn('linux', 'darwin')('an offer', () => {
  it(`outlives ${MESSAGES} random messages`, { timeout: 60_000 + MESSAGES * 100 }, async () => {
    const served = await serve();
    let seed = 1;
    const random = () => {
      seed = (seed * 48271) % 2147483647;
      return seed / 2147483647;
    };
    const answers: Record<string, number> = {};
    for (let done = 0; done < MESSAGES; done++) {
      const peer = await Peer.connect(served.offer.path);
      peer.socket.end(randomBytes(random));
      const said = await peer.next();
      const word = said?.type ?? 'nothing';
      answers[word] = (answers[word] ?? 0) + 1;
      await peer.closed();
    }
    expect(Object.keys(answers)).toContain('refused');
    expect(served.server.listening).toBe(true);
    expect(await served.ask()).toBe('served');
    // The last may have been a whole hello, and is being abandoned.
    await expect.poll(() => canBeTaken(served).then(() => 'taken')).toBe('taken');
  });

  it('ends with close(), and its file goes', async () => {
    const served = await serve();
    await served.offer.close();
    await expect(takeSockets({ path: served.offer.path })).rejects.toMatchObject({
      code: 'ENOENT',
      syscall: 'connect',
    });
    expect(await served.ask()).toBe('served');
  });

  it('is one at a time at a path', async () => {
    const served = await serve();
    const sockets = [{ name: 'main', socket: served.server }];
    await expect(offerSockets({ path: served.offer.path, sockets })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await canBeTaken(served);
  });
});
