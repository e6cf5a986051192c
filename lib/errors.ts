// Every error this package raises: Node's shape and codes, the exact failing system call in `cause`.
import { atCaller } from './frames.ts';
import type { PortReport } from './inspect/report.ts';
import { bare, give, own } from './own.ts';
import { system } from './platform.ts';
import { optionsIn } from './suggestions.ts';
import type { PathReport } from './unix/report.ts';

// Only what has failed needs it, and importing it takes a millisecond.
const util = () => process.getBuiltinModule('node:util');

/** An operating system's refusal, shaped as Node shapes it. */
export interface SystemError extends Error {
  code: string;
  errno: number;
  syscall: string;
  address?: string;
  port?: number;
  option?: string;
  /** Who holds the address, or why nobody can have it: `node (pid 4711, user ada) listening on *:3000`. */
  heldBy?: string;
  /** What to do now; absent if no honest advice exists. */
  remedy?: string;
  /** The whole report on the address, a port or a path; not enumerable. */
  report?: PortReport | PathReport;
  /** The report on each failed port of a list: at most 100; not enumerable. */
  reports?: readonly PortReport[];
  /** How many more ports failed than `reports` holds; not enumerable. */
  omitted?: number;
}

// libuv's translation (src/win/error.c), and the two codes that it leaves UNKNOWN.
const WINSOCK: Record<number, string> = {
  10004: 'EINTR',
  10009: 'EBADF',
  10013: 'EACCES',
  10014: 'EFAULT',
  10022: 'EINVAL',
  10024: 'EMFILE',
  10038: 'ENOTSOCK',
  10040: 'EMSGSIZE',
  10042: 'ENOPROTOOPT',
  10043: 'EPROTONOSUPPORT',
  10045: 'ENOTSUP',
  10047: 'EAFNOSUPPORT',
  10048: 'EADDRINUSE',
  10049: 'EADDRNOTAVAIL',
  10050: 'ENETDOWN',
  10055: 'ENOBUFS',
  10056: 'EISCONN',
  10057: 'ENOTCONN',
};

// getSystemErrorMap() builds its map anew each time, which costs more than the refusal itself.
let known: Map<number, [string, string]> | undefined;
let numbers: Map<string, number> | undefined;

function systemErrors(): Map<number, [string, string]> {
  known ??= util().getSystemErrorMap();
  return known;
}

// The system's own names, of which libuv lacks a few (EDOM).
const ownNumbers = (): Record<string, number> => process.getBuiltinModule('node:os').constants.errno;

/** The number that Node gives to an error name on this system (negative). */
export function errnoOf(code: string): number {
  numbers ??= new Map(Array.from(systemErrors(), ([errno, [name]]) => [name, errno]));
  return numbers.get(code) ?? -(own(ownNumbers(), code) ?? 1);
}

/** The name of a number that Node's own handles return (negative). */
export function nameOfErrno(errno: number): string {
  return systemErrors().get(errno)?.[0] ?? 'UNKNOWN';
}

/** The name of an operating system's own error number. */
export function codeOf(error: number): string {
  if (system === 'windows') return own(WINSOCK, error) ?? 'UNKNOWN';
  const named = systemErrors().get(-error);
  if (named !== undefined) return named[0];
  return Object.entries(ownNumbers()).find(([, number]) => number === error)?.[0] ?? 'UNKNOWN';
}

/** What a failed system call left behind. */
export interface Failure {
  readonly code: string;
  readonly syscall: string;
  /** The option that was refused. */
  readonly option?: string;
  /** What the code alone does not say; it ends the message. */
  readonly remark?: string;
}

/**
 * Builds the error that Node would: `listen EADDRINUSE: address already in use :::3000`, with `code`, `errno`,
 * `syscall`, `address` and `port`.
 */
export function systemError(failure: Failure, where?: { address: string; port: number }): SystemError {
  const { code, syscall, option, remark } = bare(failure);
  const errno = errnoOf(code);
  const explained = systemErrors().get(errno)?.[1] ?? 'unknown error';
  const place = where === undefined ? '' : ` ${where.address}${where.port > 0 ? `:${where.port}` : ''}`;
  const about = option === undefined ? '' : ` (${option})`;
  const added = remark === undefined ? '' : `: ${remark}`;
  const error = atCaller(new Error(`${syscall} ${code}: ${explained}${place}${about}${added}`)) as SystemError;
  give(error, { code, errno, syscall });
  if (where !== undefined) give(error, { address: where.address });
  if (where !== undefined && where.port > 0) give(error, { port: where.port });
  return option === undefined ? error : give(error, { option });
}

/** The same refusal as net.Server reports it: `syscall` is 'listen', and the exact call is in `cause`. */
export function asListenError(cause: SystemError): SystemError {
  const error = new Error(cause.message.replace(/^\S+/, 'listen'), { cause });
  give(error, { ...cause, syscall: 'listen' });
  for (const name of ['report', 'reports', 'omitted']) {
    const known = Object.getOwnPropertyDescriptor(cause, name);
    if (known !== undefined) Object.defineProperty(error, name, bare(known));
  }
  return error as SystemError;
}

/** The operating system has no means for what was asked: `ENOTSUP`, naming the option that is missing. */
export function notSupported(option: string, reason: string, syscall = 'setsockopt'): SystemError {
  return systemError({ code: 'ENOTSUP', syscall, option, remark: reason });
}

function coded<E extends Error>(error: E, code: string): E {
  // As Node's own errors: the code shows in the stack, not in the name.
  error.name = `${error.name} [${code}]`;
  void atCaller(error).stack;
  Reflect.deleteProperty(error, 'name');
  return give(error, { code });
}

// An object may hold secrets, and a server fills a page.
function received(value: unknown): string {
  if (typeof value !== 'object' && typeof value !== 'function') return util().inspect(value);
  return value === null ? 'null' : `an instance of ${value.constructor?.name ?? 'Object'}`;
}

export function wrongType(name: string, expected: string, value: unknown): TypeError {
  const message = `The "${name}" argument must be ${expected}. Received ${received(value)}`;
  return coded(new TypeError(message), 'ERR_INVALID_ARG_TYPE');
}

export function wrongValue(name: string, value: unknown, reason: string): TypeError {
  const message = `The argument '${name}' ${reason}. Received ${received(value)}`;
  return coded(new TypeError(message), 'ERR_INVALID_ARG_VALUE');
}

export function outOfRange(name: string, range: string, value: unknown): RangeError {
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${received(value)}`;
  return coded(new RangeError(message), 'ERR_OUT_OF_RANGE');
}

export function badPort(value: unknown, lowest = 0): RangeError {
  const message = `options.port should be >= ${lowest} and < 65536. Received ${received(value)}.`;
  return withRemedy(coded(new RangeError(message), 'ERR_SOCKET_BAD_PORT'), optionsIn(value));
}

/** Ends the message of a mistake with what to pass instead, and keeps that as `remedy`. */
export function withRemedy<E extends Error>(error: E, instead: string | undefined): E {
  if (instead === undefined) return error;
  const { message, stack } = error;
  const remedy = `pass ${instead}`;
  error.message = `${message.replace(/\.$/, '')}; ${remedy}`;
  if (stack !== undefined) error.stack = stack.replace(message, () => error.message);
  return Object.assign(error, { remedy });
}

export function incompatible(option: string, other: string): TypeError {
  return coded(
    new TypeError(`Option "${option}" cannot be used in combination with option "${other}"`),
    'ERR_INCOMPATIBLE_OPTION_PAIR',
  );
}

export function alreadyAdopted(): Error {
  return coded(new Error('The socket was already adopted or closed'), 'ERR_SOCKET_HANDLE_ADOPTED');
}

export function alreadyListening(): Error {
  return coded(new Error('Listen method has been called more than once without closing.'), 'ERR_SERVER_ALREADY_LISTEN');
}

/** A socket that Node has not opened yet, or has closed, or whose handle it keeps to itself. */
export function noHandle(reason: string): Error {
  return coded(new Error(`The socket has no handle: ${reason}`), 'ERR_SOCKET_NO_HANDLE');
}

export function notRunning(): Error {
  return coded(new Error('Server was closed before it was listening'), 'ERR_SERVER_NOT_RUNNING');
}

export function accessDenied(resource: string): Error {
  const error = new Error('Access to this API has been restricted. Use --allow-net to manage permissions.');
  return give(coded(error, 'ERR_ACCESS_DENIED'), { permission: 'Net', resource });
}

export function aborted(cause: unknown): Error {
  const error = give(new Error('The operation was aborted', { cause }), { code: 'ABORT_ERR' });
  error.name = 'AbortError';
  return atCaller(error);
}

/** What a hand-over is refused with by somebody who is there. */
export function handoverError(what: 'BUSY' | 'FORBIDDEN' | 'PROTOCOL', message: string): Error {
  return coded(new Error(message), `ERR_EXACTBIND_HANDOVER_${what}`);
}

/** What is asked of an object that has given it up. */
export function invalidState(message: string): Error {
  return coded(new Error(message), 'ERR_INVALID_STATE');
}

/** A time that is up, with what is missing. */
export function timedOut(message: string, where: { address: string; port: number }): Error {
  return atCaller(give(new Error(message), { code: 'ETIMEDOUT', ...where }));
}
