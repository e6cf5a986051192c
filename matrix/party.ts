// One socket of the matrix: bound, listening and serving on command, by one system call after another and no policy.
import type dgram from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import {
  addon,
  adoptTcp,
  bindInHandle,
  codeOf,
  familyNumber,
  type Handle,
  isAny,
  type Protocol,
  settingsWords,
  system,
  typeNumber,
  type UdpHandle,
} from '../lib/door.ts';
import { boundTo, type CellAddress, type CellSharing, optionsOf, type Result } from './cells.ts';

const NOTHING = new Int32Array([0]);
const BACKLOG = 128;

/** Where a socket is to be bound, and with which options. */
export interface Wish {
  readonly protocol: Protocol;
  readonly sharing: CellSharing;
  readonly address: CellAddress;
  readonly port: number;
}

/** What is set before bind(), as words of a native call. */
export function settingsOf({ protocol, sharing, address }: Wish): Int32Array {
  const { host, family, ipv6Only } = boundTo(address);
  // What libuv has set on a UDP socket that it opened is undone.
  const undone = protocol === 'udp' && system !== 'windows' ? ['SO_REUSEADDR', 'SO_REUSEPORT'] : [];
  return new Int32Array(
    settingsWords([
      ...(family === 6 && isAny(host) ? ([['IPV6_V6ONLY', ipv6Only]] as const) : []),
      ...undone.map((name) => [name, false] as const),
      ...optionsOf(sharing).map((name) => [name, true] as const),
    ]),
  );
}

/** What came of binding and, for TCP, listening. */
export interface Tried {
  readonly bind: Result;
  readonly listen: Result | null;
}

const resultOf = (error: number): Result => (error === 0 ? 'ok' : codeOf(error));

/** Closes a connection, and leaves no TIME_WAIT: nothing of this cell is on the port of the next. */
export async function reset(connection: Socket): Promise<void> {
  if (connection.closed) return;
  // An error that comes before is as good an end.
  await new Promise((done) => connection.once('close', done).resetAndDestroy());
}

export class Party {
  #wish: Wish | undefined;
  #socket: Handle = -1;
  #udp: UdpHandle | undefined;
  #server: Server | undefined;
  #datagrams: dgram.Socket | undefined;
  readonly #connections: Socket[] = [];

  bind(wish: Wish): Result {
    this.#wish = wish;
    const { protocol, address, port } = wish;
    const { host, family } = boundTo(address);
    const socket = addon.socket(familyNumber(family), typeNumber(protocol));
    if (socket === -1) return resultOf(addon.status[0] as number);
    const bind = () => addon.bind(socket, settingsOf(wish), host, port);
    if (protocol === 'udp') {
      const handle = bindInHandle(socket, family, () => {
        const error = bind();
        return error === 0 ? undefined : { error };
      });
      if ('error' in handle) return resultOf(handle.error);
      this.#udp = handle;
    } else {
      const error = bind();
      if (error !== 0) {
        addon.close(socket);
        return resultOf(error);
      }
    }
    this.#socket = socket;
    return 'ok';
  }

  listen(): Result {
    return resultOf(addon.listen(this.#socket, NOTHING, BACKLOG));
  }

  attempt(wish: Wish): Tried {
    const bind = this.bind(wish);
    return { bind, listen: bind === 'ok' && wish.protocol === 'tcp' ? this.listen() : null };
  }

  /** The port that the system chose where the wish was 0. */
  get port(): number {
    return addon.localPort(this.#socket);
  }

  /** Answers every connection and datagram with a name. */
  serve(name: string): void {
    if (this.#udp !== undefined) {
      const socket = this.#adoptDatagrams(this.#udp);
      socket.on('message', (_, { address, port }) => socket.send(name, port, address));
      return;
    }
    const handle = adoptTcp(this.#socket, { backlog: BACKLOG, late: undefined, guard: undefined });
    this.#socket = -1;
    this.#server = createServer((connection) => {
      this.#connections.push(connection);
      // It ends in a reset.
      connection.on('error', () => {});
      connection.write(name);
    });
    this.#server.listen(handle);
  }

  /** Connects a bound UDP socket. */
  async connect(port: number, host: string): Promise<void> {
    const socket = this.#adoptDatagrams(this.#udp as UdpHandle);
    // Without a callback, which would be given the error too.
    socket.connect(port, host);
    await once(socket, 'connect');
  }

  /** Closes the listener, and none of its connections. */
  stopListening(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Ends the connections before their clients do, and waits until both have. */
  async endConnections(): Promise<void> {
    const closed = this.#connections.map((connection) => once(connection, 'close'));
    for (const connection of this.#connections) connection.resume().end();
    await Promise.all(closed);
  }

  /** Closes everything; nothing stays on the port. */
  async close(): Promise<void> {
    this.stopListening();
    this.#datagrams?.close();
    if (this.#datagrams === undefined) this.#udp?.close();
    // What was adopted is the handle's.
    if (this.#socket !== -1 && this.#udp === undefined) addon.close(this.#socket);
    this.#socket = -1;
    this.#udp = undefined;
    this.#datagrams = undefined;
    await Promise.all(this.#connections.splice(0).map(reset));
  }

  #adoptDatagrams(handle: UdpHandle): dgram.Socket {
    const { createSocket } = process.getBuiltinModule('node:dgram');
    const socket = createSocket(boundTo((this.#wish as Wish).address).family === 6 ? 'udp6' : 'udp4');
    // dgram takes a handle in place of the port; its types do not say so.
    (socket.bind as unknown as (handle: object) => void).call(socket, handle);
    this.#datagrams = socket;
    return socket;
  }
}
