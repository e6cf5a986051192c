// What a caller may ask for of a Unix socket, checked and completed.
import { Buffer } from 'node:buffer';
import { type AnyBindOptions, checkBacklog, checkSocketOptions } from '../bind/request.ts';
import { incompatible, notSupported, outOfRange, systemError, wrongType, wrongValue } from '../errors.ts';
import { give } from '../own.ts';
import { system } from '../platform.ts';
import type { SocketOptions } from '../socket-options/values.ts';

/** Options that have been checked. */
export interface PathRequest {
  /** As the caller wrote it. */
  readonly path: string;
  readonly mode: number | undefined;
  readonly backlog: number | undefined;
  readonly socketOptions: SocketOptions | undefined;
}

/** sockaddr_un.sun_path, with the zero byte that ends a path. */
const ROOM = { linux: 108, darwin: 104, windows: 256 } as const;

const MODES = 0o777;

export function isAbstract(path: string): boolean {
  return path.startsWith('\0');
}

/** `@name` for an abstract name, as ss(8) and lsof(8) show it. */
export function shownPath(path: string): string {
  return isAbstract(path) ? `@${path.slice(1)}` : path;
}

/**
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`
 * @throws Error `ENAMETOOLONG`; `ENOTSUP` for an abstract name elsewhere than on Linux
 */
export function checkPath(path: unknown): string {
  if (typeof path !== 'string') throw wrongType('options.path', 'of type string', path);
  if (path === '') throw wrongValue('options.path', path, 'must not be empty');
  if (isAbstract(path)) {
    if (system !== 'linux') throw notSupported('path', 'only Linux has abstract names', 'bind');
  } else if (path.includes('\0')) throw wrongValue('options.path', path, 'must not have a zero byte in it');
  const taken = Buffer.byteLength(path) + (isAbstract(path) ? 0 : 1);
  if (taken <= ROOM[system]) return path;
  const remark = `a path is at most ${ROOM[system] - 1} bytes long here`;
  throw give(systemError({ code: 'ENAMETOOLONG', syscall: 'bind', remark }, { address: path, port: -1 }), { port: -1 });
}

function checkMode(mode: number | undefined, path: string): number | undefined {
  if (mode === undefined) return undefined;
  if (typeof mode !== 'number') throw wrongType('options.mode', 'of type number', mode);
  if (!Number.isInteger(mode) || mode < 0 || mode > MODES) {
    throw outOfRange('options.mode', 'an integer >= 0 and <= 0o777', mode);
  }
  if (system === 'windows') throw notSupported('mode', 'a named pipe is no file', 'chmod');
  if (isAbstract(path)) throw notSupported('mode', 'an abstract name is no file', 'chmod');
  return mode;
}

// What says how a port is bound says nothing of a path.
const OF_PORTS = ['port', 'host', 'ipv6Only', 'protocol', 'sharing', 'leftovers', 'reserve', 'guard'] as const;

/**
 * @param path of the options, which was read before
 * @throws what `checkPath()` throws, and TypeError `ERR_INCOMPATIBLE_OPTION_PAIR`; RangeError `ERR_OUT_OF_RANGE`
 */
export function checkPathOptions(path: unknown, options: AnyBindOptions): PathRequest {
  const checked = checkPath(path);
  for (const name of OF_PORTS) if (options[name] !== undefined) throw incompatible('path', name);
  const { mode, backlog, socketOptions } = options;
  return {
    path: checked,
    mode: checkMode(mode, checked),
    backlog: checkBacklog(backlog),
    socketOptions: checkSocketOptions(socketOptions, 'exclusive'),
  };
}
