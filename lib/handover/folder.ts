// Where the socket of an offer is: the folder that a bare name stands for, what is asked of it, and a lock among starters.
import fs from 'node:fs';
import os from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { addon } from '../addon.ts';
import { codeOf, handoverError, notSupported, systemError, wrongType, wrongValue } from '../errors.ts';
import { bare } from '../own.ts';
import { system } from '../platform.ts';

/** @throws Error `ENOTSUP` where no descriptor can be passed on */
export function requireHandover(name: string): void {
  if (system === 'windows') throw notSupported(name, 'sockets are handed over on Linux and macOS only', 'sendmsg');
}

/** Who we are to others; a system without users has no hand-over either. */
export function ownUser(): number {
  return process.geteuid?.() ?? -1;
}

function isDirectory(path: string): boolean {
  return fs.statSync(path, bare({ throwIfNoEntry: false }))?.isDirectory() === true;
}

function runtimeFolder(): string | undefined {
  const { RUNTIME_DIRECTORY, XDG_RUNTIME_DIR } = process.env;
  // systemd gives several, with colons between them (systemd.exec(5)).
  const first = RUNTIME_DIRECTORY?.split(':')[0];
  if (first) return first;
  if (XDG_RUNTIME_DIR) return XDG_RUNTIME_DIR;
  // Each user's own, of mode 0700 (confstr(3), _CS_DARWIN_USER_TEMP_DIR).
  if (system === 'darwin') return os.tmpdir();
  const own = `/run/user/${ownUser()}`;
  return isDirectory(own) ? own : undefined;
}

const NAME = /^[\w][\w.@-]{0,63}$/;

/**
 * The path that `handover` stands for.
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; Error `ENOENT` where a bare name has no folder
 */
export function pathOf(name: string, handover: unknown): string {
  if (typeof handover !== 'string') throw wrongType(name, 'of type string', handover);
  if (handover === '' || handover.includes('\0')) throw wrongValue(name, handover, 'must be a name or a path');
  if (handover.includes('/')) return resolve(handover);
  if (!NAME.test(handover))
    throw wrongValue(name, handover, 'must be a name of letters, digits, ., _, @ and -, or a path');
  const folder = runtimeFolder();
  if (folder !== undefined) return resolve(join(folder, `${handover}.handover`));
  const remark = `this user has no folder for it ($RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR): give a path, './${handover}.handover'`;
  throw systemError({ code: 'ENOENT', syscall: 'open', remark });
}

/** A path, which may be relative. */
export function checkPath(name: string, path: unknown): string {
  if (typeof path !== 'string') throw wrongType(name, 'of type string', path);
  if (path === '' || path.includes('\0')) throw wrongValue(name, path, 'must be a path');
  return resolve(path);
}

const forbidden = (message: string) => handoverError('FORBIDDEN', message);

/**
 * Refuses a folder into which somebody else could put a socket.
 * @throws Error `ENOENT`, `ENOTDIR`, `ERR_EXACTBIND_HANDOVER_FORBIDDEN`
 */
export function checkFolder(path: string): void {
  const folder = dirname(path);
  const { uid, mode } = fs.statSync(folder);
  if (uid !== ownUser()) throw forbidden(`The folder ${folder} belongs to uid ${uid}, not to uid ${ownUser()}`);
  if ((mode & 0o022) !== 0) throw forbidden(`The folder ${folder} can be written by others: chmod 700 ${folder}`);
}

/**
 * The inode of the socket that is there, if there is one.
 * @throws Error `ERR_EXACTBIND_HANDOVER_FORBIDDEN` for anything else
 */
export function socketAt(path: string): number | undefined {
  const found = fs.lstatSync(path, bare({ throwIfNoEntry: false }));
  if (found === undefined) return undefined;
  if (found.isSymbolicLink()) throw forbidden(`${path} is a symbolic link`);
  if (!found.isSocket()) throw forbidden(`${path} is not a socket`);
  if (found.uid !== ownUser()) throw forbidden(`${path} belongs to uid ${found.uid}, not to uid ${ownUser()}`);
  return found.ino;
}

const LOCK_PAUSE = 2;

/**
 * Works while no other starter does: of two, one waits. The file stays, and blocks nobody: what counts is the lock on it, which
 * goes with the process.
 * @throws Error `ETIMEDOUT`, `AbortError`
 */
export async function locked<T>(
  path: string,
  deadline: number,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = fs.constants;
  // Nobody else may open it: a lock on what others can read could be theirs for ever.
  const file = fs.openSync(`${path}.lock`, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    for (;;) {
      const error = addon.lockFile(file);
      if (error === 0) break;
      const code = codeOf(error);
      if (code !== 'EAGAIN' && code !== 'EINTR') throw systemError({ code, syscall: 'flock' });
      if (performance.now() >= deadline) {
        throw systemError({ code: 'ETIMEDOUT', syscall: 'flock', remark: `another process has locked ${path}.lock` });
      }
      await pause(LOCK_PAUSE, undefined, bare(signal === undefined ? {} : { signal }));
    }
    return await work();
  } finally {
    fs.closeSync(file);
  }
}
