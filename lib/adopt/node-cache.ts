// Keeps what Node remembers of a socket's options in agreement with what setOption() has set.
import type net from 'node:net';
import { bareInside } from '../own.ts';

type Remembered = Record<symbol, unknown>;

// net.Socket skips the system call of setNoDelay(), setKeepAlive() and setTypeOfService() when what it remembers, under
// symbols of these names, is what it is asked for. The times of setKeepAlive() are forgotten: it sets all three of them, to
// values of its own where it is given none, and must not be skipped.
const REMEMBERED: Record<string, { name: string; isForgotten?: true; symbol?: symbol | null }> = bareInside({
  TCP_NODELAY: { name: 'kSetNoDelay' },
  SO_KEEPALIVE: { name: 'kSetKeepAlive' },
  TCP_KEEPIDLE: { name: 'kSetKeepAliveInitialDelay', isForgotten: true },
  TCP_KEEPALIVE: { name: 'kSetKeepAliveInitialDelay', isForgotten: true },
  TCP_KEEPINTVL: { name: 'kSetKeepAliveInitialDelay', isForgotten: true },
  TCP_KEEPCNT: { name: 'kSetKeepAliveInitialDelay', isForgotten: true },
  IP_TOS: { name: 'kSetTOS' },
  IPV6_TCLASS: { name: 'kSetTOS' },
});

/** Tells a socket what one of its options is now; nothing happens where the runtime does not remember it. */
export function remember(socket: net.Socket, option: string, value: unknown): void {
  const remembered = REMEMBERED[option];
  if (remembered === undefined) return;
  // Every socket has the same symbols, and looking for one takes longer than setting an option.
  if (remembered.symbol === undefined) remembered.symbol = symbolNamed(remembered.name, socket);
  const { symbol, isForgotten } = remembered;
  if (symbol !== null) (socket as unknown as Remembered)[symbol] = isForgotten ? undefined : value;
}

function symbolNamed(name: string, socket: net.Socket): symbol | null {
  return Object.getOwnPropertySymbols(socket).find(({ description }) => description === name) ?? null;
}
