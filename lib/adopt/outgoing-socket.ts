// A net.Socket whose descriptor is opened natively, with its options, right before each attempt to connect.
import net from 'node:net';
import { addon, type Handle } from '../addon.ts';
import { alreadyAdopted, codeOf, errnoOf, nameOfErrno, type SystemError, systemError } from '../errors.ts';
import { familyNumber, typeNumber } from '../numbers.ts';
import { nameOf } from '../socket-options/lookup.ts';
import type { NodeHandle } from './handle-classes.ts';
import { remember } from './node-cache.ts';

/** A reservation that a client has taken: whoever does not adopt it closes it. */
export interface Reservation {
  readonly socket: Handle;
  /** Of the addresses that it can connect to; undefined for both. */
  readonly family: 4 | 6 | undefined;
  /** Whether its socket is one of IPv6, to which an IPv4 address has to be written as ::ffff:… */
  readonly isMapped: boolean;
  /** Gives it to a handle of Node's. 0, or a negative errno. */
  adopt(handle: NodeHandle): number;
  close(): void;
}

/** What every attempt is made with. */
export interface Outgoing {
  /** IPPROTO_MPTCP, or 0. */
  readonly protocol: number;
  readonly options: readonly (readonly [name: string, value: unknown])[];
  /** The same as words of a native plan. */
  readonly settings: Int32Array;
  readonly localAddress: string | undefined;
  readonly localPort: number;
  /** The one socket that may connect. */
  readonly from?: Reservation | undefined;
}

type Connect = (request: object, address: string, port: number) => number;

interface ConnectingHandle extends NodeHandle {
  connect: Connect;
  connect6: Connect;
}

/** The refusal that kept an attempt from being made, by the address it was for. */
type Refusals = Map<string, SystemError>;

// A reservation is used once: whoever connects again would do so from another port.
function adoptReserved(
  handle: ConnectingHandle,
  family: 4 | 6,
  from: Reservation,
  settings: Int32Array,
): SystemError | undefined {
  if (from.family !== undefined && from.family !== family) {
    const remark = `the reservation is of IPv${from.family}`;
    return systemError({ code: 'EAFNOSUPPORT', syscall: 'connect', remark });
  }
  const refused = configure(from.socket, settings);
  if (refused !== undefined) return refused;
  const error = from.adopt(handle);
  if (error !== 0) return systemError({ code: nameOfErrno(error), syscall: 'open' });
  const { connect6 } = handle;
  if (from.isMapped)
    handle.connect = (request, address, port) => connect6.call(handle, request, `::ffff:${address}`, port);
  return undefined;
}

function openAt(family: 4 | 6, outgoing: Outgoing): Handle | SystemError {
  const { protocol, settings, localAddress, localPort } = outgoing;
  const socket = addon.socket(familyNumber(family), typeNumber('tcp'), protocol);
  if (socket === -1) return systemError({ code: codeOf(addon.status[0] as number), syscall: 'socket' });
  const refused = configure(socket, settings) ?? bind(socket, family, localAddress, localPort);
  if (refused === undefined) return socket;
  addon.close(socket);
  return refused;
}

function configure(socket: Handle, settings: Int32Array): SystemError | undefined {
  if (addon.set(socket, settings) === 0) return undefined;
  const [error = 0, , , level = 0, option = 0] = addon.status;
  return systemError({ code: codeOf(error), syscall: 'setsockopt', option: nameOf(level, option) });
}

// Natively, because libuv would bind before the options are set, and set SO_REUSEADDR.
function bind(socket: Handle, family: 4 | 6, host: string | undefined, port: number): SystemError | undefined {
  if (host === undefined && port === 0) return undefined;
  const address = host ?? (family === 6 ? '::' : '0.0.0.0');
  const nothing = new Int32Array([0]);
  const error = addon.bind(socket, nothing, address, port);
  return error === 0 ? undefined : systemError({ code: codeOf(error), syscall: 'bind' }, { address, port });
}

export class OutgoingSocket extends net.Socket {
  readonly #outgoing: Outgoing;
  readonly #refusals: Refusals = new Map();
  #from: Reservation | undefined;

  constructor(options: net.SocketConstructorOpts, outgoing: Outgoing) {
    super(options);
    this.#outgoing = outgoing;
    this.#from = outgoing.from;
    this.once('close', () => this.#takeReservation()?.close());
    // Node emits it between making a handle and connecting it, once for each address that it tries.
    this.on('connectionAttempt', (address, port, family) => this.#prepare(`${address}:${port}`, family === 6 ? 6 : 4));
  }

  #takeReservation(): Reservation | undefined {
    const from = this.#from;
    this.#from = undefined;
    return from;
  }

  #prepareReserved(handle: ConnectingHandle, target: string, family: 4 | 6): void {
    const from = this.#takeReservation();
    if (from === undefined) {
      this.#refuse(handle, target, alreadyAdopted() as SystemError);
      return;
    }
    const refused = adoptReserved(handle, family, from, this.#outgoing.settings);
    if (refused === undefined) {
      for (const [name, value] of this.#outgoing.options) remember(this, name, value);
      return;
    }
    from.close();
    this.#refuse(handle, target, refused);
  }

  #prepare(target: string, family: 4 | 6): void {
    const handle = (this as unknown as { _handle: ConnectingHandle })._handle;
    if (this.#outgoing.from !== undefined) {
      this.#prepareReserved(handle, target, family);
      return;
    }
    const socket = openAt(family, this.#outgoing);
    if (typeof socket !== 'number') {
      this.#refuse(handle, target, socket);
      return;
    }
    const error = handle.open(socket);
    if (error !== 0) {
      addon.close(socket);
      this.#refuse(handle, target, systemError({ code: nameOfErrno(error), syscall: 'open' }));
      return;
    }
    addon.release(socket);
    for (const [name, value] of this.#outgoing.options) remember(this, name, value);
  }

  // libuv would open a socket of its own, and send its packets without the options. A call that fails lets Node go on to
  // the next address, or end; destroying a socket in this event is an error that nobody could catch.
  #refuse(handle: ConnectingHandle, target: string, refusal: SystemError): void {
    this.#refusals.set(target, refusal);
    const fail = () => errnoOf(refusal.code);
    handle.connect = fail;
    handle.connect6 = fail;
  }

  #explained(error: unknown): unknown {
    const { address, port, syscall } = error as SystemError;
    const refusal = syscall === 'connect' ? this.#refusals.get(`${address}:${port}`) : undefined;
    return refusal ?? error;
  }

  override destroy(error?: Error): this {
    if (error instanceof AggregateError) error.errors = error.errors.map((one) => this.#explained(one));
    return super.destroy(error && (this.#explained(error) as Error));
  }
}
