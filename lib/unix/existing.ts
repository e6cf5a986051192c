// What a Unix socket is that another program has bound, and whose file that program removes.
import type { Handle } from '../addon.ts';
import { absolute, fileAt, promiseOf } from './file.ts';
import { isAbstract } from './request.ts';
import type { BoundPath } from './socket.ts';

// No system tells it. Each takes the most that it allows in its place; a smaller one would turn away who is waiting.
const BACKLOG = 2 ** 31 - 1;

/**
 * Takes over a listening socket that has been looked at; nothing of it changes.
 * @param path what the program calls it
 */
export function existingPath(handle: Handle, boundAs: string, path: string = boundAs): BoundPath {
  return {
    socket: handle,
    path,
    boundAs,
    file: undefined,
    backlog: undefined,
    outcome: undefined,
    promise: isAbstract(path) ? { exclusivity: 'full' } : promiseOf(absolute(path)),
    inheritance: { backlog: BACKLOG, ticketKeys: undefined },
    udp: undefined,
    guard: undefined,
  };
}

function idOf(path: string): string | undefined {
  const found = fileAt(absolute(path));
  return typeof found === 'string' ? undefined : found.id;
}

/** Whether two names are one socket's. */
export function isSamePath(one: string, other: string): boolean {
  if (isAbstract(one) || isAbstract(other)) return one === other;
  return absolute(one) === absolute(other) || (idOf(one) !== undefined && idOf(one) === idOf(other));
}
