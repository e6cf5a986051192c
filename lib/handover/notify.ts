// notify: tells whoever started this process how it is doing (sd_notify(3)).
import { addon, type Handle } from '../addon.ts';
import { type NodeSocket, numberOfSocket } from '../adopt/socket-number.ts';
import { BoundSocket } from '../bound-socket.ts';
import { codeOf, notSupported, outOfRange, systemError, wrongType, wrongValue } from '../errors.ts';
import { readOptions } from '../options-once.ts';
import { bare } from '../own.ts';
import type { AnySocket } from '../raw-options.ts';

/** Options of `notify.ready()`. */
export interface ReadyOptions {
  /** The process that is the service from now on. @defaultValue the one that the service manager started */
  mainPid?: number | undefined;
}

/** A socket for the service manager to keep. */
export interface StoredSocket {
  /** Its name in `inheritedSockets()` of the next start. */
  name: string;
  socket: AnySocket;
}

// systemd.exec(5), FDNAME: up to 255 characters, none of which is a control or a colon.
const NAME = /^[\x21-\x39\x3b-\x7e]{1,255}$/;

/** Where notices go; undefined where nobody asks for any. */
function destination(): string | undefined {
  const { NOTIFY_SOCKET } = process.getBuiltinModule('node:process').env;
  if (NOTIFY_SOCKET === undefined || NOTIFY_SOCKET === '') return undefined;
  if (NOTIFY_SOCKET.startsWith('/')) return NOTIFY_SOCKET;
  if (NOTIFY_SOCKET.startsWith('@')) return `\0${NOTIFY_SOCKET.slice(1)}`;
  throw notSupported('NOTIFY_SOCKET', `'${NOTIFY_SOCKET}' is neither a path nor an abstract name`, 'sendmsg');
}

/** Sends assignments, and descriptors with them; false where nobody asks for any. */
function send(assignments: readonly string[], handles: readonly Handle[] = []): boolean {
  const path = destination();
  if (path === undefined) return false;
  const error = addon.sendNotice(path, assignments.join('\n'), handles);
  if (error === 0) return true;
  throw systemError({ code: codeOf(error), syscall: 'sendmsg' }, { address: path.replace('\0', '@'), port: 0 });
}

function checkName(argument: string, name: unknown): string {
  if (typeof name !== 'string') throw wrongType(argument, 'of type string', name);
  if (NAME.test(name)) return name;
  throw wrongValue(argument, name, 'must have 1 to 255 printable characters, and none that is : or a blank');
}

function checkPid(pid: number | undefined): string[] {
  if (pid === undefined) return [];
  if (typeof pid !== 'number') throw wrongType('options.mainPid', 'of type number', pid);
  if (!Number.isInteger(pid) || pid < 1) throw outOfRange('options.mainPid', 'an integer >= 1', pid);
  return [`MAINPID=${pid}`];
}

function ready(options: ReadyOptions = {}): boolean {
  const { mainPid } = readOptions<ReadyOptions>(options, { mainPid: true });
  return send([...checkPid(mainPid), 'READY=1']);
}

function reloading(): boolean {
  // systemd compares it with its own CLOCK_MONOTONIC, which is Node's.
  return send(['RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`]);
}

function status(text: string): boolean {
  if (typeof text !== 'string') throw wrongType('text', 'of type string', text);
  if (/[\n\0]/.test(text)) throw wrongValue('text', text, 'must be one line');
  return send([`STATUS=${text}`]);
}

function checkStored(one: StoredSocket): { name: string; handle: Handle } {
  const { name, socket } = readOptions<StoredSocket>(one, { name: true, socket: true });
  const known = checkName('sockets[].name', name);
  const handle = socket instanceof BoundSocket ? socket.socket() : numberOfSocket(socket as NodeSocket | number);
  return { name: known, handle };
}

function storeSockets(sockets: readonly StoredSocket[]): boolean {
  if (!Array.isArray(sockets)) throw wrongType('sockets', 'an array', sockets);
  // One notice each, because it has one name for all that comes with it.
  return sockets.map(checkStored).every(({ name, handle }) => send(['FDSTORE=1', `FDNAME=${name}`], [handle]));
}

function removeStored(name: string): boolean {
  return send(['FDSTOREREMOVE=1', `FDNAME=${checkName('name', name)}`]);
}

/** For the process before a hand-over: another is the service from now on. A fault is a warning, and stops nothing. */
export function passMainPid(pid: number): void {
  try {
    send(checkPid(pid));
  } catch (error) {
    const { message } = error as Error;
    process.emitWarning(
      `systemd was not told that pid ${pid} is the service from now on: ${message}`,
      bare({ type: 'ExactbindWarning', code: 'EXACTBIND_MAINPID' }),
    );
  }
}

/**
 * Reports the state of this process to systemd, `exactbind run`, or whoever else set NOTIFY_SOCKET (sd_notify(3)). Each
 * function returns true if it sent something, and false if nobody asks for it: on Windows, on macOS, after a start by
 * hand.
 *
 * - `ready({ mainPid })`: READY=1, with `mainPid` also MAINPID=: another process is the service from now on. Say so
 *   before the old one ends, or systemd ends the unit. A hand-over (`listenOrTake()`, `offerSockets()`) does it by itself.
 * - `reloading()`: RELOADING=1 with MONOTONIC_USEC=; call `ready()` afterwards.
 * - `stopping()`: STOPPING=1.
 * - `status(text)`: STATUS=, one line for people.
 * - `storeSockets(list)`: FDSTORE=1 with FDNAME=: systemd keeps copies, even across a crash, and `inheritedSockets()`
 *   of the next start returns them. The unit needs FileDescriptorStoreMax=, which is 0 by default; systemd silently
 *   closes sockets beyond it.
 * - `removeStored(name)`: FDSTOREREMOVE=1.
 * @throws Error `ENOENT`, `ECONNREFUSED`, `EACCES`, … of sendmsg(2); `EAGAIN` if the receiver does not read for five
 * seconds; `ENOTSUP` for an address that is not a Unix socket
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; RangeError `ERR_OUT_OF_RANGE`
 */
export const notify = {
  ready,
  reloading,
  stopping: (): boolean => send(['STOPPING=1']),
  status,
  storeSockets,
  removeStored,
};
