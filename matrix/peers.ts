// Somebody to connect to, on ports of the system's choice: one for each protocol and family that this machine has.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { Protocol } from '../lib/door.ts';
import { boundTo, type CellAddress, localOf } from './cells.ts';
import { Party } from './party.ts';

const HOSTS = ['127.0.0.1', '::1'] as const;
type Host = (typeof HOSTS)[number];

export class Peers {
  readonly #servers = new Map<Host, Server>();
  readonly #datagrams = new Map<Host, Party>();

  async open(here: readonly CellAddress[]): Promise<void> {
    for (const host of HOSTS) {
      if (!here.includes(host)) continue;
      // The connecting side ends it with a reset.
      const server = createServer((connection) => connection.on('error', () => {}).resume());
      this.#servers.set(host, server);
      server.listen({ port: 0, host, exclusive: true });
      await once(server, 'listening');
      const socket = new Party();
      this.#datagrams.set(host, socket);
      const bound = socket.bind({ protocol: 'udp', sharing: 'none', address: host, port: 0 });
      if (bound !== 'ok') throw new Error(`a peer (udp ${host}) was refused: ${bound}`);
    }
  }

  /** Where a socket on an address can connect to, in the family of the socket. */
  of(protocol: Protocol, address: CellAddress): { host: string; port: number } {
    const isOf6 = boundTo(address).family === 6;
    const host = localOf(address).family === 6 && this.#servers.has('::1') ? '::1' : '127.0.0.1';
    const port =
      protocol === 'udp'
        ? (this.#datagrams.get(host) as Party).port
        : ((this.#servers.get(host) as Server).address() as AddressInfo).port;
    return { host: isOf6 && host !== '::1' ? `::ffff:${host}` : host, port };
  }

  async close(): Promise<void> {
    for (const server of this.#servers.values()) server.close();
    await Promise.all(Array.from(this.#datagrams.values(), (socket) => socket.close()));
  }
}
