// Binds a Unix socket: replaces the file of a socket on which nobody listens, and no other.
import { addon, type FileRow, type Handle } from '../addon.ts';
import type { NodeHandle, TcpHandle } from '../adopt/handle-classes.ts';
import { remember } from '../adopt/origin.ts';
import { adoptPipe, beforeClose } from '../adopt/pipe.ts';
import type { Inheritance } from '../adopt/tcp.ts';
import { DEFAULT_BACKLOG } from '../bind/plan.ts';
import { statedRefusal } from '../bind/refusal.ts';
import { codeOf, type Failure } from '../errors.ts';
import { bare, has } from '../own.ts';
import { quotedName } from '../printable.ts';
import { settingsWords } from '../socket-options/lookup.ts';
import type { BindOutcome, Promised } from '../systems/system.ts';
import { absolute, fileAt, isSocket, kindOf, promiseOf } from './file.ts';
import { type Unlocked, underLock } from './lock.ts';
import { isAbstract, type PathRequest } from './request.ts';

/** A socket's file, as long as the path names it. */
export interface OwnFile {
  /** Where this process finds it. */
  path: string;
  /** It stays this file's alone while the socket is open: the kernel keeps the inode for it. */
  readonly id: string;
  /** Whether it goes with the socket: not while the instance before, or another program, is to remove it. */
  isOurs: boolean;
  /** Whether a successor has the socket, who may be about to need the file. */
  isLent: boolean;
}

/** A Unix socket that listens. */
export interface BoundPath {
  readonly socket: Handle;
  /** As the caller wrote it. */
  readonly path: string;
  /** As whoever has bound it wrote it, where that is somebody else. */
  readonly boundAs?: string;
  /** Abstract names have none. */
  readonly file: OwnFile | undefined;
  backlog: number | undefined;
  /** Absent of a socket that another program has bound. */
  readonly outcome: BindOutcome | undefined;
  readonly promise: Promised;
  /** What comes from the process that had it before. */
  readonly inheritance?: Inheritance;
  /** What only ports have. */
  readonly udp: undefined;
  readonly guard: undefined;
}

/** What a look at the file in the way has shown, where the list of sockets shows nobody. */
export type Seen = 'answers' | 'undecided';

export interface PathRefused {
  readonly path: string;
  readonly refusal: Failure;
  readonly seen?: Seen;
}

// What a starter does under the lock takes a millisecond, and 25 ms beside 10,000 sockets.
const STARTERS_MS = 1000;
// Closing stops the event loop meanwhile.
const CLOSING_MS = 100;

const FULL = bare<Promised>({ exclusivity: 'full' });

const NO_PORT = { udp: undefined, guard: undefined } as const;

const NOTHING = new Int32Array([0]);

const { AF_UNIX = 1, SOCK_STREAM = 1 } = addon.constants;

/** What a connection meets, which is closed at once: '' if somebody takes it. */
function connectTo(path: string): string | Failure {
  const socket = addon.socket(AF_UNIX, SOCK_STREAM);
  if (socket === -1) return statedRefusal();
  const error = addon.connectPath(socket, path);
  addon.close(socket);
  return error === 0 ? '' : codeOf(error);
}

/** Why the socket file in the way stays there; undefined if nobody listens on it. */
function whoIsThere(path: string): Pick<PathRefused, 'refusal' | 'seen'> | undefined {
  const refusal = { code: 'EADDRINUSE', syscall: 'bind' };
  const list = addon.pathSockets(path, 0);
  if (list !== null && list.sockets.length > 0) return { refusal };
  // The list is that of one network namespace, and of what may be looked into.
  const met = connectTo(path);
  if (typeof met !== 'string') return { refusal: met };
  if (met === 'ECONNREFUSED' || met === 'ENOENT') return undefined;
  return { refusal, seen: met === '' ? 'answers' : 'undecided' };
}

/** Removes the file of a socket that is no more: its outcome, or why not. */
function clear(path: string): BindOutcome | Pick<PathRefused, 'refusal' | 'seen'> {
  const found = fileAt(path);
  // What is wrong with the folder, bind() says.
  if (typeof found === 'string') return 'clean';
  if (!isSocket(found)) {
    const remark = `${quotedName(path)} is ${kindOf(found)}, which is never replaced`;
    return { refusal: { code: 'EADDRINUSE', syscall: 'bind', remark } };
  }
  const there = whoIsThere(path);
  if (there !== undefined) return there;
  const now = fileAt(path);
  if (typeof now === 'string') return 'clean';
  if (now.id !== found.id) return { refusal: { code: 'EADDRINUSE', syscall: 'bind' } };
  const error = addon.removeFile(path);
  if (error === 0) return 'over-leftovers';
  const remark = `nobody listens on ${quotedName(path)}, and this user may not remove it: ${codeOf(error)}`;
  return { refusal: { code: 'EADDRINUSE', syscall: 'bind', remark } };
}

/** Opens a socket, and binds it to the name that was asked for. */
function open({ path, socketOptions }: PathRequest): Handle | Failure {
  const socket = addon.socket(AF_UNIX, SOCK_STREAM);
  if (socket === -1) return statedRefusal();
  const wanted = Object.entries(socketOptions ?? {}).filter(([, value]) => value !== undefined);
  const isSet = wanted.length === 0 || addon.set(socket, new Int32Array(settingsWords(wanted))) === 0;
  const failure = isSet ? undefined : statedRefusal();
  const error = isSet ? addon.bindPath(socket, path) : 0;
  if (failure === undefined && error === 0) return socket;
  addon.close(socket);
  return failure ?? { code: codeOf(error), syscall: 'bind' };
}

/** Nobody can connect before this. */
function listen(socket: Handle, backlog: number | undefined): Failure | undefined {
  const error = addon.listen(socket, NOTHING, backlog ?? DEFAULT_BACKLOG);
  return error === 0 ? undefined : { code: codeOf(error), syscall: 'listen' };
}

/** Gives the file its permissions, and listens. */
function finish(socket: Handle, path: string, { mode, backlog }: PathRequest): OwnFile | Failure {
  const error = mode === undefined ? 0 : addon.setFileMode(path, mode);
  if (error !== 0) return { code: codeOf(error), syscall: 'chmod', option: 'mode' };
  const file = fileAt(path);
  if (typeof file === 'string') return { code: file, syscall: 'lstat' };
  return listen(socket, backlog) ?? { path, id: file.id, isOurs: true, isLent: false };
}

function bindFile(request: PathRequest, path: string): BoundPath | PathRefused {
  const cleared = clear(path);
  if (typeof cleared !== 'string') return { path: request.path, ...cleared };
  const socket = open(request);
  if (typeof socket !== 'number') return { path: request.path, refusal: socket };
  const file = finish(socket, path, request);
  if (has(file, 'id')) {
    const { path: name, backlog } = request;
    return { socket, path: name, file, backlog, outcome: cleared, promise: promiseOf(path), ...NO_PORT };
  }
  // Nobody else touches what we have just bound: the lock is still ours.
  const left = fileAt(path);
  if (typeof left !== 'string' && isSocket(left)) addon.removeFile(path);
  addon.close(socket);
  return { path: request.path, refusal: file };
}

/** Why nothing was tried: nobody else who starts may be about to bind. */
function refusalOf(
  { unlocked: code, lock }: Unlocked,
  path: string,
  patience: number,
): Pick<PathRefused, 'refusal' | 'seen'> {
  const inUse = (remark: string) => ({ refusal: { code: 'EADDRINUSE', syscall: 'bind', remark } });
  if (code === 'ETIMEDOUT')
    return inUse(`another process is starting there: it kept ${quotedName(lock)} locked for ${patience} ms`);
  if (code === 'EEXIST') return inUse(`${quotedName(lock)} is no lock of this package, and is in its place`);
  const found = fileAt(lock);
  const isTheirs = typeof found !== 'string' && found.uid !== process.geteuid?.();
  if (isTheirs)
    return inUse(`${quotedName(lock)} is the lock of another user (uid ${found.uid}), who was starting there`);
  // Without leave to change the folder nothing there can be replaced, and bind() would say that it is in use.
  const there = fileAt(path);
  if (typeof there === 'string') return { refusal: { code, syscall: 'bind' } };
  if (isSocket(there)) return { refusal: { code: 'EADDRINUSE', syscall: 'bind' } };
  return inUse(`${quotedName(path)} is ${kindOf(there)}, which is never replaced`);
}

function bindAbstract(request: PathRequest): BoundPath | PathRefused {
  const { path, backlog } = request;
  const socket = open(request);
  if (typeof socket !== 'number') return { path, refusal: socket };
  const refusal = listen(socket, backlog);
  if (refusal === undefined) {
    return { socket, path, file: undefined, backlog, outcome: 'clean', promise: FULL, ...NO_PORT };
  }
  addon.close(socket);
  return { path, refusal };
}

/**
 * Binds and listens. A failure leaves nothing open, and no file.
 * @param patience with somebody else who starts there: milliseconds for which this thread stands still at most
 */
export function bindPath(request: PathRequest, patience: number = STARTERS_MS): BoundPath | PathRefused {
  if (isAbstract(request.path)) return bindAbstract(request);
  const path = absolute(request.path);
  const bound = underLock(path, patience, () => bindFile(request, path));
  return has(bound, 'unlocked') ? { path: request.path, ...refusalOf(bound, path, patience) } : bound;
}

/** Whether a path still names this file. */
function isOwn({ path, id }: Pick<OwnFile, 'path' | 'id'>, file: FileRow | string = fileAt(path)): boolean {
  return typeof file !== 'string' && file.id === id;
}

/**
 * Removes the file of a socket that is about to close, unless it is another's by now. Where this user may not, it stays, as
 * with Node.
 */
function removeOwnFile(file: OwnFile): void {
  if (!file.isOurs || file.isLent || !isOwn(file)) return;
  const removed = underLock(file.path, CLOSING_MS, () => (isOwn(file) ? addon.removeFile(file.path) : 0));
  if (typeof removed === 'number' || removed.unlocked !== 'ETIMEDOUT') return;
  process.emitWarning(
    `${quotedName(file.path)} was left behind: another process kept ${quotedName(removed.lock)} locked for ${CLOSING_MS} ms`,
    bare({ type: 'ExactbindWarning', code: 'EXACTBIND_SOCKET_FILE' }),
  );
}

/** Removes the file and closes a socket that was never adopted. */
export function closePath({ socket, file }: BoundPath): void {
  if (file !== undefined) removeOwnFile(file);
  addon.close(socket);
}

/** Has the file go with a handle, if that is closed while it is its own. */
export function closeFileWith(handle: NodeHandle, { file }: BoundPath): void {
  if (file !== undefined) beforeClose(handle, () => removeOwnFile(file));
}

/** The handle that a server adopts. */
export function handleOfPath(bound: BoundPath): TcpHandle {
  const { socket, path, backlog, inheritance } = bound;
  const onListen = (given: number) => {
    bound.backlog = given;
  };
  const handle = adoptPipe(socket, { path, backlog, inheritance, onListen });
  closeFileWith(handle, bound);
  remember(handle, { request: undefined, bound });
  return handle;
}

/** For a socket that closed while a successor had it who never served: removes the file, if nobody listens there. */
export function removeLeftFile(file: OwnFile): void {
  if (!file.isOurs || file.isLent || !isOwn(file)) return;
  // Its inode may be another's by now.
  underLock(file.path, CLOSING_MS, () =>
    isOwn(file) && whoIsThere(file.path) === undefined ? addon.removeFile(file.path) : 0,
  );
}

/** Takes the path for the file's own if it names that file: in a container it may be nowhere else. */
export function findAgain(file: OwnFile, path: string): boolean {
  const whole = absolute(path);
  if (!isOwn({ path: whole, id: file.id })) return false;
  file.path = whole;
  return true;
}

/** Whether the descriptor is still the socket that was bound: somebody may have closed it underneath. */
export function lostPath({ socket, path, boundAs = path }: BoundPath): Failure | undefined {
  const found = addon.localPath(socket);
  if (found === boundAs) return undefined;
  return { code: typeof found === 'number' ? codeOf(found) : 'EBADF', syscall: 'getsockname' };
}
