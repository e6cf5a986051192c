// A net.Socket whose descriptor is opened natively, with its options, right before each attempt to connect.
import net from 'node:net';
import { addon, type Handle } from '../addon.ts';
import { codeOf, errnoOf, nameOfErrno, type SystemError, systemError } from '../errors.ts';
import { familyNumber, typeNumber } from '../numbers.ts';
import { nameOf } from '../socket-options/lookup.ts';
import type { NodeHandle } from './handle-classes.ts';
import { remember } from './node-cache.ts';

/** What every attempt is made with. */
export interface Outgoing {
  /** IPPROTO_MPTCP, or 0. */
  readonly protocol: number;
  readonly options: readonly (readonly [name: string, value: unknown])[];
  /** The same as words of a native plan. */
  readonly settings: Int32Array;
  readonly localAddress: string | undefined;
  readonly localPort: number;
}

interface ConnectingHandle extends NodeHandle {
  connect(): number;
  connect6(): number;
}

/** The refusal that kept an attempt from being made, by the address it was for. */
type Refusals = Map<string, SystemError>;

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

  constructor(options: net.SocketConstructorOpts, outgoing: Outgoing) {
    super(options);
    this.#outgoing = outgoing;
    // Node emits it between making a handle and connecting it, once for each address that it tries.
    this.on('connectionAttempt', (address, port, family) => this.#prepare(`${address}:${port}`, family === 6 ? 6 : 4));
  }

  #prepare(target: string, family: 4 | 6): void {
    const handle = (this as unknown as { _handle: ConnectingHandle })._handle;
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
