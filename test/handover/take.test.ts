// The instance that takes, and offers that end, fall silent, lie, or are not where they should be: an error with a code, and
// no descriptor stays open.
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { type BindOptions, BoundSocket } from 'exactbind';
import { offerSockets, takeSockets } from 'exactbind/handover';
import { expect, it, onTestFinished } from 'vitest';
import { addon } from '../../lib/addon.ts';
import type { Carried, CarriedPort, Message } from '../../lib/handover/protocol.ts';
import { ownPath } from '../fixtures/handover/instance.ts';
import { type Peer, playOffer } from '../fixtures/handover/peer.ts';
import { AS_NOBODY, needs } from '../fixtures/needs.ts';
import { readableNode } from '../fixtures/readable.ts';
import { describeOn } from '../fixtures/systems.ts';

const descriptors = () => readdirSync('/dev/fd').length;

function bound(options: BindOptions = {}): BoundSocket {
  const made = new BoundSocket({ port: 0, host: '127.0.0.1', ...options });
  onTestFinished(() => made.close());
  return made;
}

function carriedBy(socket: BoundSocket, more: Partial<CarriedPort> = {}): Carried {
  const { address, port } = socket.address();
  return {
    name: 'main',
    protocol: 'tcp',
    address,
    family: 4,
    port,
    listening: true,
    backlog: 511,
    guarded: false,
    ipv6Only: false,
    sharing: 'exclusive',
    leftovers: 'reuse',
    acceptPartial: true,
    outcome: 'clean',
    exclusivity: 'full',
    caveat: null,
    ticketKeys: null,
    ...more,
  };
}

const offerOf = (...sockets: Carried[]): Message => ({ type: 'offer', version: 1, sockets });

/** A control listener to pass on. */
function control(): number {
  const socket = addon.socket(addon.constants['AF_UNIX'] as number, addon.constants['SOCK_STREAM'] as number);
  onTestFinished(() => void addon.close(socket));
  return socket;
}

/** What takeSockets() says of an offer that is played. */
async function taking(play: (peer: Peer) => void, timeout = 5000) {
  const path = ownPath();
  let left = 0;
  await playOffer(path, async (peer) => {
    await peer.next();
    play(peer);
    // Both ends of the connection go in the end, and nothing else: what is passed on is a copy.
    left = descriptors() - (peer.socket.destroyed ? 1 : 2);
  });
  const error: NodeJS.ErrnoException = await takeSockets({ path, timeout }).then(
    () => new Error('taken'),
    (found) => found,
  );
  await expect.poll(descriptors).toBe(left);
  return { code: error.code, message: error.message };
}

type Lie = [what: string, play: (peer: Peer) => void, code: string, message: RegExp];

const PROTOCOL = 'ERR_EXACTBIND_HANDOVER_PROTOCOL';

const LIES: Lie[] = [
  ['of another version', (peer) => peer.send({ type: 'offer', version: 2, sockets: [] }), PROTOCOL, /version 2/],
  [
    'without its descriptors',
    (peer) => peer.send(offerOf(carriedBy(bound()))),
    PROTOCOL,
    /0 descriptors in place of 2/,
  ],
  [
    'with one descriptor too many',
    (peer) => {
      const socket = bound();
      peer.sendWith(offerOf(carriedBy(socket)), [control(), socket.fd(), socket.fd()]);
    },
    PROTOCOL,
    /3 descriptors in place of 2/,
  ],
  [
    'with 253 descriptors',
    (peer) => {
      const socket = bound();
      peer.sendWith(offerOf(carriedBy(socket)), Array(253).fill(socket.fd()));
    },
    PROTOCOL,
    /253 descriptors/,
  ],
  [
    'with a file in place of a socket',
    (peer) => {
      const file = openSync('/dev/null', 'r');
      onTestFinished(() => closeSync(file));
      peer.sendWith(offerOf(carriedBy(bound())), [control(), file]);
    },
    PROTOCOL,
    /no TCP or UDP socket/,
  ],
  [
    'with a UDP socket in place of a TCP one',
    (peer) => {
      const socket = bound({ protocol: 'udp' });
      peer.sendWith(offerOf(carriedBy(socket)), [control(), socket.fd()]);
    },
    PROTOCOL,
    /not tcp/,
  ],
  [
    'with a socket on another port',
    (peer) => {
      peer.sendWith(offerOf(carriedBy(bound())), [control(), bound().fd()]);
    },
    PROTOCOL,
    /another address/,
  ],
  [
    'with a socket that does not listen',
    (peer) => {
      const socket = bound({ reserve: true });
      peer.sendWith(offerOf(carriedBy(socket)), [control(), socket.fd()]);
    },
    PROTOCOL,
    /does not listen/,
  ],
  [
    'of which the second is the wrong one, and neither is kept',
    (peer) => {
      const [one, other] = [bound(), bound()];
      const said = offerOf(carriedBy(one), carriedBy(other, { port: 1 }));
      peer.sendWith(said, [control(), one.fd(), other.fd()]);
    },
    PROTOCOL,
    /another address/,
  ],
  ['that is cut short', ({ socket }) => void socket.end(Buffer.from([0, 0, 0, 9, 123])), PROTOCOL, /ends early/],
  ['that is longer than a message may be', ({ socket }) => void socket.end(Buffer.alloc(4, 0xff)), PROTOCOL, /bytes/],
  ['that is another message', (peer) => peer.send({ type: 'stopped' }), PROTOCOL, /in place of an offer/],
  ['that ends at once', ({ socket }) => void socket.destroy(), 'ECONNREFUSED', /has ended/],
  [
    'that is refused',
    (peer) => peer.send({ type: 'refused', code: 'FORBIDDEN', reason: 'no \x1b[31m' }),
    'ERR_EXACTBIND_HANDOVER_FORBIDDEN',
    /no \\x1b/,
  ],
];

describeOn('linux', 'darwin')('an offer', () => {
  it.each(LIES)('%s', async (_, play, code, message) => {
    expect(await taking(play)).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('that never comes is waited for as long as was asked', async () => {
    const began = performance.now();
    expect(await taking(() => {}, 100)).toMatchObject({ code: 'ETIMEDOUT' });
    expect(performance.now() - began).toBeGreaterThan(95);
  });

  it('that never comes is not waited for when a signal says so', async () => {
    const path = ownPath();
    await playOffer(path, () => {});
    const ending = new AbortController();
    const taken = takeSockets({ path, signal: ending.signal });
    ending.abort();
    await expect(taken).rejects.toMatchObject({ name: 'AbortError' });
  });
});

/** A hand-over to this process up to where `ready()` may be called, and the other end of it. */
async function taken() {
  const path = ownPath();
  const socket = bound();
  let meet: (peer: Peer) => void = () => {};
  const met = new Promise<Peer>((resolve) => {
    meet = resolve;
  });
  await playOffer(path, async (peer) => {
    await peer.next();
    peer.sendWith(offerOf(carriedBy(socket)), [control(), socket.fd()]);
    meet(peer);
  });
  const succession = await takeSockets({ path });
  onTestFinished(() => succession.abandon());
  onTestFinished(() => succession.sockets[0]?.socket[Symbol.dispose]());
  return { succession, peer: await met };
}

describeOn('linux', 'darwin')('a successor whose predecessor', () => {
  it('has died is ready, because nobody is left to stop', async () => {
    const { succession, peer } = await taken();
    peer.socket.destroy();
    await succession.ready();
    expect(succession.sockets[0]?.socket.address()).toMatchObject({ port: expect.any(Number) });
  });

  it('dies at ready() becomes ready', async () => {
    const { succession, peer } = await taken();
    const ready = succession.ready();
    expect(await peer.next()).toEqual({ type: 'ready' });
    peer.socket.destroy();
    await ready;
  });

  it('falls silent at ready() rejects, and can call it again', async () => {
    const { succession, peer } = await taken();
    await expect(succession.ready()).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(succession.sockets[0]?.socket.address()).toMatchObject({ port: expect.any(Number) });
    peer.send({ type: 'stopped' });
    expect(await peer.next()).toEqual({ type: 'ready' });
    const again = succession.ready();
    expect(await peer.next()).toEqual({ type: 'commit' });
    peer.send({ type: 'draining' });
    await again;
  });

  it('has given it up gets an error, and closes what it has', async () => {
    const { succession, peer } = await taken();
    peer.send({ type: 'refused', code: 'ETIMEDOUT', reason: 'too slow' });
    await expect(succession.ready()).rejects.toMatchObject({ code: 'ETIMEDOUT', message: /too slow/ });
    expect(() => succession.sockets[0]?.socket.address()).toThrow(/adopted or closed/);
    await expect(succession.ready()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
  });

  it('says something else gets an error', async () => {
    const { succession, peer } = await taken();
    peer.send({ type: 'draining' });
    await expect(succession.ready()).rejects.toMatchObject({ code: PROTOCOL });
  });
});

describeOn('linux', 'darwin')('a place', () => {
  it('where nobody offers, or nobody any more', async () => {
    const path = ownPath();
    await expect(takeSockets({ path })).rejects.toMatchObject({ code: 'ENOENT', syscall: 'connect' });
    const left = addon.socket(addon.constants['AF_UNIX'] as number, addon.constants['SOCK_STREAM'] as number);
    expect(addon.bindPath(left, path)).toBe(0);
    addon.close(left);
    await expect(takeSockets({ path })).rejects.toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect' });
  });

  it('that is a symbolic link, or no socket, is refused, and the offer behind it goes on', async () => {
    const path = ownPath();
    const server = net.createServer();
    onTestFinished(() => void server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const offer = await offerSockets({ path, sockets: [{ name: 'main', socket: server }] });
    onTestFinished(() => offer.close());
    renameSync(path, `${path}.real`);
    symlinkSync(`${path}.real`, path);
    const FORBIDDEN = { code: 'ERR_EXACTBIND_HANDOVER_FORBIDDEN' };
    await expect(takeSockets({ path })).rejects.toMatchObject(FORBIDDEN);
    await expect(offerSockets({ path, sockets: [{ name: 'main', socket: server }] })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    const succession = await takeSockets({ path: `${path}.real` });
    await succession.abandon();
    const other = join(dirname(path), 'file');
    writeFileSync(other, '');
    await expect(takeSockets({ path: other })).rejects.toMatchObject(FORBIDDEN);
    await expect(offerSockets({ path: other, sockets: [{ name: 'main', socket: server }] })).rejects.toMatchObject(
      FORBIDDEN,
    );
  });

  it('that others can write is refused', async () => {
    const path = ownPath();
    chmodSync(dirname(path), 0o777);
    const FORBIDDEN = { code: 'ERR_EXACTBIND_HANDOVER_FORBIDDEN', message: /can be written by others/ };
    await expect(takeSockets({ path })).rejects.toMatchObject(FORBIDDEN);
    const sockets = [{ name: 'main', socket: bound() }];
    await expect(offerSockets({ path, sockets })).rejects.toMatchObject(FORBIDDEN);
  });

  it('that is too long for a Unix socket', async () => {
    const path = join(dirname(ownPath()), 'long'.repeat(30));
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const sockets = [{ name: 'main', socket: bound() }];
    await expect(offerSockets({ path, sockets })).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  });

  it('of another user is refused on both sides', async () => {
    needs('another user', 'util-linux');
    const path = ownPath();
    const socket = bound();
    const offer = await offerSockets({ path, sockets: [{ name: 'main', socket }] });
    onTestFinished(() => offer.close());
    // Whatever somebody has done to its modes.
    chmodSync(dirname(path), 0o755);
    chmodSync(path, 0o666);
    const raw = `const s = require('node:net').connect(${JSON.stringify(path)});
      s.write(Buffer.concat([Buffer.from([0, 0, 0, 28]), Buffer.from('{"type":"hello","version":1}')]));
      s.on('data', (bytes) => process.stdout.write(bytes.subarray(4))).on('error', (error) => console.log(error.code));`;
    const [file = '', ...words] = [...AS_NOBODY, readableNode(), '-e', raw];
    // The offer is of this thread: it answers while the other waits.
    const said = await new Promise<string>((resolve) => {
      const child = spawn(file, words, { cwd: '/' });
      let text = '';
      child.stdout.on('data', (chunk) => {
        text += chunk;
      });
      child.on('close', () => resolve(text));
    });
    expect(JSON.parse(said)).toMatchObject({ type: 'refused', code: 'FORBIDDEN' });
    const succession = await takeSockets({ path });
    await succession.abandon();
  });
});

describeOn('linux', 'darwin')('arguments', () => {
  it.each([
    ['no path', () => takeSockets({} as never), 'ERR_INVALID_ARG_TYPE'],
    ['an empty path', () => takeSockets({ path: '' }), 'ERR_INVALID_ARG_VALUE'],
    ['an unknown option', () => takeSockets({ path: 'x', paht: 1 } as never), 'ERR_INVALID_ARG_VALUE'],
    ['a negative time', () => takeSockets({ path: 'x', timeout: -1 }), 'ERR_OUT_OF_RANGE'],
    ['no signal', () => takeSockets({ path: 'x', signal: 1 as never }), 'ERR_INVALID_ARG_TYPE'],
    ['no sockets', () => offerSockets({ path: 'x', sockets: [] }), 'ERR_INVALID_ARG_VALUE'],
    [
      'something else',
      () => offerSockets({ path: 'x', sockets: [{ name: 'x', socket: 1 as never }] }),
      'ERR_INVALID_ARG_TYPE',
    ],
    [
      'a bad name',
      () => offerSockets({ path: 'x', sockets: [{ name: 'a:b', socket: bound() }] }),
      'ERR_INVALID_ARG_VALUE',
    ],
    [
      'a server that does not listen',
      () => offerSockets({ path: 'x', sockets: [{ name: 'a', socket: net.createServer() }] }),
      'ERR_SOCKET_NO_HANDLE',
    ],
    [
      'a dgram.Socket that is not bound',
      () => {
        const socket = dgram.createSocket('udp4');
        onTestFinished(() => {
          socket.close();
        });
        return offerSockets({ path: 'x', sockets: [{ name: 'a', socket }] });
      },
      'ERR_SOCKET_NO_HANDLE',
    ],
  ])('%s', async (_, call, code) => {
    await expect(call()).rejects.toMatchObject({ code });
  });

  it('a server on a path', async () => {
    const server = net.createServer().listen(ownPath());
    onTestFinished(() => {
      server.close();
    });
    await once(server, 'listening');
    await expect(offerSockets({ path: 'x', sockets: [{ name: 'a', socket: server }] })).rejects.toMatchObject({
      code: 'ENOTSUP',
    });
  });
});
