// BoundSocket: a socket that holds its address from construction on, for any server to adopt.
import { addon, type Handle, type LocalAddress } from './addon.ts';
import { type TcpHandle, tcpClass, type UdpHandle } from './adopt/handle-classes.ts';
import { requireNetPermission } from './adopt/permission.ts';
import { adoptTcp } from './adopt/tcp.ts';
import { DEFAULT_BACKLOG } from './bind/plan.ts';
import { type BindOptions, type BindRequest, checkBindOptions } from './bind/request.ts';
import { listenReserved } from './bind/reservation.ts';
import { type Bound, bind } from './bind/socket.ts';
import { alreadyAdopted, codeOf, notSupported, systemError, wrongValue } from './errors.ts';
import { refusedError } from './inspect/refusal.ts';
import { system } from './platform.ts';
import { readOption, writeOption } from './socket-options/access.ts';
import type { GettableName, OptionValues, SettableName } from './socket-options/values.ts';
import type { BindOutcome } from './systems/system.ts';

// Connections whose handshake was quicker than the settings that follow a reservation's listen() are among the first;
// more of them than can have been waiting then.
const QUICKER = 64;

// Of getsockname(): the number is not our socket's any more, and may be another file's.
const GONE = new Set(['EBADF', 'ENOTSOCK']);

const warned = new Set<string>();

function warnOnce(caveat: string, code: string): void {
  if (warned.has(caveat)) return;
  warned.add(caveat);
  process.emitWarning(`${caveat} (acceptPartial: true silences this)`, {
    type: 'ExactbindWarning',
    code,
  });
}

/**
 * A socket that is bound, and for TCP listening, from construction on: the kernel completes handshakes before a server
 * adopts it. With `reserve: true` it is bound and nothing else, and still nobody can take its address.
 *
 * Members are those of `BoundSocket` in `node:net` (24.21, 26.4), which sets SO_REUSEADDR and so does not hold its port
 * on Linux.
 *
 * - Linux: on `::` exclusive in full; on other addresses of TCP `guard: true` makes it so, and `caveat` says what is left
 *   open without it. Restarts over leftovers of an earlier run.
 * - macOS: a wildcard is `'partial'`: see `caveat`.
 * - Windows: `SO_EXCLUSIVEADDRUSE`.
 *
 * @example server.listen(new BoundSocket({ port: 3000 }), () => console.log('listening'))
 */
export class BoundSocket {
  /**
   * `'clean'` if nothing was on the address, `'over-leftovers'` if TIME_WAIT or other remains of an earlier run were, or a
   * rival that bound in the same instant and lost.
   * Absent where the system does not tell: `sharing` `'reuse-port'`, `'raw'`, and `'reuse-address'` where it is not exclusive.
   */
  readonly outcome: BindOutcome | undefined;
  /** `'partial'` where the system leaves a hole, which `caveat` describes. */
  readonly exclusivity: 'full' | 'partial';
  readonly caveat: string | undefined;

  readonly #request: BindRequest;
  readonly #bound: Bound;
  #isOurs = true;
  #address: LocalAddress | undefined;

  /**
   * Opens, sets the options, binds and listens, synchronously.
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_INCOMPATIBLE_OPTION_PAIR`
   * @throws RangeError `ERR_SOCKET_BAD_PORT`, `ERR_OUT_OF_RANGE`
   * @throws Error `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, … with `syscall` naming the call that failed; `ENOTSUP` naming
   * the option that this system does not have; `ERR_ACCESS_DENIED` under `--permission` without `--allow-net`
   */
  constructor(options: BindOptions = {}) {
    this.#request = checkBindOptions(options);
    requireNetPermission(this.#request.host ?? '');
    const bound = bind(this.#request);
    if ('refusal' in bound) throw refusedError(bound);
    this.#bound = bound;
    const { outcome, promise, stranger, how } = bound;
    this.outcome = outcome;
    this.exclusivity = promise.exclusivity;
    this.caveat = promise.caveat;
    const { sharing, acceptPartial, guard } = this.#request;
    const { caveat } = promise;
    if (caveat === undefined || sharing !== 'exclusive' || acceptPartial) return;
    if (stranger !== undefined) warnOnce(stranger, 'EXACTBIND_STRANGER');
    else if (how.policy.warns || guard) warnOnce(caveat, 'EXACTBIND_PARTIAL');
  }

  /**
   * The address the socket is bound to, as `net.Server.address()` gives it.
   * @throws Error `ERR_SOCKET_HANDLE_ADOPTED`; `EBADF`, `ENOTSOCK` if the descriptor was closed underneath
   */
  address(): { address: string; family: 'IPv4' | 'IPv6'; port: number } {
    const { address, family, port } = this.#localAddress();
    return { address, family: family === 6 ? 'IPv6' : 'IPv4', port };
  }

  /**
   * The descriptor, which stays the BoundSocket's: do not close it. -1 on Windows, where a socket has none.
   * @throws Error `ERR_SOCKET_HANDLE_ADOPTED`
   */
  fd(): number {
    this.#requireOwnership();
    return system === 'windows' ? -1 : this.#bound.socket;
  }

  /**
   * Gives the socket up and returns its descriptor, for `server.listen({ fd })` outside cluster workers (in a worker
   * Node sends the number to the primary, where it means another file). The caller closes it. A UDP descriptor that is
   * given to `dgram` can be stolen from then on: libuv sets SO_REUSEADDR on it.
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
      this.#isOurs = false;
      return socket;
    }
    // A libuv handle cannot let go of its descriptor, but the address belongs to the socket behind it.
    const copy = addon.duplicate(socket);
    if (copy === -1) throw systemError({ code: codeOf(addon.status[0] as number), syscall: 'fcntl' });
    this.close();
    return copy;
  }

  /**
   * Closes a socket that was never adopted, and frees its address.
   * @throws Error `ERR_SOCKET_HANDLE_ADOPTED`
   */
  close(): void {
    this.#requireOwnership();
    this.#isOurs = false;
    const { socket, udp, guard } = this.#bound;
    if (udp !== undefined) {
      udp.close();
      return;
    }
    addon.close(socket);
    if (guard !== undefined) addon.close(guard);
  }

  /** Closes a socket that was never adopted; otherwise does nothing. */
  [Symbol.dispose](): void {
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
   * the address: they are set with `sharing: 'raw'` only.
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; RangeError `ERR_OUT_OF_RANGE`
   * @throws Error `ENOTSUP`, `ENOPROTOOPT`, `EPERM`, …; `ERR_SOCKET_HANDLE_ADOPTED`
   */
  setOption<Name extends SettableName>(name: Name, value: OptionValues[Name]): void {
    this.#requireOwnership();
    checkBindOptions({ sharing: this.#request.sharing, socketOptions: { [name]: value } });
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
    const { socket, how, early, guard } = this.#bound;
    const { reserve, backlog } = this.#request;
    const connections = reserve ? (backlog ?? DEFAULT_BACKLOG) + QUICKER : early;
    const late = { settings: how.afterListen, connections: how.policy.afterListen.length > 0 ? connections : 0 };
    const handle = adoptTcp(socket, { backlog, late, guard });
    this.#isOurs = false;
    return handle;
  }

  /**
   * What Bun's http servers look for in place of `_handle`; finding nothing they would listen on a random port.
   * @throws Error `ENOTSUP` where the runtime has no handle that could adopt a socket
   * @internal
   */
  get port(): undefined {
    tcpClass();
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
    adopt(udp, () => {
      this.#isOurs = false;
    });
  }

  /**
   * The socket's own number, also where fd() has none to show.
   * @internal
   */
  socket(): Handle {
    this.#requireOwnership();
    return this.#bound.socket;
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
    const { place, socket, guard } = this.#bound;
    const expected = this.#address?.port ?? this.#request.port;
    const port = addon.localPort(socket);
    const code = port < 0 ? codeOf(-port) : 'EBADF';
    if (port <= 0 || (expected !== 0 && port !== expected)) {
      if (GONE.has(code)) {
        addon.release(socket);
        if (guard !== undefined) addon.close(guard);
        this.#isOurs = false;
      }
      throw systemError({ code, syscall: 'getsockname' }, { address: place.host, port: expected });
    }
    if (!this.#request.reserve) return;
    const request = { ...this.#request, port };
    const refusal = listenReserved(request, this.#bound, port);
    if (refusal !== undefined) throw refusedError({ request, place, refusal });
  }
}
