// The system's numbers for a family of addresses and for the type of a socket.
import { addon } from './addon.ts';
import type { Protocol } from './systems/system.ts';

const { AF_INET, AF_INET6, SOCK_STREAM, SOCK_DGRAM } = addon.constants as Record<string, number>;

export function familyNumber(family: 4 | 6): number {
  return (family === 6 ? AF_INET6 : AF_INET) as number;
}

export function typeNumber(protocol: Protocol): number {
  return (protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM) as number;
}
