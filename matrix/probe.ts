// Finds out who answers at an address: connects, or sends a datagram, from a port that is another each time.
import type dgram from 'node:dgram';
import { connect } from 'node:net';
import type { Protocol } from '../lib/door.ts';
import type { Receives } from './cells.ts';

// Milliseconds. On a loopback interface an answer takes less than one; silence is what some systems give in place of one.
const PATIENCE = 2000;
// If both have the same chance each time, one of 2 ** 31 rounds shows the same one 32 times.
const MOST = 32;

function ask(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let name: string | undefined;
    const socket = connect({ port, host });
    socket.setTimeout(PATIENCE, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => resolve(name));
    socket.once('data', (data) => {
      name = data.toString();
      // No TIME_WAIT on either side.
      socket.resetAndDestroy();
    });
  });
}

function send(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket: dgram.Socket = process
      .getBuiltinModule('node:dgram')
      .createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const end = (name?: string) => {
      clearTimeout(timer);
      socket.close(() => resolve(name));
    };
    const timer = setTimeout(end, PATIENCE);
    socket.once('message', (data) => end(data.toString()));
    socket.send('?', port, host);
  });
}

/** Who receives on an address that `served` sockets have. */
export async function whoReceives(protocol: Protocol, port: number, host: string, served: number): Promise<Receives> {
  const probe = protocol === 'tcp' ? ask : send;
  const names = new Set<string>();
  for (let left = served > 1 ? MOST : 1; left > 0 && names.size < 2; left--) {
    const name = await probe(port, host);
    // Silence is no second receiver: a datagram can be lost.
    if (name !== undefined) names.add(name);
  }
  const [name = 'none'] = names;
  return names.size > 1 ? 'either' : (name as Receives);
}
