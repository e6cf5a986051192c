// portRange(): a list of ports that follow one another.
import { badPort, outOfRange } from './errors.ts';

function checkEnd(port: number): number {
  if (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw badPort(port, 1);
}

/**
 * Lists the ports from `first` to `last`, both included, for the `port` of `listen()`, `bindUdp()` and `BoundSocket`.
 * @example await listen(server, { port: portRange(3000, 3999) })
 * @throws RangeError `ERR_SOCKET_BAD_PORT` for anything but a port from 1 to 65535; `ERR_OUT_OF_RANGE` if `last` is
 * less than `first`
 */
export function portRange(first: number, last: number): number[] {
  const [from, to] = [checkEnd(first), checkEnd(last)];
  if (to < from) throw outOfRange('last', `>= ${from}`, to);
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}
