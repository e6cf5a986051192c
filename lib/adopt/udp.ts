// Makes a UDP socket Node's: the handle opens it, and only then are its options cleared and its address bound.
import { getSystemErrorName } from 'node:util';
import { addon, type Handle } from '../addon.ts';
import { systemError } from '../errors.ts';
import { type Compiled, familyOf, lastRefusal, type Place, type Refusal, typeOf } from '../open.ts';
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
  throw systemError({ code: getSystemErrorName(error), syscall: 'open' });
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
  if (system === 'windows') {
    const refused = bind(request, place, how, socket);
    if (refused === undefined) return { handle: adopt(socket), socket };
    addon.close(socket);
    return refused;
  }
  const handle = adopt(socket);
  const refused = bind(request, place, how, socket);
  if (refused === undefined) return { handle, socket };
  handle.close();
  return refused;
}

function bind(request: BindRequest, place: Place, how: Compiled, socket: Handle): Refusal | undefined {
  const error = addon.bind(socket, how.beforeBind, place.host, request.port);
  return error === 0 ? undefined : lastRefusal(request, place, request.port);
}
