// BoundSocket: a socket that holds its address from construction on, for any server to adopt.
import type { AddressInfo } from 'node:net';
import { addon, type Handle, type LocalAddress } from './addon.ts';
import { isAny } from './address.ts';
import { closeWith } from './adopt/close-with.ts';
import { requireTcp, type TcpHandle, type UdpHandle } from './adopt/handle-classes.ts';
import { type Origin, type PortOrigin, remember } from './adopt/origin.ts';
import type { Reservation } from './adopt/outgoing-socket.ts';
import { requireNetPermission } from './adopt/permission.ts';
import { adoptTcp, lateOf } from './adopt/tcp.ts';
import { checkAnyOptions } from './bind/any-request.ts';
import type { Refused } from './bind/places.ts';
import { atPorts } from './bind/ports.ts';
import {
  type AnyBindOptions,
  type BindOptions,
  type BindRequest,
  checkBindOptions,
  type PathBindOptions,
} from './bind/request.ts';
import { listenReserved } from './bind/reservation.ts';
import { type Bound, bind } from './bind/socket.ts';
import { forgetOwner, isFresh, watchOwner } from './collected.ts';
import { alreadyAdopted, codeOf, notSupported, systemError, wrongValue } from './errors.ts';
import { framesBelow, withFrames } from './frames.ts';
import { refusedError } from './inspect/refusal.ts';
import { bare, has } from './own.ts';
import { system } from './platform.ts';
import { readOption, writeOption } from './socket-options/access.ts';
import type { GettableName, OptionValues, SettableName } from './socket-options/values.ts';
import type { BindOutcome } from './systems/system.ts';
import { pathError } from './unix/refusal.ts';
import type { PathRequest } from './unix/request.ts';
import {
  type BoundPath,
  bindPath,
  closePath,
  handleOfPath,
  lostPath,
  type OwnFile,
  type PathRefused,
} from './unix/socket.ts';

// Of every copy of this class: Jest gives each test file one, and a tree of packages may hold two.
const BRAND: unique symbol = Symbol.for('exactbind.BoundSocket') as never;

// Of getsockname(): the number is not our socket's any more, and may be another file's.
const GONE = new Set(['EBADF', 'ENOTSOCK']);

const warned = new Set<string>();

function warnOnce(caveat: string, code: string): void {
  if (warned.has(caveat)) return;
  warned.add(caveat);
  process.emitWarning(`${caveat} (acceptPartial: true silences this)`, bare({ type: 'ExactbindWarning', code }));
}

interface Opened {
  readonly request: BindRequest;
  readonly bound: Bound;
}

type Result = Opened | BoundPath | Refused | PathRefused;

function open(request: BindRequest | PathRequest, patience?: number): Result {
  if (has(request, 'path')) {
    if (system === 'windows') throw notSupported('path', 'a named pipe is bound by listen() alone', 'bind');
    requireNetPermission(request.path);
    return bindPath(request, patience);
  }
  requireNetPermission(request.host ?? '');
  return request.ports === undefined ? openAt(request) : atPorts(request, openAt);
}

function openAt(request: BindRequest): Opened | Refused {
  const bound = bind(request);
  return has(bound, 'refusal') ? bound : { request, bound };
}

function openOrThrow(options: AnyBindOptions): Opened | BoundPath {
  const opened = open(checkAnyOptions(options));
  if (!has(opened, 'refusal')) return opened as Opened | BoundPath;
  const refused = opened as Refused | PathRefused;
  const error = has(refused, 'path') ? pathError(refused as PathRefused) : refusedError(refused as Refused);
  throw withFrames(error, framesBelow(BoundSocket));
}

/**
 * A socket that is bound, and for TCP listening, from construction on: the kernel completes handshakes before a server
 * adopts it. With `reserve: true` it is only bound, and still nobody can take its address.
 *
 * It has the members of `BoundSocket` in `node:net` (24.21, 26.4). That one sets SO_REUSEADDR and so does not hold its
 * port on Linux.
 *
 * - Linux: fully exclusive on `::`. For TCP on other addresses, `guard: true` makes it so; without it, `caveat` says
 *   what is left open. Restarts over the leftovers of an earlier run.
 * - macOS: a wildcard is `'partial'`: see `caveat`.
 * - Windows: `SO_EXCLUSIVEADDRUSE`.
 *
 * With `path` it is a Unix socket (docs/unix-sockets.md). It replaces the file of a socket on which nobody listens;
 * `close()`, of the server too, removes the file while it is this socket's.
 *
 * Keep a reference until a server adopts it: garbage collection closes the socket, with a warning
 * (`EXACTBIND_COLLECTED`), unless you have called `fd()`.
 *
 * @example server.listen(new BoundSocket({ port: 3000 }), () => console.log('listening'))
 * @throws from the constructor `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_INCOMPATIBLE_OPTION_PAIR`,
 * `ERR_SOCKET_BAD_PORT`, `ERR_OUT_OF_RANGE`, `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, `ENOTSUP`, `ERR_ACCESS_DENIED`
 */
export class BoundSocket<A extends AddressInfo | string = AddressInfo> {
  /**
   * `'clean'` if nothing was on the address; `'over-leftovers'` if TIME_WAIT or other remains of an earlier run were,
   * or a rival that bound in the same instant and lost. Absent if the system does not tell: `sharing` `'reuse-port'`,
   * `'raw'`, and `'reuse-address'` where it is not exclusive.
   */
  readonly outcome: BindOutcome | undefined;
  /** `'partial'` if the system leaves a hole, which `caveat` describes. */
  readonly exclusivity: 'full' | 'partial';
  readonly caveat: string | undefined;

  /** Closes the socket if nobody adopted it; otherwise does nothing. Absent if the runtime has no such symbol. */
  declare readonly [Symbol.dispose]: () => void;

  /** @internal */
  get [BRAND](): true {
    return true;
  }

  /** @internal */
  static [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: of a class that is derived from this one, it is that class.
    if (this !== BoundSocket) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  readonly #request: BindRequest | undefined;
  readonly #bound: Bound | BoundPath;
  readonly #path: BoundPath | undefined;
  #isOurs = true;
  #address: LocalAddress | undefined;

  /**
   * Opens, sets the options, binds and listens, synchronously.
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_INCOMPATIBLE_OPTION_PAIR`
   * @throws RangeError `ERR_SOCKET_BAD_PORT`, `ERR_OUT_OF_RANGE`
   * @throws Error `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, … with the failed call in `syscall`; `ENOTSUP` naming the
   * option that this system lacks; `ERR_ACCESS_DENIED` under `--permission` without `--allow-net`. If all ports of a
   * list failed: `EADDRINUSE` (`EACCES` if all were that) of the first, with `reports` and `omitted`
   */
  constructor(options?: BindOptions);
  /**
   * Opens, sets the options, replaces the file of a socket on which nobody listens, binds, sets `mode` and listens,
   * synchronously. Waits up to a second while another process starts on the same path.
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_INCOMPATIBLE_OPTION_PAIR` with options of
   * ports
   * @throws RangeError `ERR_OUT_OF_RANGE`
   * @throws Error `ENAMETOOLONG`; `EADDRINUSE` if somebody listens, or if the path is not a socket; `EACCES`, `ENOENT`,
   * …; `ENOTSUP` on Windows, where `listen()` takes a named pipe; `ERR_ACCESS_DENIED` under `--permission` without
   * `--allow-net`
   */
  constructor(options: PathBindOptions & { path: A });
  /** @internal */
  constructor(options: undefined, opened: Opened | BoundPath);
  constructor(options: AnyBindOptions = {}, opened: Opened | BoundPath = openOrThrow(options)) {
    const path = has(opened, 'path') ? opened : undefined;
    const bound = path ?? (opened as Opened).bound;
    this.#request = path === undefined ? (opened as Opened).request : undefined;
    this.#bound = bound;
    this.#path = path;
    watchOwner(this, bound);
    const { outcome, promise } = bound;
    this.outcome = outcome;
    this.exclusivity = promise.exclusivity;
    this.caveat = promise.caveat;
    if (path === undefined) this.#warn(bound as Bound);
  }

  #warn({ promise, stranger, how }: Bound): void {
    const { sharing, acceptPartial, guard } = this.#request as BindRequest;
    const { caveat } = promise;
    if (caveat === undefined || sharing !== 'exclusive' || acceptPartial) return;
    if (stranger !== undefined) warnOnce(stranger, 'EXACTBIND_STRANGER');
    else if (how.policy.warns || guard) warnOnce(caveat, 'EXACTBIND_PARTIAL');
  }

  /**
   * The same without an exception for what the system refuses: explaining that takes time, which others need not wait for.
   * @param patience with somebody who starts on the same path, in milliseconds
   * @throws what `new BoundSocket()` throws of a caller's fault
   * @internal
   */
  static open(options: AnyBindOptions, patience?: number): BoundSocket<AddressInfo | string> | Refused | PathRefused {
    return BoundSocket.openAsked(checkAnyOptions(options), patience);
  }

  /**
   * The same of options that have been checked.
   * @internal
   */
  static openAsked(request: BindRequest): BoundSocket | Refused;
  /** @internal */
  static openAsked(
    request: BindRequest | PathRequest,
    patience?: number,
  ): BoundSocket<AddressInfo | string> | Refused | PathRefused;
  static openAsked(
    request: BindRequest | PathRequest,
    patience?: number,
  ): BoundSocket<AddressInfo | string> | Refused | PathRefused {
    const opened = open(request, patience);
    return has(opened, 'refusal') ? opened : new BoundSocket<AddressInfo | string>(undefined, opened);
  }

  /**
   * Returns the address that the socket is bound to, like `net.Server.address()`; of a Unix socket, its path.
   * @throws Error `ERR_SOCKET_HANDLE_ADOPTED`; `EBADF`, `ENOTSOCK` if the descriptor was closed underneath
   */
  address(): A {
    if (this.#path !== undefined) {
      this.#requireOwnership();
      return this.#path.path as A;
    }
    const { address, family, port } = this.#localAddress();
    return { address, family: family === 6 ? 'IPv6' : 'IPv4', port } satisfies AddressInfo as A;
  }

  /** Whether this is a Unix socket, with a path. */
  get isPipe(): boolean {
    return this.#path !== undefined;
  }

  /**
   * Returns the descriptor. It stays the BoundSocket's: do not close it. -1 on Windows, where a socket has no
   * descriptor. A child that inherits it gets no guard: keep this BoundSocket open for as long as the guard is needed. On
   * Linux, only this process can begin to listen on a reservation of a specific address with a guard.
   * @throws Error `ERR_SOCKET_HANDLE_ADOPTED`
   */
  fd(): number {
    this.#requireOwnership();
    // Whoever has it may use it for longer than this object.
    forgetOwner(this);
    return system === 'windows' ? -1 : this.#bound.socket;
  }

  /**
   * Gives the socket up and returns its descriptor, for `server.listen({ fd })` outside cluster workers (a worker sends
   * the number to the primary, where it means another file). You close it. If you give a UDP descriptor to `dgram`,
   * others can steal its port from then on, because libuv sets SO_REUSEADDR on it. The file of a Unix socket then
   * stays, and the next start replaces it.
   * @throws Error `ENOTSUP` on Windows, and with a guard; `ERR_SOCKET_HANDLE_ADOPTED`
   */
  detach(): number {
    this.#requireOwnership();
    if (system === 'windows') throw notSupported('detach', 'a SOCKET is no descriptor: use server.listen(boundSocket)');
    const { socket, udp, guard } = this.#bound;
    if (guard !== undefined) throw notSupported('detach', 'the guard of this socket would be left behind');
    if (udp === undefined) {
      this.#prepareForAdoption();
      addon.release(socket);
      this.#giveUp();
      return socket;
    }
    // A libuv handle cannot let go of its descriptor, but the address belongs to the socket behind it.
    const copy = addon.duplicate(socket);
    if (copy === -1) throw systemError({ code: codeOf(addon.status[0] as number), syscall: 'fcntl' });
    this.close();
    return copy;
  }

  /**
   * Closes a socket that nobody adopted, and frees its address. Removes the file of a Unix socket while it is its own.
   * @throws Error `ERR_SOCKET_HANDLE_ADOPTED`
   */
  close(): void {
    this.#requireOwnership();
    this.#giveUp();
    if (this.#path !== undefined) {
      closePath(this.#path);
      return;
    }
    const { socket, udp, guard } = this.#bound;
    if (udp !== undefined) {
      udp.close();
      return;
    }
    addon.close(socket);
    if (guard !== undefined) addon.close(guard);
  }

  /**
   * What Symbol.dispose names, where there is such a symbol.
   * @internal
   */
  discard(): void {
    if (this.#isOurs) this.close();
  }

  /**
   * Reads a socket option by the kernel's name.
   * @throws TypeError `ERR_INVALID_ARG_VALUE`; Error `ENOTSUP`, `ENOPROTOOPT`, `ERR_SOCKET_HANDLE_ADOPTED`
   */
  getOption<Name extends GettableName>(name: Name): OptionValues[Name] {
    this.#requireOwnership();
    return readOption(this.#bound.socket, name);
  }

  /**
   * Sets a socket option by the kernel's name. SO_REUSEADDR, SO_REUSEPORT and SO_EXCLUSIVEADDRUSE decide who may share
   * the address: you can set them only with `sharing: 'raw'`.
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; RangeError `ERR_OUT_OF_RANGE`
   * @throws Error `ENOTSUP`, `ENOPROTOOPT`, `EPERM`, …; `ERR_SOCKET_HANDLE_ADOPTED`
   */
  setOption<Name extends SettableName>(name: Name, value: OptionValues[Name]): void {
    this.#requireOwnership();
    const sharing = this.#request?.sharing ?? 'exclusive';
    checkBindOptions({ sharing, socketOptions: { [name]: value } });
    writeOption(this.#bound.socket, name, value);
  }

  /**
   * The handle that `server.listen(boundSocket)` adopts: Node reads this property of whatever it is given, once. From
   * then on the server owns the socket.
   * @internal
   */
  get _handle(): TcpHandle {
    this.#requireOwnership();
    if (this.#bound.udp !== undefined)
      throw wrongValue('handle', 'a UDP socket', 'must be a TCP socket: see bindUdp()');
    this.#prepareForAdoption();
    const handle = this.#path === undefined ? this.#adoptPort() : handleOfPath(this.#path);
    this.#giveUp();
    return handle;
  }

  /**
   * What Bun's http servers look for in place of `_handle`; finding nothing they would listen on a random port.
   * @throws Error `ENOTSUP` where the runtime has no handle that could adopt a socket
   * @internal
   */
  get port(): undefined {
    requireTcp();
    return undefined;
  }

  /**
   * Gives the handle of a UDP socket to somebody who says when it is taken.
   * @internal
   */
  handTo(adopt: (handle: UdpHandle, taken: () => void) => void): void {
    this.#requireOwnership();
    const { udp } = this.#bound;
    if (udp === undefined) throw wrongValue('socket', 'a TCP socket', "must be a UDP socket: { protocol: 'udp' }");
    const origin = this.#portOrigin();
    adopt(udp, () => {
      remember(udp, origin);
      this.#giveUp();
    });
  }

  /**
   * What was asked for, and what became of it.
   * @internal
   */
  origin(): Origin {
    this.#requireOwnership();
    return this.#path === undefined ? this.#portOrigin() : { request: undefined, bound: this.#path };
  }

  #portOrigin(): PortOrigin {
    return { request: this.#request as BindRequest, bound: this.#bound as Bound };
  }

  /**
   * The file of a Unix socket, also once a server has adopted it.
   * @internal
   */
  get file(): OwnFile | undefined {
    return this.#path?.file;
  }

  /**
   * Gives a reservation to a client, who adopts or closes it from now on.
   * @throws TypeError `ERR_INVALID_ARG_VALUE`; Error `EBADF`, `ENOTSOCK`, `ERR_SOCKET_HANDLE_ADOPTED`
   * @internal
   */
  takeReservation(): Reservation {
    if (this.#path !== undefined) throw wrongValue('options.from', 'a Unix socket', 'must be a TCP socket');
    this.#requireOwnership();
    const { request, bound } = this.#portOrigin();
    const { socket, udp, guard, place } = bound;
    if (udp !== undefined) throw wrongValue('options.from', 'a UDP socket', 'must be a TCP socket');
    if (!request.reserve)
      throw wrongValue('options.from', 'a socket that listens', 'must be a reservation: { reserve: true }');
    this.#requireBound(bound, request);
    this.#giveUp();
    const isWildcard = isAny(place.address);
    return {
      socket,
      family: isWildcard && place.family === 6 && !request.ipv6Only ? undefined : place.addressFamily,
      isMapped: place.family === 6,
      adopt(handle) {
        const error = handle.open(socket);
        if (error !== 0) return error;
        addon.release(socket);
        if (guard !== undefined) closeWith(handle, guard);
        return 0;
      },
      close() {
        addon.close(socket);
        if (guard !== undefined) addon.close(guard);
      },
    };
  }

  /**
   * The socket's own number, also where fd() has none to show.
   * @internal
   */
  socket(): Handle {
    this.#requireOwnership();
    return this.#bound.socket;
  }

  #adoptPort(): TcpHandle {
    const { socket, how, guard, inheritance } = this.#bound as Bound;
    const { backlog, port } = this.#request as BindRequest;
    const handle = adoptTcp(socket, { backlog, late: lateOf(socket, how, port), guard, inheritance });
    remember(handle, this.#portOrigin());
    return handle;
  }

  #giveUp(): void {
    this.#isOurs = false;
    forgetOwner(this);
  }

  #requireOwnership(): void {
    if (!this.#isOurs) throw alreadyAdopted();
  }

  #localAddress(): LocalAddress {
    this.#requireOwnership();
    if (this.#address !== undefined) return this.#address;
    const found = addon.localAddress(this.#bound.socket);
    if (typeof found === 'number') throw systemError({ code: codeOf(found), syscall: 'getsockname' });
    if (found === null) throw systemError({ code: 'ENOTSOCK', syscall: 'getsockname' });
    this.#address = found;
    return found;
  }

  // libuv listens on a random port if it is handed an unbound socket, and a descriptor that was closed underneath may be
  // another file by now: what is handed over must be what was bound, and what is not is not ours to close either. A
  // reservation starts to listen here.
  #prepareForAdoption(): void {
    if (isFresh(this) && !this.#request?.reserve) return;
    if (this.#path === undefined) this.#preparePort(this.#bound as Bound, this.#request as BindRequest);
    else this.#preparePath(this.#path);
  }

  #preparePath(bound: BoundPath): void {
    const refusal = lostPath(bound);
    if (refusal === undefined) return;
    this.#letGo(refusal);
    throw systemError(refusal, { address: bound.path, port: -1 });
  }

  #preparePort(bound: Bound, request: BindRequest): void {
    const port = this.#requireBound(bound, request);
    if (!request.reserve) return;
    const refusal = listenReserved({ ...request, port }, bound, port);
    if (refusal !== undefined) throw refusedError({ request: { ...request, port }, place: bound.place, refusal });
  }

  /** The port that the socket is bound to. */
  #requireBound({ place, socket }: Bound, request: BindRequest): number {
    const expected = this.#address?.port ?? request.port;
    const port = addon.localPort(socket);
    const code = port < 0 ? codeOf(-port) : 'EBADF';
    if (port <= 0 || (expected !== 0 && port !== expected)) {
      this.#letGo({ code });
      throw systemError({ code, syscall: 'getsockname' }, { address: place.host, port: expected });
    }
    return port;
  }

  #letGo({ code }: { readonly code: string }): void {
    if (!GONE.has(code)) return;
    const { socket, guard } = this.#bound;
    addon.release(socket);
    if (guard !== undefined) addon.close(guard);
    this.#giveUp();
  }
}

// The contexts of Node 20 (Jest, vitest's vm pools) have no such symbol, and would name a method 'undefined'.
if (Symbol.dispose !== undefined) {
  const disposable = {
    [Symbol.dispose](this: BoundSocket): void {
      this.discard();
    },
  };
  const value = disposable[Symbol.dispose];
  Object.defineProperty(BoundSocket.prototype, Symbol.dispose, { value, configurable: true, writable: true });
}
