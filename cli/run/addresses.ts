// The addresses of exactbind run: what --port says, bound before the command starts.
import { InvalidArgumentError } from 'commander';
import type { BoundSocket } from '../../lib/door.ts';

/** What one --port asks for. */
export interface Address {
  readonly name: string | undefined;
  readonly host: string | undefined;
  /** The first of them that can be bound. */
  readonly first: number;
  readonly last: number;
  readonly protocol: 'tcp' | 'udp';
}

/** A socket that is held for the command. */
export interface Held {
  readonly name: string;
  readonly protocol: 'tcp' | 'udp';
  readonly socket: BoundSocket;
}

// systemd.exec(5) forbids control characters and colons in a name.
const PATTERN =
  /^(?:(?<name>[\w.@-]{1,255})=)?(?:(?:\[(?<six>[^\]]+)\]|(?<four>[^:[\]]+)):)?(?<first>\d+)(?:-(?<last>\d+))?(?:\/(?<protocol>tcp|udp))?$/;

const MEANT = 'An address is [NAME=][HOST:]PORT[-LAST][/udp], for example 3000, web=127.0.0.1:3000, [::1]:3000/udp.';

export function addressFrom(word: string, before: readonly Address[] = []): Address[] {
  const { name, six, four, first = '', last = first, protocol = 'tcp' } = PATTERN.exec(word)?.groups ?? {};
  const [low, high] = [Number(first), Number(last)];
  if (first === '' || high > 65535 || low > high || (low === 0 && high > 0)) throw new InvalidArgumentError(MEANT);
  const address = { name, host: six ?? four, first: low, last: high, protocol: protocol as 'tcp' | 'udp' };
  return [...before, address];
}

// Whoever has such a port does not keep the next one from being tried.
const TAKEN = ['EADDRINUSE', 'EACCES'];

type Door = typeof import('../../lib/door.ts');

function bindOne({ name, host, first, last, protocol }: Address, door: Door): Held {
  let refusal: unknown;
  for (let port = first; port <= last; port++) {
    try {
      const socket = new door.BoundSocket({ port, host, protocol });
      return { name: name ?? String(socket.address().port), protocol, socket };
    } catch (error) {
      refusal ??= error;
      if (!TAKEN.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  throw refusal;
}

/**
 * Binds all of them, or none.
 * @throws what `new BoundSocket()` throws
 */
export function bindAll(addresses: readonly Address[], door: Door): Held[] {
  const held: Held[] = [];
  try {
    for (const address of addresses) held.push(bindOne(address, door));
    return held;
  } catch (error) {
    for (const { socket } of held) socket.close();
    throw error;
  }
}
