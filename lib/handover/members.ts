// The sockets of an offer: a server, a dgram.Socket or a BoundSocket, and how each stops, goes on and ends.
import type dgram from 'node:dgram';
import net, { type AddressInfo, type Server } from 'node:net';
import type { Handle } from '../addon.ts';
import {
  originOfDatagrams,
  originOfServer,
  receiveAgain,
  requireStoppable,
  type Stopped,
  stopAccepting,
  stopReceiving,
} from '../adopt/accepting.ts';
import type { Origin } from '../adopt/origin.ts';
import { numberOfSocket } from '../adopt/socket-number.ts';
import { BoundSocket } from '../bound-socket.ts';
import { notRunning, wrongType, wrongValue } from '../errors.ts';
import { describe, ticketKeysOf } from './carried.ts';
import { lend, takeBack } from './carried-path.ts';
import { drain, Sessions } from './drain.ts';
import type { Carried } from './protocol.ts';

/** One socket of an offer. */
export interface OfferedSocket {
  /** How the next instance knows it. */
  name: string;
  /** A server (net, http, https, http2, tls) that listens, a bound dgram.Socket, or a BoundSocket. */
  socket: Server | dgram.Socket | BoundSocket<AddressInfo | string>;
}

/** One socket as the offer handles it. */
export interface Member {
  /** @throws Error where there is nothing to give any more */
  give(): { carried: Carried; handles: Handle[] };
  /** A successor has it. */
  lend?(): void;
  /** The successor has gone, and will not serve. */
  takeBack?(): void;
  /** Takes nothing on any more; the queue stays. */
  stop(): void;
  /** Takes on again what has come meanwhile. */
  resume(): void;
  /** Ends what was taken on; returns how many connections had to be closed. */
  end(timeout: number): Promise<number>;
  /** Nothing of it is asked any more. */
  release?(): void;
}

function given(name: string, socket: Handle, origin: Origin | undefined, ticketKeys?: Buffer) {
  const guard = origin?.bound.guard;
  const handles = guard === undefined ? [socket] : [socket, guard];
  return { carried: describe(name, socket, origin, ticketKeys), handles };
}

const fileOf = (origin: Origin | undefined) => (origin?.request === undefined ? origin?.bound.file : undefined);

function ofServer(name: string, server: Server): Member {
  let stopped: Stopped | undefined;
  let backlog = 0;
  const sessions = new Sessions(server);
  const file = fileOf(originOfServer(server));
  return {
    lend: () => lend(file),
    takeBack: () => takeBack(file, !server.listening),
    give() {
      if (!server.listening) throw notRunning();
      const found = given(name, numberOfSocket(server), originOfServer(server), ticketKeysOf(server));
      backlog = found.carried.backlog;
      return found;
    },
    stop() {
      if (server.listening) stopped = stopAccepting(server);
    },
    resume() {
      stopped?.resume(backlog);
      stopped = undefined;
    },
    end: (timeout) => drain(server, sessions, timeout),
    release: () => sessions.forget(),
  };
}

function ofDatagrams(name: string, socket: dgram.Socket): Member {
  return {
    give: () => given(name, numberOfSocket(socket), originOfDatagrams(socket)),
    stop: () => stopReceiving(socket),
    resume: () => receiveAgain(socket),
    async end() {
      try {
        socket.close();
      } catch (error) {
        // By the program, meanwhile.
        if ((error as NodeJS.ErrnoException).code !== 'ERR_SOCKET_DGRAM_NOT_RUNNING') throw error;
      }
      return 0;
    },
  };
}

function ofBound(name: string, bound: BoundSocket<AddressInfo | string>): Member {
  const { file } = bound;
  return {
    lend: () => lend(file),
    takeBack: () => takeBack(file, false),
    give: () => given(name, bound.socket(), bound.origin()),
    stop() {},
    resume() {},
    async end() {
      bound.discard();
      return 0;
    },
  };
}

const NAME = /^[^\p{Cc}:]{1,255}$/u;

/**
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`
 * @throws Error `ENOTSUP`, `ERR_SOCKET_NO_HANDLE`, `ERR_SOCKET_HANDLE_ADOPTED`
 */
export function memberOf(name: unknown, socket: unknown): Member {
  if (typeof name !== 'string') throw wrongType('options.sockets[].name', 'of type string', name);
  if (!NAME.test(name))
    throw wrongValue('options.sockets[].name', name, 'must have 1 to 255 characters, and none that is : or a control');
  const { Socket } = process.getBuiltinModule('node:dgram');
  let member: Member;
  if (socket instanceof BoundSocket) member = ofBound(name, socket);
  else if (socket instanceof Socket) member = ofDatagrams(name, socket);
  else if (socket instanceof net.Server) {
    // Where there is none, numberOfSocket() says why.
    numberOfSocket(socket);
    requireStoppable(socket);
    member = ofServer(name, socket);
  } else throw wrongType('options.sockets[].socket', 'a net.Server, a dgram.Socket or a BoundSocket', socket);
  member.give();
  return member;
}
