// What a caller may ask for, checked and completed.
import { isIP } from 'node:net';
import { URL } from 'node:url';
import { badPort, incompatible, outOfRange, withRemedy, wrongType, wrongValue } from '../errors.ts';
import { hasName, type Names, type Read, readAll, readOnce, readOptions, refuseOthers } from '../options-once.ts';
import { copied } from '../socket-options/codec.ts';
import type { SocketOptions } from '../socket-options/values.ts';
import { didYouMean, optionsIn } from '../suggestions.ts';
import type { Leftovers, Protocol, Sharing } from '../systems/system.ts';
import { readPorts } from './ports.ts';

/** A port, or a list of ports; a string is one number. */
export type Ports = number | string | Iterable<number | string>;

/** Options of `new BoundSocket()`. */
export interface BindOptions {
  /**
   * 0 to 65535; 0 lets the system choose. Or a list of ports from 1 to 65535, at most 65,536 of them, read once:
   * `[3000, 3001]`, `portRange(3000, 3999)`. It binds the first port that it can; the bind itself decides. After
   * `EADDRINUSE` and `EACCES` it tries the next port; any other error ends the search. @defaultValue 0
   */
  port?: Ports | undefined;
  /** An IPv4 or IPv6 literal. @defaultValue `::` for both families; `0.0.0.0` if the system has no IPv6 */
  host?: string | undefined;
  /** `IPV6_V6ONLY`, set explicitly in either case. @defaultValue false */
  ipv6Only?: boolean | undefined;
  /** Connections that may wait to be accepted. @defaultValue 511, or the backlog of `server.listen()` */
  backlog?: number | undefined;
  /** @defaultValue `'tcp'` */
  protocol?: Protocol | undefined;
  /**
   * Who else may hold the address. `'raw'` sets exactly the given `socketOptions` and promises nothing.
   * @defaultValue `'exclusive'`
   */
  sharing?: Sharing | undefined;
  /** Whether to bind over TIME_WAIT and other leftovers of an earlier run. @defaultValue `'reuse'` */
  leftovers?: Leftovers | undefined;
  /** Bind without listening: nobody can take the address until it is adopted or closed. @defaultValue false */
  reserve?: boolean | undefined;
  /** Options to set before bind, by the kernel's name: `{ TCP_DEFER_ACCEPT: 5, SO_RCVBUF: 1 << 20 }`. */
  socketOptions?: SocketOptions | undefined;
  /**
   * Hold the port on every other address too, so that no other user's socket can come over to this one.
   *
   * - Linux: for every TCP address but `::`, which needs none, and for UDP with SO_BINDTODEVICE. It costs a second
   *   descriptor. No other socket can have the port on any address. TCP with SO_BINDTODEVICE: `ENOTSUP`.
   * - It changes nothing if the mode is fully exclusive without it. Anywhere else: `ENOTSUP`.
   * @defaultValue false
   */
  guard?: boolean | undefined;
  /** Do not warn if the system leaves a hole (`exclusivity: 'partial'`). @defaultValue false */
  acceptPartial?: boolean | undefined;
  /** A Unix socket takes `PathBindOptions` instead. */
  path?: undefined;
  /** For the file of a Unix socket: see `PathBindOptions`. */
  mode?: undefined;
}

/** Options of `new BoundSocket()` for a Unix socket. */
export interface PathBindOptions extends Pick<BindOptions, 'backlog' | 'socketOptions' | 'acceptPartial'> {
  /**
   * The path of the file, at most 107 bytes (macOS: 103), or an abstract name, which begins with `\0`.
   *
   * - It replaces the file of a socket on which nobody listens any more, never another kind of file, never a symbolic
   *   link. `close()` removes the file while it is this socket's.
   * - Linux: abstract names too, at most 108 bytes; elsewhere `ENOTSUP`.
   * - Windows: only for `listen()`, a named pipe such as `\\\\.\\pipe\\app`; the server creates its first instance.
   */
  path: string;
  /**
   * The permissions of the file, 0 to 0o777, set before anybody can connect. `ENOTSUP` on Windows and for abstract
   * names.
   * @defaultValue 0o777 minus the umask
   */
  mode?: number | undefined;
}

/** The options of a port or of a path, before anybody has told which. */
export type AnyBindOptions = Omit<BindOptions, 'path' | 'mode'> & {
  path?: string | undefined;
  mode?: number | undefined;
};

/** How long to wait for an address. */
export interface WaitOptions {
  /** Milliseconds. @defaultValue `Infinity` */
  timeout?: number | undefined;
  /** Ends the wait when aborted. */
  signal?: AbortSignal | undefined;
}

/** Options of `listen()` and `bindUdp()`. */
export interface ListenOptions extends BindOptions {
  /**
   * Closes the server when aborted, like the signal of Node's own `listen()`. If it is aborted earlier, the promise
   * rejects.
   */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds to wait, or `WaitOptions`, while somebody else holds the address, instead of failing with `EADDRINUSE`
   * at once. It never waits after other refusals.
   *
   * - Linux: the kernel wakes it when a socket on the port is gone (SKNLGRP_INET_TCP_DESTROY of sock_diag(7)), a timer
   *   when a TIME_WAIT ends. If the kernel refuses that, it looks every 25 ms at most.
   * - macOS, Windows: it looks every 25 ms at most.
   * @defaultValue 0
   */
  wait?: number | WaitOptions | undefined;
}

/** Options of `listen()` for a Unix socket. */
export interface PathListenOptions extends PathBindOptions {
  /** Closes the server when aborted. If it is aborted earlier, the promise rejects. */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds to wait, or `WaitOptions`, while somebody else listens on the path, instead of failing with
   * `EADDRINUSE` at once.
   *
   * No system reports that a Unix socket is gone: it looks every 25 ms at most, and at once when its process ends
   * (Linux: pidfd_open(2), macOS: kqueue(2)).
   * @defaultValue 0
   */
  wait?: number | WaitOptions | undefined;
}

/** The options of `listen()`, before anybody has told which. */
export type AnyListenOptions = AnyBindOptions & Pick<ListenOptions, 'signal' | 'wait'>;

/** A wait that has been checked. */
export interface Limit {
  /** Milliseconds, or Infinity. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** Options that have been checked; `host` is a literal, or absent for every address of the machine. */
export interface BindRequest {
  /** The first of `ports`, if there is a list. */
  readonly port: number;
  /** All that may be bound, in their order; undefined where it is one port. */
  readonly ports: readonly number[] | undefined;
  readonly host: string | undefined;
  readonly ipv6Only: boolean;
  readonly backlog: number | undefined;
  readonly protocol: Protocol;
  readonly sharing: Sharing;
  readonly leftovers: Leftovers;
  readonly reserve: boolean;
  readonly socketOptions: SocketOptions | undefined;
  readonly guard: boolean;
  readonly acceptPartial: boolean;
}

const BIND_NAMES = {
  port: true,
  host: true,
  ipv6Only: true,
  backlog: true,
  protocol: true,
  sharing: true,
  leftovers: true,
  reserve: true,
  socketOptions: true,
  guard: true,
  acceptPartial: true,
  path: true,
  mode: true,
} satisfies Names<AnyBindOptions>;

const LISTEN_NAMES = { ...BIND_NAMES, signal: true, wait: true } satisfies Names<AnyListenOptions>;

const WAIT_NAMES = { timeout: true, signal: true } satisfies Names<WaitOptions>;

/** What an exclusive TCP listener on every address is. */
export const DEFAULTS: BindRequest = {
  port: 0,
  ports: undefined,
  host: undefined,
  ipv6Only: false,
  backlog: undefined,
  protocol: 'tcp',
  sharing: 'exclusive',
  leftovers: 'reuse',
  reserve: false,
  socketOptions: undefined,
  guard: false,
  acceptPartial: false,
};

// Options of Node's that would be silently lost here, with what to do instead.
const FOREIGN: Record<string, string> = {
  fd: 'is already bound: use server.listen({ fd })',
  exclusive: "means cluster sharing in Node: a BoundSocket always belongs to its own process; see 'sharing'",
  reusePort: "is spelled sharing: 'reuse-port' here",
  signal: 'is taken by listen(), which knows the server to close',
  wait: 'is taken by listen() and bindUdp(): a constructor cannot wait',
};

// These decide who may share the address, so the sharing mode alone sets them.
const SHARING_OPTIONS = ['SO_REUSEADDR', 'SO_REUSEPORT', 'SO_EXCLUSIVEADDRUSE'];

const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp'];
const SHARINGS: readonly Sharing[] = ['exclusive', 'reuse-address', 'reuse-port', 'raw'];
const LEFTOVERS: readonly Leftovers[] = ['reuse', 'refuse'];

function oneOf<T extends string>(name: string, value: T | undefined, allowed: readonly T[], fallback: T): T {
  if (value === undefined) return fallback;
  if (allowed.includes(value)) return value;
  const meant = typeof value === 'string' ? didYouMean(value, allowed) : '';
  throw wrongValue(
    `options.${name}`,
    value,
    `must be one of: ${allowed.map((word) => `'${word}'`).join(', ')}${meant}`,
  );
}

function boolean(name: string, value: boolean | undefined): boolean {
  if (value === undefined) return false;
  if (typeof value === 'boolean') return value;
  throw wrongType(`options.${name}`, 'of type boolean', value);
}

/** Whether a host has to be looked up; what is no host at all is left to the check of options. */
export function isName(host: unknown): host is string {
  return typeof host === 'string' && host !== '' && isIP(host) === 0;
}

/** As Node checks a port: a number, or a string that is nothing but a number. */
export function checkPort(port: unknown): number {
  if (typeof port === 'number' || (typeof port === 'string' && port.trim() !== '')) {
    const number = Number(port);
    if (number === number >>> 0 && number <= 65535) return number;
  }
  throw badPort(port);
}

export function checkSignal(name: string, signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw wrongType(name, 'an instance of AbortSignal', signal);
}

/** @param name of the option, for the error */
export function checkTimeout(name: string, timeout: number | undefined): number {
  if (timeout === undefined) return Number.POSITIVE_INFINITY;
  if (typeof timeout !== 'number') throw wrongType(name, 'of type number', timeout);
  if (timeout >= 0) return timeout;
  throw outOfRange(name, '>= 0', timeout);
}

/** Checks `wait`: not to wait is to wait for 0 ms. */
export function checkWait(wait: number | WaitOptions | undefined): Limit {
  if (wait === undefined) return { timeout: 0, signal: undefined };
  if (typeof wait === 'number') return { timeout: checkTimeout('options.wait', wait), signal: undefined };
  if (typeof wait !== 'object' || wait === null) throw wrongType('options.wait', 'of type number or an object', wait);
  const { timeout, signal } = readOnce<WaitOptions>(wait, WAIT_NAMES);
  return {
    timeout: checkTimeout('options.wait.timeout', timeout),
    signal: checkSignal('options.wait.signal', signal),
  };
}

export function checkBacklog(backlog: number | undefined): number | undefined {
  if (backlog === undefined) return undefined;
  if (typeof backlog !== 'number') throw wrongType('options.backlog', 'of type number', backlog);
  if (!Number.isInteger(backlog) || backlog < 1 || backlog > 2 ** 31 - 1) {
    throw outOfRange('options.backlog', 'an integer >= 1 and <= 2147483647', backlog);
  }
  return backlog;
}

/** Socket options as they are when they are read, values that are objects included. */
export function readSocketOptions(options: object): [name: string, value: unknown][] {
  if (typeof options !== 'object' || options === null || hasName(options, Symbol.iterator)) {
    throw wrongType('options.socketOptions', 'an object with the names of options', options);
  }
  return readAll(options).map(([name, value]) => [name, copied(value)]);
}

export function checkSocketOptions(options: SocketOptions | undefined, sharing: Sharing): SocketOptions | undefined {
  if (options === undefined) return undefined;
  const read = readSocketOptions(options);
  for (const [name] of read) {
    if (name === 'IPV6_V6ONLY') throw incompatible('socketOptions.IPV6_V6ONLY', 'ipv6Only');
    if (sharing !== 'raw' && SHARING_OPTIONS.includes(name)) {
      throw incompatible(`socketOptions.${name}`, `sharing: '${sharing}'`);
    }
  }
  return Object.fromEntries(read);
}

/** Options that were read once, of `listen()` and `bindUdp()`. */
export type ReadListenOptions = Read<AnyListenOptions>;
export type ReadBindOptions = Read<AnyBindOptions>;

/** What only the hand-over needs, apart from what binds. */
export interface Asked {
  readonly bind: ReadBindOptions;
  readonly signal: AbortSignal | undefined;
  readonly limit: Limit;
}

/** It has a host and a port, but not those that are meant. */
export function refuseUrl(options: unknown): void {
  if (options instanceof URL)
    throw withRemedy(wrongType('options', 'a port or an object', options), optionsIn(options));
}

/** Whether it is a list of ports, and neither one port nor options. */
function isList(value: unknown): value is Iterable<number | string> {
  return typeof value === 'object' && value !== null && hasName(value, Symbol.iterator);
}

/** Reads the options of `listen()` and `bindUdp()`, and takes bare ports. */
export function readListenOptions(options: Ports | AnyListenOptions): Asked {
  const isBare = typeof options !== 'object' || options === null;
  refuseUrl(options);
  const given = isBare ? { port: checkPort(options) } : isList(options) ? { port: options } : options;
  const { signal, wait, ...rest } = readOptions<AnyListenOptions>(given, LISTEN_NAMES, FOREIGN);
  const asked = { signal: checkSignal('options.signal', signal), limit: checkWait(wait) };
  // Before anything is waited for: it is read once.
  return { bind: isList(rest.port) ? { ...rest, port: readPorts(rest.port) } : rest, ...asked };
}

/** Reads each option once, of a port or of a Unix socket. */
export function readBindOptions(options: AnyBindOptions): AnyBindOptions {
  refuseOthers<AnyBindOptions>(options, BIND_NAMES, FOREIGN);
  const isPlain = Object.getPrototypeOf(options) === Object.prototype && !isPolluted();
  return isPlain ? options : readOnce<AnyBindOptions>(options, BIND_NAMES);
}

/**
 * Reads, checks and completes the options of `new BoundSocket()`.
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_INCOMPATIBLE_OPTION_PAIR`
 * @throws RangeError `ERR_SOCKET_BAD_PORT`, `ERR_OUT_OF_RANGE`
 */
export function checkBindOptions(options: BindOptions): BindRequest {
  return checkRead(readBindOptions(options));
}

const NOTHING = {};

// The compiler of JavaScript knows the answers to these while nothing changes; asked in a loop they take a tenth of the bind.
const isPolluted = () =>
  'port' in NOTHING ||
  'host' in NOTHING ||
  'ipv6Only' in NOTHING ||
  'backlog' in NOTHING ||
  'protocol' in NOTHING ||
  'sharing' in NOTHING ||
  'leftovers' in NOTHING ||
  'reserve' in NOTHING ||
  'socketOptions' in NOTHING ||
  'guard' in NOTHING ||
  'acceptPartial' in NOTHING ||
  'path' in NOTHING ||
  'mode' in NOTHING;

/** Checks and completes options, and reads each once; for what it throws see `checkBindOptions()`. */
export function checkRead(options: AnyBindOptions): BindRequest {
  const { port = 0, host, ipv6Only: only, backlog, protocol, leftovers: over, reserve } = options;
  const { sharing: shared, socketOptions, guard: guarded, acceptPartial, mode } = options;
  if (mode !== undefined) throw wrongValue('options.mode', mode, "is for a Unix socket: give its 'path'");
  if (host !== undefined && (typeof host !== 'string' || isIP(host) === 0)) {
    if (typeof host !== 'string') throw wrongType('options.host', 'of type string', host);
    throw withRemedy(
      wrongValue('options.host', host, 'must be an IP address (listen() also takes names)'),
      optionsIn(host),
    );
  }
  const sharing = oneOf('sharing', shared, SHARINGS, 'exclusive');
  const leftovers = oneOf('leftovers', over, LEFTOVERS, 'reuse');
  if (leftovers === 'refuse' && sharing !== 'exclusive') {
    throw incompatible("leftovers: 'refuse'", `sharing: '${sharing}'`);
  }
  const guard = boolean('guard', guarded);
  if (guard && sharing !== 'exclusive') throw incompatible('guard', `sharing: '${sharing}'`);
  const ipv6Only = boolean('ipv6Only', only);
  if (ipv6Only && host !== undefined && isIP(host) === 4) throw incompatible('ipv6Only', `host: '${host}'`);

  const ports = isList(port) ? readPorts(port) : undefined;
  return {
    port: ports === undefined ? checkPort(port) : (ports[0] as number),
    ports,
    host,
    ipv6Only,
    backlog: checkBacklog(backlog),
    protocol: oneOf('protocol', protocol, PROTOCOLS, 'tcp'),
    sharing,
    leftovers,
    reserve: boolean('reserve', reserve),
    socketOptions: checkSocketOptions(socketOptions, sharing),
    guard,
    acceptPartial: boolean('acceptPartial', acceptPartial),
  };
}
