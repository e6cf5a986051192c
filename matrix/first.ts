// Brings the first socket of a cell into its state, once for each second that is tried beside it.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { listSockets, OutgoingSocket, STATE } from '../lib/door.ts';
import { boundTo, type CellAddress, type CellState, type Result, targetOf } from './cells.ts';
import type { OtherProcess } from './other.ts';
import { Party, reset, settingsOf, type Tried, type Wish } from './party.ts';
import type { Peers } from './peers.ts';

/** What a first socket needs of the machine. */
export interface Surroundings {
  /** The addresses that can be bound. */
  readonly here: readonly CellAddress[];
  readonly peers: Peers;
  /** Starts another process. */
  readonly startOther: () => OtherProcess;
}

/** The first socket of a cell. */
export interface First {
  /** Its listen(), after the second has been tried. */
  listen(): Result;
  serve(): void;
  close(): Promise<void>;
}

const NAME = 'first';

// Milliseconds. Under Wine, one process takes nearly two thousand to begin all the servers of a row.
const PATIENCE = 5000;
const LOOK_EVERY = 5;
const MOST_LOOKS = 200;

function mustBeOk({ bind, listen }: Tried, { protocol, sharing, address, port }: Wish): void {
  const refused = [bind, listen].find((result) => result !== 'ok' && result !== null);
  if (refused === undefined) return;
  throw new Error(`the first socket (${protocol} ${address}, ${sharing}) was refused port ${port}: ${refused}`);
}

/** A client of the socket that serves a wish, once it has been accepted. */
async function clientOf({ address, port }: Wish, here: readonly CellAddress[], allowHalfOpen = false): Promise<Socket> {
  const client = connect({ port, host: targetOf([address], here) as string, allowHalfOpen });
  client.setTimeout(PATIENCE, () => client.destroy(new Error(`nobody answered on port ${port} of ${address}`)));
  await new Promise<void>((resolve, reject) => {
    // Stays: whatever it ends in later, it has been answered.
    client.on('error', reject);
    client.once('close', () => reject(new Error(`port ${port} of ${address} was closed without an answer`)));
    client.once('data', () => resolve());
  });
  client.setTimeout(0);
  return client;
}

class OwnFirst implements First {
  readonly #party = new Party();
  #client: Socket | undefined;

  async make(state: CellState, wish: Wish, { here, peers }: Surroundings): Promise<this> {
    try {
      if (state === 'outgoing') await this.#connect(wish, peers);
      else if (state === 'bound') mustBeOk({ bind: this.#party.bind(wish), listen: null }, wish);
      else await this.#listen(state, wish, here);
    } catch (error) {
      await this.close();
      throw error;
    }
    return this;
  }

  async #listen(state: CellState, wish: Wish, here: readonly CellAddress[]): Promise<void> {
    mustBeOk(this.#party.attempt(wish), wish);
    if (state === 'listening') return;
    this.#party.serve(NAME);
    const client = await clientOf(wish, here, state === 'time-wait');
    this.#client = client;
    this.#party.stopListening();
    if (state === 'accepted') return;
    const closed = Promise.all([once(client, 'close'), this.#party.endConnections()]);
    await once(client, 'end');
    // An ACK that the client's FIN overtakes would be answered by a reset, which ends the TIME_WAIT (RFC 1337).
    await acknowledged([wish.port]);
    client.end();
    await closed;
  }

  async #connect(wish: Wish, peers: Peers): Promise<void> {
    const peer = peers.of(wish.protocol, wish.address);
    if (wish.protocol === 'udp') {
      mustBeOk({ bind: this.#party.bind(wish), listen: null }, wish);
      await this.#party.connect(peer.port, peer.host);
      return;
    }
    const { host: localAddress } = boundTo(wish.address);
    const settings = settingsOf(wish);
    const socket = new OutgoingSocket({}, { protocol: 0, options: [], settings, localAddress, localPort: wish.port });
    await once(socket.connect(peer), 'connect');
    this.#client = socket.on('error', () => {});
  }

  listen(): Result {
    return this.#party.listen();
  }

  serve(): void {
    this.#party.serve(NAME);
  }

  async close(): Promise<void> {
    if (this.#client !== undefined) await reset(this.#client);
    await this.#party.close();
  }
}

/** What is left of a server that was killed; its client is still there. */
class Orphan implements First {
  readonly #client: Socket;

  constructor(client: Socket) {
    this.#client = client;
  }

  listen(): Result {
    throw new Error('an orphan has no process');
  }

  serve(): void {
    this.listen();
  }

  close(): Promise<void> {
    return reset(this.#client);
  }
}

// Until the client's system has acknowledged the end, which it may put off (RFC 9293 3.8.6.3): nothing tells when.
async function acknowledged(ports: readonly number[]): Promise<void> {
  const isWaiting = (port: number) => listSockets({ protocol: 'tcp', port }, 1 << STATE.FIN_WAIT1).sockets.length > 0;
  for (let left = MOST_LOOKS; left > 0 && ports.some(isWaiting); left--) await pause(LOOK_EVERY);
}

/** One server for each wish, all of one process, which is killed when each has a client. */
async function makeOrphans(wishes: readonly Wish[], { here, startOther }: Surroundings): Promise<Orphan[]> {
  const victim = startOther();
  const begun = wishes.map(async (wish, id) => {
    mustBeOk(await victim.attempt(wish, id), wish);
    await victim.serve(NAME, id);
    return clientOf(wish, here, true);
  });
  const settled = await Promise.allSettled(begun);
  const clients = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  try {
    const failed = settled.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    // The end of the server's side comes as such or, where a system kills less gently, as a reset: an error first.
    const ended = clients.map(
      (client) => new Promise<unknown>((done) => client.resume().once('end', done).once('close', done)),
    );
    await victim.kill();
    await Promise.all(ended);
    await acknowledged(wishes.map(({ port }) => port));
  } catch (error) {
    await victim.kill();
    await Promise.all(clients.map(reset));
    throw error;
  }
  return clients.map((client) => new Orphan(client));
}

/** The first socket for each of these wishes in turn; each is closed before the next one is made. */
export async function* makeFirsts(
  state: CellState,
  wishes: readonly Wish[],
  surroundings: Surroundings,
): AsyncGenerator<First, void> {
  const orphans = state === 'orphan' ? await makeOrphans(wishes, surroundings) : [];
  try {
    for (const [index, wish] of wishes.entries()) {
      const first = orphans[index] ?? (await new OwnFirst().make(state, wish, surroundings));
      try {
        yield first;
      } finally {
        await first.close();
      }
    }
  } finally {
    await Promise.all(orphans.map((one) => one.close()));
  }
}
