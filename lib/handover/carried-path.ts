// What a Unix socket is, in words that another process makes the same socket of again, and whose its file is meanwhile.
import { addon, type Handle } from '../addon.ts';
import { DEFAULT_BACKLOG } from '../bind/plan.ts';
import { codeOf, systemError } from '../errors.ts';
import { system } from '../platform.ts';
import type { BindOutcome } from '../systems/system.ts';
import { type BoundPath, type OwnFile, removeLeftFile } from '../unix/socket.ts';
import { type CarriedPath, malformed } from './protocol.ts';

const { SOL_SOCKET = 0, SO_TYPE = 0, SO_ACCEPTCONN = 0, SOCK_STREAM = 0 } = addon.constants;

export function keysFrom(ticketKeys: string | null): Buffer | undefined {
  return ticketKeys === null ? undefined : Buffer.from(ticketKeys, 'base64');
}

/** @throws Error `EBADF`, `ENOTSOCK` if it was closed underneath */
export function describePath(
  name: string,
  socket: Handle,
  { file, backlog, outcome, promise }: BoundPath,
  ticketKeys: Buffer | undefined,
): CarriedPath {
  const path = addon.localPath(socket);
  if (typeof path === 'number') throw systemError({ code: codeOf(path), syscall: 'getsockname' });
  return {
    name,
    protocol: 'unix',
    path,
    file: file?.path ?? null,
    fileId: file?.id ?? null,
    backlog: backlog ?? DEFAULT_BACKLOG,
    outcome: outcome ?? null,
    exclusivity: promise.exclusivity,
    caveat: promise.caveat ?? null,
    ticketKeys: ticketKeys?.toString('base64') ?? null,
  };
}

/** @throws Error `ERR_EXACTBIND_HANDOVER_PROTOCOL` */
function checkKind(socket: Handle, { path }: CarriedPath): void {
  if (addon.numberIn(socket, SOL_SOCKET, SO_TYPE, 0) !== SOCK_STREAM) throw malformed('a socket that is not unix');
  if (addon.localPath(socket) !== path) throw malformed('a socket that is bound to another path');
  // macOS has no getter for it.
  if (system === 'linux' && addon.numberIn(socket, SOL_SOCKET, SO_ACCEPTCONN, 0) === 0)
    throw malformed('a socket that does not listen');
}

/**
 * What has come, as a socket of this process. The file is the other's until `own()`.
 * @throws Error `ERR_EXACTBIND_HANDOVER_PROTOCOL`
 */
export function revivePath(carried: CarriedPath, socket: Handle): BoundPath {
  checkKind(socket, carried);
  const { path, file, fileId, backlog, outcome, exclusivity, caveat, ticketKeys } = carried;
  return {
    socket,
    path,
    file: file === null || fileId === null ? undefined : { path: file, id: fileId, isOurs: false, isLent: false },
    backlog,
    outcome: (outcome ?? undefined) as BindOutcome | undefined,
    promise: { exclusivity: exclusivity as 'full' | 'partial', ...(caveat === null ? {} : { caveat }) },
    inheritance: { backlog, ticketKeys: keysFrom(ticketKeys) },
    udp: undefined,
    guard: undefined,
  };
}

/** A successor has the socket: whatever becomes of ours, its file is needed. */
export function lend(file: OwnFile | undefined): void {
  if (file !== undefined) file.isLent = true;
}

/** The successor has gone. */
export function takeBack(file: OwnFile | undefined, isClosed: boolean): void {
  if (file === undefined) return;
  file.isLent = false;
  if (isClosed) removeLeftFile(file);
}
