// Makes a UDP socket Node's: the handle opens it, and only then are its options cleared and its address bound.
import { addon, type Handle } from '../addon.ts';
import { nameOfErrno, systemError } from '../errors.ts';
import { bindGuarded, type Compiled, familyOf, lastRefusal, type Place, type Refusal, typeOf } from '../open.ts';
import type { BindRequest } from '../options.ts';
import { system } from '../platform.ts';
import { type UdpHandle, udpClass } from './handle-classes.ts';

export interface OpenedUdp {
  readonly handle: UdpHandle;
  /** The socket's own number, which belongs to `handle`. */
  readonly socket: Handle;
}

function adopt(socket: Handle): UdpHandle {
  const handle = new (udpClass())();
  const error = handle.open(socket);
  if (error === 0) {
    addon.release(socket);
    return handle;
  }
  handle.close();
  addon.close(socket);
  throw systemError({ code: nameOfErrno(error), syscall: 'open' });
}

/**
 * Opens a UDP socket inside a handle of Node's and binds it.
 *
 * uv_udp_open() sets SO_REUSEADDR (SO_REUSEPORT on BSD systems) on whatever it is given, which would let anybody take
 * the port; so it is given an unbound socket, and the policy's options are set between that and bind(). Windows is the
 * reverse: libuv sets nothing there, but binds a second time unless the socket was bound when it was opened.
 */
export function openUdp(request: BindRequest, place: Place, how: Compiled): OpenedUdp | Refusal {
  const socket = addon.socket(familyOf(place), typeOf(request));
  if (socket === -1) return lastRefusal(request, place, request.port);
  const bind = (port: number) => {
    const error = addon.bind(socket, how.beforeBind, place.host, port);
    return error === 0 ? { socket } : lastRefusal(request, place, port);
  };
  if (system === 'windows') {
    const bound = bindGuarded(request, place, how, bind);
    if ('socket' in bound) return { handle: adopt(socket), socket };
    addon.close(socket);
    return bound;
  }
  const handle = adopt(socket);
  const bound = bindGuarded(request, place, how, bind);
  if ('socket' in bound) return { handle, socket };
  handle.close();
  return bound;
}
