// The addresses of exactbind run: what --port and --path say, bound before the command starts.
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { BoundSocket } from '../../lib/door.ts';
import { pathFrom } from '../path.ts';

/** What one --port asks for. */
export interface Address {
  readonly name: string | undefined;
  readonly host: string | undefined;
  /** The first of them that can be bound. */
  readonly first: number;
  readonly last: number;
  readonly protocol: 'tcp' | 'udp';
}

/** What one --path asks for. */
export interface Path {
  readonly name: string | undefined;
  readonly path: string;
}

/** A socket that is held for the command. */
export type Held = { readonly name: string } & (
  | { readonly protocol: 'tcp' | 'udp'; readonly socket: BoundSocket<AddressInfo> }
  | { readonly protocol: 'unix'; readonly socket: BoundSocket<string> }
);

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

// No name has a slash in it: `./a=b` is a path.
const NAMED = /^(?:(?<name>[\w.@-]{1,255})=)?(?<path>(?![\w.@-]+=$)[^\0]+)$/;

export function pathOption(word: string, before: readonly Path[] = []): Path[] {
  const { name, path } = NAMED.exec(word)?.groups ?? {};
  if (path === undefined) throw new InvalidArgumentError('A path is [NAME=]PATH, for example ./app.sock, @app.');
  return [...before, { name, path: pathFrom(path) ?? path }];
}

type Door = typeof import('../../lib/door.ts');

function bindOne({ name, host, first, last, protocol }: Address, door: Door): Held {
  const port = first === last ? first : door.portRange(first, last);
  const socket = new door.BoundSocket({ port, host, protocol });
  return { name: name ?? String(socket.address().port), protocol, socket };
}

function bindPath({ name, path }: Path, door: Door): Held {
  const socket = new door.BoundSocket({ path });
  const usual = basename(path.replace('\0', '')).replace(/[^\w.@-]/g, '_');
  return { name: name ?? usual, protocol: 'unix', socket };
}

/**
 * Binds all of them, or none: the ports first.
 * @throws what `new BoundSocket()` throws
 */
export function bindAll(addresses: readonly Address[], paths: readonly Path[], door: Door): Held[] {
  const held: Held[] = [];
  try {
    for (const address of addresses) held.push(bindOne(address, door));
    for (const path of paths) held.push(bindPath(path, door));
    return held;
  } catch (error) {
    for (const { socket } of held) socket.close();
    throw error;
  }
}
