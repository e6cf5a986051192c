// Ports for the matrix: below the ephemeral range, where no client of anybody is put, and free on every address.
import { readFileSync } from 'node:fs';
import { system } from '../lib/door.ts';
import { PROTOCOLS } from './cells.ts';
import { Party } from './party.ts';

const LAST = 65_535;
// RFC 6335; the default of macOS and Windows.
const FIRST_DYNAMIC = 49_152;
// A matrix takes 3,600.
const NEEDED = 4000;
// Linux keeps those in TIME_WAIT for a minute.
const ENOUGH = 20_000;
const FIRST_UNPRIVILEGED = 1024;

function firstEphemeral(): number {
  if (system !== 'linux') return FIRST_DYNAMIC;
  return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1'), 10);
}

// A plain wildcard goes beside somebody's plain specific address on Windows.
const SHARING = system === 'windows' ? 'exclusive' : 'none';

function isFree(port: number): boolean {
  return PROTOCOLS.every((protocol) =>
    // macOS lets :: over 0.0.0.0, so both are asked; where there is no IPv6, nobody has ::.
    (['0.0.0.0', '::'] as const).every((address) => {
      const party = new Party();
      const result = party.bind({ protocol, sharing: SHARING, address, port });
      void party.close();
      return result === 'ok' || result === 'EAFNOSUPPORT' || result === 'EADDRNOTAVAIL';
    }),
  );
}

/** Gives one port after another, each once. Begins anywhere, so that two matrices on one machine seldom meet. */
export function* freePorts(): Generator<number, never> {
  const end = firstEphemeral();
  const below = Math.max(FIRST_UNPRIVILEGED, end - ENOUGH);
  // Where next to every port is ephemeral, a client can be in the way, and the matrix fails.
  const [from, to] = end - below < NEEDED ? [LAST - ENOUGH, LAST] : [below, end - 1];
  const count = to - from + 1;
  const start = Math.floor(Math.random() * count);
  for (let nth = 0; nth < count; nth++) {
    const port = from + ((start + nth) % count);
    if (isFree(port)) yield port;
  }
  throw new Error(`too few ports from ${from} to ${to} are free on every address`);
}
