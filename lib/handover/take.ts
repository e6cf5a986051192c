// takeSockets(): the next instance, which serves before the one before has stopped.
import net, { type AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { addon, type Handle } from '../addon.ts';
import { checkSignal, checkTimeout } from '../bind/request.ts';
import type { BoundSocket } from '../bound-socket.ts';
import { aborted, codeOf, handoverError, invalidState, systemError, wrongType } from '../errors.ts';
import { endsAt } from '../frames.ts';
import { type Names, readOptions } from '../options-once.ts';
import { bare } from '../own.ts';
import { printable } from '../printable.ts';
import { revive } from './carried.ts';
import { Connection, isSameUser, type Missing } from './connection.ts';
import { drop, type Kept, keep, openUnix } from './control.ts';
import { checkFolder, checkPath, requireHandover, socketAt } from './folder.ts';
import {
  type Carried,
  checkLength,
  decode,
  encode,
  HEADER,
  type Message,
  type MessageOf,
  malformed,
  VERSION,
} from './protocol.ts';

/** Options of `takeSockets()`. */
export interface TakeOptions {
  /** Where the running instance offers. */
  path: string;
  /** Milliseconds until the sockets must have arrived. @defaultValue 5000 */
  timeout?: number | undefined;
  /** Ends the wait when aborted. */
  signal?: AbortSignal | undefined;
}

const NAMES = { path: true, timeout: true, signal: true } satisfies Names<TakeOptions>;

/** A socket that came from another process. */
export interface TakenSocket {
  readonly name: string;
  readonly socket: BoundSocket<AddressInfo | string>;
}

// Milliseconds between looks at a connection that only a system call of ours may read: Node's own would lose descriptors.
const LOOK = 1;

const STOPPED_TIMEOUT = 5000;
const DRAINING_TIMEOUT = 5000;

class Deadline {
  readonly #path: string;
  readonly #end: number;
  readonly #signal: AbortSignal | undefined;

  constructor(path: string, timeout: number, signal: AbortSignal | undefined) {
    this.#path = path;
    this.#end = performance.now() + timeout;
    this.#signal = signal;
    if (signal?.aborted) throw aborted(signal.reason);
  }

  /** @throws Error `ETIMEDOUT`, `AbortError` */
  async rest(): Promise<void> {
    if (performance.now() >= this.#end)
      throw systemError(
        { code: 'ETIMEDOUT', syscall: 'recvmsg', remark: 'the instance that offers does not answer' },
        { address: this.#path, port: 0 },
      );
    const signal = this.#signal;
    try {
      await pause(LOOK, undefined, bare(signal === undefined ? {} : { signal }));
    } catch {
      throw aborted(signal?.reason);
    }
  }
}

/** Connects; whoever gets an error has nothing to close. */
async function connectTo(path: string, deadline: Deadline): Promise<Handle> {
  const socket = openUnix();
  try {
    for (;;) {
      const error = addon.connectPath(socket, path);
      if (error === 0) break;
      const code = codeOf(error);
      if (code === 'EACCES' || code === 'EPERM')
        throw handoverError('FORBIDDEN', `${path} belongs to another user (connect ${code})`);
      // Its queue is full.
      if (code !== 'EAGAIN') throw systemError({ code, syscall: 'connect' }, { address: path, port: 0 });
      await deadline.rest();
    }
    if (!isSameUser(socket)) throw handoverError('FORBIDDEN', `Another user listens at ${path}`);
    return socket;
  } catch (error) {
    addon.close(socket);
    throw error;
  }
}

interface Received {
  readonly message: Message;
  readonly handles: readonly Handle[];
}

/** Reads one message and not a byte more: what follows is Node's to read. */
async function receive(socket: Handle, path: string, deadline: Deadline): Promise<Received> {
  const handles: Handle[] = [];
  let isBegun = false;
  // Whoever ends before it has said a word has died, or is about to.
  const ended = () =>
    isBegun
      ? malformed('a message that ends early')
      : systemError(
          { code: 'ECONNREFUSED', syscall: 'recvmsg', remark: 'the instance that offers has ended' },
          { address: path, port: 0 },
        );
  const read = async (length: number): Promise<Buffer> => {
    const parts: Uint8Array[] = [];
    for (let left = length; left > 0; ) {
      const found = addon.receiveHandles(socket, left);
      if (typeof found === 'number') {
        const code = codeOf(found);
        if (code === 'EMSGSIZE')
          throw malformed('not all descriptors arrived: too many, or more than this process may have');
        if (code === 'ECONNRESET') throw ended();
        if (code !== 'EAGAIN' && code !== 'EINTR') throw systemError({ code, syscall: 'recvmsg' });
        await deadline.rest();
        continue;
      }
      handles.push(...found.handles);
      if (found.bytes.length === 0) throw ended();
      isBegun = true;
      parts.push(found.bytes);
      left -= found.bytes.length;
    }
    return Buffer.concat(parts);
  };
  try {
    const header = await read(HEADER);
    const message = decode(await read(checkLength(header.readUInt32BE(0))));
    return { message, handles };
  } catch (error) {
    for (const handle of handles) addon.close(handle);
    throw error;
  }
}

function refusedError({ code, reason }: MessageOf<'refused'>, path: string): Error {
  const said = printable(reason).slice(0, 300);
  if (code === 'BUSY' || code === 'FORBIDDEN' || code === 'PROTOCOL') return handoverError(code, `${said} (${path})`);
  return systemError({ code, syscall: 'connect', remark: said }, { address: path, port: 0 });
}

interface Taken {
  readonly sockets: TakenSocket[];
  readonly control: Handle;
}

const isGuarded = (carried: Carried) => carried.protocol !== 'unix' && carried.guarded;

/** Makes sockets of descriptors, all or none. */
function reviveAll(message: Message, handles: readonly Handle[], path: string): Taken {
  const made: BoundSocket<AddressInfo | string>[] = [];
  try {
    if (message.type === 'refused') throw refusedError(message, path);
    if (message.type !== 'offer') throw malformed(`'${message.type}' in place of an offer`);
    if (message.version !== VERSION) throw malformed(`version ${message.version}`);
    const expected = message.sockets.reduce((sum, carried) => sum + (isGuarded(carried) ? 2 : 1), 1);
    if (handles.length !== expected) throw malformed(`${handles.length} descriptors in place of ${expected}`);
    const [control = -1, ...rest] = handles;
    const sockets = message.sockets.map((carried) => {
      const socket = rest.shift() as Handle;
      const guard = isGuarded(carried) ? rest.shift() : undefined;
      const bound = revive(carried, socket, guard);
      made.push(bound);
      return { name: carried.name, socket: bound };
    });
    return { sockets, control };
  } catch (error) {
    for (const bound of made) bound.discard();
    // Those that were given away are not ours, and stay as they are.
    for (const handle of handles) addon.close(handle);
    throw error;
  }
}

/** Sockets taken from another process that still serves. */
export class Succession {
  /** In the order of the offer. */
  readonly sockets: readonly TakenSocket[];

  readonly #path: string;
  readonly #connection: Connection;
  readonly #control: Kept;
  #state: 'taken' | 'asked' | 'ready' | 'abandoned' = 'taken';

  /** @internal */
  constructor(path: string, sockets: readonly TakenSocket[], connection: Connection, control: Kept) {
    this.#path = path;
    this.sockets = sockets;
    this.#connection = connection;
    this.#control = control;
  }

  /**
   * Says that this instance serves: call it once the servers listen. The previous instance then stops accepting and
   * drains.
   * @returns once that has stopped or died; an offer at the same path goes on with its socket file
   * @throws Error `ETIMEDOUT` if the previous instance does not answer (call it again), or if it abandoned this one and
   * serves on; `ECONNREFUSED` if the offer was closed; `ERR_EXACTBIND_HANDOVER_PROTOCOL`; `ERR_INVALID_STATE` after
   * `abandon()`
   */
  async ready(): Promise<void> {
    if (this.#state === 'ready') return;
    if (this.#state === 'abandoned') throw invalidState('The succession was abandoned');
    if (this.#state === 'taken') {
      this.#state = 'asked';
      this.#connection.send({ type: 'ready' });
    }
    // Whoever has died has nothing to stop.
    if (await this.#expect('stopped', STOPPED_TIMEOUT)) {
      this.#connection.send({ type: 'commit' });
      try {
        await this.#expect('draining', DRAINING_TIMEOUT);
      } catch (error) {
        // What was committed in time it reads before anything else, whenever it goes on.
        if ((error as NodeJS.ErrnoException).code !== 'ETIMEDOUT' || this.#isAbandoned()) throw error;
      }
    }
    this.#state = 'ready';
    for (const { socket } of this.sockets) if (socket.file !== undefined) socket.file.isOurs = true;
    this.#control.isOurs = true;
    this.#connection.unref();
    // Who does not offer leaves nobody waiting at a listener that answers never.
    pause(10_000, undefined, { ref: false }).then(() => drop(this.#path, this.#control));
  }

  /**
   * Whether ready() has only not been answered.
   * @internal
   */
  get canAskAgain(): boolean {
    return this.#state === 'asked';
  }

  #isAbandoned(): boolean {
    return this.#state === 'abandoned';
  }

  /** False if the other process has ended. */
  async #expect(type: Message['type'], timeout: number): Promise<boolean> {
    const found: Message | Missing = await this.#connection.next(timeout);
    if (found === 'end') return false;
    if (found === 'late')
      throw systemError(
        { code: 'ETIMEDOUT', syscall: 'recvmsg', remark: 'the instance before does not answer' },
        { address: this.#path, port: 0 },
      );
    if (typeof found === 'object' && found.type === type) return true;
    this.#end();
    throw typeof found === 'object' && found.type === 'refused'
      ? refusedError(found, this.#path)
      : malformed(typeof found === 'object' ? `'${found.type}' in place of '${type}'` : found);
  }

  /**
   * Gives the sockets back: the previous instance serves on as if nothing had happened. Close your servers first; it
   * closes the sockets that no server adopted. Does nothing after `ready()`.
   */
  async abandon(): Promise<void> {
    if (this.#state === 'ready' || this.#state === 'abandoned') return;
    this.#connection.send({ type: 'abandon' });
    this.#end();
  }

  #end(): void {
    this.#state = 'abandoned';
    for (const { socket } of this.sockets) socket.discard();
    drop(this.#path, this.#control);
    this.#connection.close();
  }
}

export async function take(path: string, timeout: number, signal: AbortSignal | undefined): Promise<Succession> {
  const deadline = new Deadline(path, timeout, signal);
  checkFolder(path);
  socketAt(path);
  const socket = await connectTo(path, deadline);
  let taken: Taken;
  try {
    const hello = encode({ type: 'hello', version: VERSION });
    const sent = addon.sendHandles(socket, hello, []);
    if (sent !== hello.length) throw systemError({ code: sent < 0 ? codeOf(-sent) : 'EAGAIN', syscall: 'sendmsg' });
    const { message, handles } = await receive(socket, path, deadline);
    taken = reviveAll(message, handles, path);
  } catch (error) {
    addon.close(socket);
    throw error;
  }
  addon.release(socket);
  const connection = new Connection(new net.Socket(bare({ fd: socket, readable: true, writable: true })));
  return new Succession(path, taken.sockets, connection, keep(path, taken.control));
}

/**
 * Takes the sockets that another process of the same user offers at a path. They are BoundSockets: hand them to
 * servers, wait for 'listening', and call `ready()`. Until then both processes accept. No connection is lost.
 *
 * They keep their options, queue, `outcome` and `exclusivity`.
 *
 * - Linux, macOS: through a Unix socket (SCM_RIGHTS).
 * - Windows: `ENOTSUP`.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; RangeError `ERR_OUT_OF_RANGE`
 * @throws Error `ENOENT`, `ECONNREFUSED` if nobody offers; `ETIMEDOUT`; `AbortError`; `ERR_EXACTBIND_HANDOVER_BUSY`
 * while another successor takes over; `ERR_EXACTBIND_HANDOVER_FORBIDDEN` if another user is involved;
 * `ERR_EXACTBIND_HANDOVER_PROTOCOL` if the answer is not an offer of this version; `ENOTSUP`
 */
export async function takeSockets(options: TakeOptions): Promise<Succession> {
  requireHandover('takeSockets');
  const { path, timeout, signal } = readOptions<TakeOptions>(options, NAMES);
  const limit = timeout === undefined ? 5000 : checkTimeout('options.timeout', timeout);
  const aborting = checkSignal('options.signal', signal);
  if (path === undefined) throw wrongType('options.path', 'of type string', path);
  return endsAt(takeSockets, take(checkPath('options.path', path), limit, aborting));
}
