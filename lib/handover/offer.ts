// offerSockets(): the running instance, which serves on until a successor is ready.
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { addon, type Handle } from '../addon.ts';
import { numberOfSocket } from '../adopt/socket-number.ts';
import { checkTimeout } from '../bind/request.ts';
import { codeOf, notRunning, systemError, wrongType, wrongValue } from '../errors.ts';
import { endsAt } from '../frames.ts';
import { type Names, readOnce, readOptions } from '../options-once.ts';
import { Connection, isSameUser, type Missing, pidOf } from './connection.ts';
import { Control } from './control.ts';
import { checkPath, requireHandover } from './folder.ts';
import { type Member, memberOf, type OfferedSocket } from './members.ts';
import { passMainPid } from './notify.ts';
import { type Carried, encode, type Message, type Refused, VERSION } from './protocol.ts';

/** Options of `offerSockets()`. */
export interface OfferOptions {
  /** The path of a Unix socket, in a folder that belongs to this user and that nobody else can write to. */
  path: string;
  /** At most 126. The next instance gets them in this order. */
  sockets: readonly OfferedSocket[];
  /** Milliseconds from the offer until the successor must be ready. @defaultValue 30000 */
  readyTimeout?: number | undefined;
  /** Milliseconds until the remaining connections are closed. @defaultValue 30000 */
  drainTimeout?: number | undefined;
}

const NAMES = { path: true, sockets: true, readyTimeout: true, drainTimeout: true } satisfies Names<OfferOptions>;
const MEMBER_NAMES = { name: true, socket: true } satisfies Names<OfferedSocket>;

/** The control listener, and two for each socket, have to fit into the 253 that Linux passes in one message. */
const MOST_SOCKETS = 126;

// Of a peer that has nothing to wait for.
const HELLO_TIMEOUT = 5000;
const COMMIT_TIMEOUT = 5000;
const LOCK_TIMEOUT = 5000;

/** The events of an offer. */
export interface OfferEvents {
  /** A successor has the sockets. */
  taken: [];
  /** The successor serves; this instance accepts no more and drains. */
  ready: [];
  /** The successor died, gave up, or was too slow: this instance serves on and offers again. */
  abandoned: [];
  /** Nothing is left to wait for. `closed` counts the connections that `drainTimeout` cut off. */
  drained: [{ closed: number }];
}

type Listener = (...args: unknown[]) => void;

interface Checked {
  readonly path: string;
  readonly members: readonly Member[];
  readonly readyTimeout: number;
  readonly drainTimeout: number;
}

function timeoutOf(name: string, value: number | undefined): number {
  // What setTimeout() takes.
  return Math.min(value === undefined ? 30_000 : checkTimeout(name, value), 2 ** 31 - 1);
}

/** Reads and checks the options of `offerSockets()`. */
export function checkOffer(options: OfferOptions): Checked {
  const { path, sockets, readyTimeout, drainTimeout } = readOptions<OfferOptions>(options, NAMES);
  const checked = checkPath('options.path', path);
  if (!Array.isArray(sockets)) throw wrongType('options.sockets', 'an array', sockets);
  if (sockets.length === 0 || sockets.length > MOST_SOCKETS)
    throw wrongValue('options.sockets', sockets.length, `must have 1 to ${MOST_SOCKETS} members`);
  const members = sockets.map((one: unknown) => {
    if (typeof one !== 'object' || one === null) throw wrongType('options.sockets[]', 'an object', one);
    const { name, socket } = readOnce<OfferedSocket>(one as OfferedSocket, MEMBER_NAMES);
    return memberOf(name, socket);
  });
  return {
    path: checked,
    members,
    readyTimeout: timeoutOf('options.readyTimeout', readyTimeout),
    drainTimeout: timeoutOf('options.drainTimeout', drainTimeout),
  };
}

/** Sockets that the next instance can take. */
export class Offer extends EventEmitter {
  /** The absolute path of its Unix socket. */
  readonly path: string;

  /** Ends the offer like `close()`. Absent if the runtime has no such symbol. */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  readonly #checked: Checked;
  #control: Control | undefined;
  #state: 'offered' | 'taken' | 'ready' | 'draining' | 'gone' = 'offered';

  // Not EventEmitter<OfferEvents>, which the types of Node before 20.11 do not know.
  override on<Name extends keyof OfferEvents>(event: Name, listener: (...args: OfferEvents[Name]) => void): this {
    return super.on(event, listener as Listener);
  }

  override once<Name extends keyof OfferEvents>(event: Name, listener: (...args: OfferEvents[Name]) => void): this {
    return super.once(event, listener as Listener);
  }

  /** @internal */
  constructor(checked: Checked) {
    super();
    this.path = checked.path;
    this.#checked = checked;
  }

  /** @internal */
  async open(isLocked: boolean): Promise<this> {
    const onConnection = (socket: Socket) => {
      this.#serve(socket).catch((error: Error) => this.#fail(error));
    };
    this.#control = isLocked
      ? Control.openLocked(this.path, onConnection)
      : await Control.open(this.path, onConnection, LOCK_TIMEOUT);
    return this;
  }

  /**
   * Ends the offer and abandons a successor that is not ready yet. The offered sockets stay as they are. Removes the
   * socket file. Does nothing once a successor is ready.
   */
  async close(): Promise<void> {
    if (this.#state === 'draining' || this.#state === 'gone') return;
    this.#state = 'gone';
    this.#release();
    await this.#control?.close(false);
  }

  #release(): void {
    for (const member of this.#checked.members) member.release?.();
  }

  /** A fault of ours ends no process: whoever offers serves on. */
  #fail(error: Error): void {
    process.emitWarning(error);
  }

  async #serve(socket: Socket): Promise<void> {
    const connection = new Connection(socket);
    const refuse = (code: Refused, reason: string) => {
      connection.send({ type: 'refused', code, reason });
      connection.close();
    };
    if (!isSameUser(socket)) return refuse('FORBIDDEN', 'The instance that offers runs as another user');
    const hello = await connection.next(HELLO_TIMEOUT);
    if (typeof hello !== 'object' || hello.type !== 'hello')
      return refuse('PROTOCOL', `The instance that offers got no hello (${wordOf(hello)})`);
    if (hello.version !== VERSION)
      return refuse('PROTOCOL', `The instance that offers speaks version ${VERSION}, not ${hello.version}`);
    if (this.#state !== 'offered')
      return refuse(this.#state === 'gone' ? 'ECONNREFUSED' : 'BUSY', 'Another successor is at it');
    this.#state = 'taken';
    let isReady = false;
    try {
      isReady = await this.#handOver(connection, socket, refuse);
    } finally {
      if (!isReady) {
        connection.close();
        for (const member of this.#checked.members) member.takeBack?.();
        // Closed meanwhile, there is no offer to go back to.
        if (this.#isState('taken', 'ready')) this.#state = 'offered';
        this.emit('abandoned');
      }
    }
    if (isReady) await this.#drain(connection, pidOf(socket));
  }

  #isState(...states: string[]): boolean {
    return states.includes(this.#state);
  }

  /** Whether the successor serves from now on. */
  async #handOver(
    connection: Connection,
    socket: Socket,
    refuse: (code: Refused, reason: string) => void,
  ): Promise<boolean> {
    const { members, readyTimeout } = this.#checked;
    try {
      this.#give(socket);
    } catch (error) {
      refuse('ECONNREFUSED', (error as Error).message);
      return false;
    }
    for (const member of members) member.lend?.();
    this.emit('taken');
    const ready = await connection.next(readyTimeout);
    if (!isType(ready, 'ready') || !this.#isState('taken')) {
      if (ready === 'late') refuse('ETIMEDOUT', 'The successor was not ready in time');
      else if (ready === 'malformed') refuse('PROTOCOL', 'The instance that offers got no message of the protocol');
      else if (this.#isState('gone')) refuse('ECONNREFUSED', 'The offer was closed');
      return false;
    }
    this.#state = 'ready';
    try {
      for (const member of members) member.stop();
      connection.send({ type: 'stopped' });
      const commit = await connection.next(COMMIT_TIMEOUT);
      if (isType(commit, 'commit') && this.#isState('ready')) {
        this.#state = 'draining';
        return true;
      }
      refuse('ETIMEDOUT', 'The successor has not committed in time');
    } finally {
      if (!this.#isState('draining')) for (const member of members) member.resume();
    }
    return false;
  }

  #give(socket: Socket): void {
    if (this.#control === undefined) throw notRunning();
    const handles: Handle[] = [this.#control.handle];
    const sockets: Carried[] = [];
    for (const member of this.#checked.members) {
      const given = member.give();
      sockets.push(given.carried);
      handles.push(...given.handles);
    }
    const bytes = encode({ type: 'offer', version: VERSION, sockets });
    const sent = addon.sendHandles(numberOfSocket(socket), bytes, handles);
    if (sent < 0) throw systemError({ code: codeOf(-sent), syscall: 'sendmsg' });
    // The rest has no descriptors, and waits for room in the socket like all that follows.
    if (sent < bytes.length) socket.write(bytes.subarray(sent));
  }

  async #drain(connection: Connection, successor: number | undefined): Promise<void> {
    const { members, drainTimeout } = this.#checked;
    await this.#control?.close(true);
    // Before the successor may say anything: systemd listens to the main process.
    if (successor !== undefined && successor !== process.pid) passMainPid(successor);
    connection.send({ type: 'draining' });
    this.emit('ready');
    const counts = await Promise.all(members.map((member) => member.end(drainTimeout)));
    const closed = counts.reduce((sum, count) => sum + count, 0);
    this.#state = 'gone';
    this.#release();
    connection.send({ type: 'drained', closed });
    connection.close();
    this.emit('drained', { closed });
  }
}

const isType = (found: Message | Missing, type: Message['type']): boolean =>
  typeof found === 'object' && found.type === type;

const wordOf = (found: Message | Missing): string => (typeof found === 'object' ? found.type : found);

// The contexts of Jest and of vitest's vm pools lack the symbol on Node 20.
if (Symbol.asyncDispose !== undefined) {
  const disposable = {
    [Symbol.asyncDispose](this: Offer): Promise<void> {
      return this.close();
    },
  };
  const value = disposable[Symbol.asyncDispose];
  Object.defineProperty(Offer.prototype, Symbol.asyncDispose, { value, configurable: true, writable: true });
}

/**
 * Offers sockets to the next instance of this program, which takes them with `takeSockets()`. No connection is lost or
 * refused, and nobody else can get the address at any moment.
 *
 * This instance serves on until a successor is ready. Then it stops accepting, without closing the queue, and drains:
 * HTTP/1 answers say `Connection: close`, HTTP/2 sends GOAWAY, and idle connections end by the server's own
 * `keepAliveTimeout`. It closes and counts whatever is left after `drainTimeout`. If the successor dies, stops, or is
 * not ready in time, everything stays as it was. The offer does not keep the process alive.
 *
 * - Linux, macOS: descriptors pass through a Unix socket of mode 0600 (SCM_RIGHTS), only between processes of one user
 *   (SO_PEERCRED, LOCAL_PEERCRED).
 * - Windows: `ENOTSUP`.
 *
 * Under systemd (NOTIFY_SOCKET) it reports that the successor is the main process from then on (MAINPID=), or the unit would
 * end with this one.
 *
 * In a cluster, the primary offers the sockets that it opened itself. The file of a Unix socket stays, and the successor
 * removes it. A server on a path that Node itself has bound: `ENOTSUP`.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; RangeError `ERR_OUT_OF_RANGE`
 * @throws Error `EADDRINUSE` if another process offers at that path; `ENOENT`, `EACCES`, `ENAMETOOLONG`;
 * `ERR_EXACTBIND_HANDOVER_FORBIDDEN` for a folder or a file that is not this user's alone; `ERR_SOCKET_NO_HANDLE`,
 * `ERR_SERVER_NOT_RUNNING`, `ERR_SOCKET_HANDLE_ADOPTED` for a socket that is not open; `ENOTSUP`
 */
export async function offerSockets(options: OfferOptions): Promise<Offer> {
  requireHandover('offerSockets');
  return endsAt(offerSockets, new Offer(checkOffer(options)).open(false));
}
