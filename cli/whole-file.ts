// Writes a file whole or not at all, and never through a symbolic link.
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { printable } from '../lib/door.ts';

/** Why a file is not written. */
export class NotWritten extends Error {
  readonly code: string;

  constructor(path: string, reason: string, code: string) {
    super(`${printable(path)} ${reason} (${code})`);
    this.code = code;
  }
}

/** The permissions of the file that is there, if there is one that may be replaced. */
function modeOf(path: string): number | undefined {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return undefined;
  if (there.isSymbolicLink()) throw new NotWritten(path, 'is a symbolic link: name the file it leads to', 'ELOOP');
  if (there.isDirectory()) throw new NotWritten(path, 'is a directory', 'EISDIR');
  if (!there.isFile()) throw new NotWritten(path, 'is no regular file', 'EINVAL');
  return there.mode & 0o777;
}

function refused(path: string, error: unknown): Error {
  if (error instanceof NotWritten) return error;
  const { code = 'EIO', message } = error as NodeJS.ErrnoException;
  return new NotWritten(path, `cannot be written: ${printable(message)}`, code);
}

/**
 * Says at once whether a file can be written.
 * @throws NotWritten
 */
export function checkWritable(path: string): void {
  try {
    modeOf(path);
    accessSync(dirname(path), constants.W_OK);
  } catch (error) {
    throw refused(path, error);
  }
}

/**
 * Writes a new file beside it, which takes its name in one step: a link that comes meanwhile is replaced and not followed.
 * @throws NotWritten
 */
export function writeWhole(path: string, text: string): void {
  const beside = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const mode = modeOf(path);
    const file = openSync(beside, 'wx', 0o666);
    try {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      if (mode !== undefined) fchmodSync(file, mode);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    modeOf(path);
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw refused(path, error);
  }
}
