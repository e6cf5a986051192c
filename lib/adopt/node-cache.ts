// Keeps what Node remembers of a socket's options in agreement with what setOption() has set.
import type net from 'node:net';

type Remembered = Record<symbol, unknown>;

// net.Socket skips the system call of setNoDelay(), setKeepAlive() and setTypeOfService() when what it remembers, under
// symbols of these names, is what it is asked for.
const NAMES: Record<string, string> = {
  TCP_NODELAY: 'kSetNoDelay',
  SO_KEEPALIVE: 'kSetKeepAlive',
  IP_TOS: 'kSetTOS',
  IPV6_TCLASS: 'kSetTOS',
};

// setKeepAlive() sets all three, to values of its own where it is given none: it must not be skipped.
const FORGOTTEN = ['TCP_KEEPIDLE', 'TCP_KEEPALIVE', 'TCP_KEEPINTVL', 'TCP_KEEPCNT'];

const symbols = new Map<string, symbol | undefined>();

// Every socket has the same symbols, and looking for one takes longer than setting an option.
function symbolNamed(name: string, socket: net.Socket): symbol | undefined {
  if (!symbols.has(name)) {
    symbols.set(
      name,
      Object.getOwnPropertySymbols(socket).find(({ description }) => description === name),
    );
  }
  return symbols.get(name);
}

/** Tells a socket what one of its options is now; nothing happens where the runtime does not remember it. */
export function remember(socket: net.Socket, option: string, value: unknown): void {
  const isForgotten = FORGOTTEN.includes(option);
  const name = isForgotten ? 'kSetKeepAliveInitialDelay' : NAMES[option];
  if (name === undefined) return;
  const symbol = symbolNamed(name, socket);
  if (symbol !== undefined) (socket as unknown as Remembered)[symbol] = isForgotten ? undefined : value;
}
