// Makes a UDP socket Node's: the handle opens it, and only then are its options cleared and its address bound.
import { addon, type Handle } from '../addon.ts';
import { codeOf, nameOfErrno, systemError } from '../errors.ts';
import { system } from '../platform.ts';
import { type UdpHandle, udpClass } from './handle-classes.ts';

function adopt(socket: Handle, family: 4 | 6): UdpHandle {
  const handle = new (udpClass())();
  const error = handle.open(socket);
  if (error === 0) {
    addon.release(socket);
    // dgram gives a handle that it takes over its calls for IPv6, but not this one (replaceHandle, lib/dgram.js).
    if (family === 6) handle.connect = handle.connect6;
    return handle;
  }
  handle.close();
  addon.close(socket);
  throw systemError({ code: nameOfErrno(error), syscall: 'open' });
}

/**
 * Puts a bound UDP socket of another process into a handle of Node's, and gives it back the options that uv_udp_open() takes
 * away. For a microsecond a socket that sets the same option could join it.
 */
export function adoptBound(socket: Handle, family: 4 | 6): UdpHandle {
  const { SOL_SOCKET = 0, SO_REUSEADDR = 0, SO_REUSEPORT } = addon.constants;
  const options = system === 'windows' ? [] : [SO_REUSEADDR, ...(SO_REUSEPORT === undefined ? [] : [SO_REUSEPORT])];
  const before = options.map((option) => +(addon.numberIn(socket, SOL_SOCKET, option, 0) !== 0));
  const handle = adopt(socket, family);
  const settings = options.flatMap((option, at) => [SOL_SOCKET, option, 4, before[at] as number]);
  const error = addon.set(socket, new Int32Array([options.length, ...settings]));
  if (error === 0) return handle;
  handle.close();
  throw systemError({ code: codeOf(error), syscall: 'setsockopt' });
}

/**
 * Puts an unbound UDP socket into a handle of Node's and lets `bind` bind it, which returns what was refused. Then nothing
 * is left open.
 *
 * uv_udp_open() sets SO_REUSEADDR (SO_REUSEPORT on BSD systems) on whatever it is given, which would let anybody take
 * the port; so it is given an unbound socket, and the options that are wanted are set between that and bind(). Windows is
 * the reverse: libuv sets nothing there, but binds a second time unless the socket was bound when it was opened.
 */
export function bindInHandle<Refused extends object>(
  socket: Handle,
  family: 4 | 6,
  bind: () => Refused | undefined,
): UdpHandle | Refused {
  if (system === 'windows') {
    const refused = bind();
    if (refused === undefined) return adopt(socket, family);
    addon.close(socket);
    return refused;
  }
  const handle = adopt(socket, family);
  const refused = bind();
  if (refused === undefined) return handle;
  handle.close();
  return refused;
}
