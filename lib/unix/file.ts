// What a path names, and who could put something else in its place.
import { constants } from 'node:fs';
import { addon, type FileRow } from '../addon.ts';
import { codeOf } from '../errors.ts';
import { bare } from '../own.ts';
import { quotedName } from '../printable.ts';
import type { Promised } from '../systems/system.ts';

const { S_IFMT, S_IFSOCK, S_IFLNK, S_IFDIR, S_IFIFO, S_IFCHR, S_IFBLK } = constants;

const KINDS = new Map([
  [S_IFLNK, 'a symbolic link'],
  [S_IFDIR, 'a folder'],
  [S_IFIFO, 'a named pipe'],
  [S_IFCHR, 'a device'],
  [S_IFBLK, 'a device'],
]);

export function isSocket({ mode }: FileRow): boolean {
  return (mode & S_IFMT) === S_IFSOCK;
}

/** `a regular file`, of what is no socket. */
export function kindOf({ mode }: FileRow): string {
  return KINDS.get(mode & S_IFMT) ?? 'a regular file';
}

/** What is at a path itself, or why that cannot be told. */
export function fileAt(path: string): FileRow | string {
  const found = addon.fileAt(path, false);
  return typeof found === 'number' ? codeOf(found) : found;
}

/** A path that goes on naming the same when the process changes its folder. Not resolved: `..` after a link is the system's. */
export function absolute(path: string): string {
  return path.startsWith('/') ? path : `${process.cwd()}/${path}`;
}

/** The folder of an absolute path. */
export function folderOf(path: string): string {
  const end = path.replace(/\/+$/, '').lastIndexOf('/');
  return end <= 0 ? '/' : path.slice(0, end);
}

const WRITABLE_BY_OTHERS = 0o022;
// Where only the owner of a file can remove it.
const STICKY = 0o1000;

function caveatOf(folder: string): string | undefined {
  const found = addon.fileAt(folder, true);
  if (typeof found === 'number') return undefined;
  const { mode, uid } = found;
  const swaps = `and can put a socket of theirs in the place of this one`;
  if ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0)
    return `others can write to ${quotedName(folder)}, ${swaps}`;
  const isTheirs = uid !== 0 && uid !== process.geteuid?.();
  return isTheirs
    ? `${quotedName(folder)} belongs to another user (uid ${uid}), who can put a socket in the place of this one`
    : undefined;
}

/** What the folders above a path promise: whoever can rename one of them, or what is in it, can take the place of a socket. */
export function promiseOf(path: string): Promised {
  for (let folder = folderOf(path); ; folder = folderOf(folder)) {
    const caveat = caveatOf(folder);
    if (caveat !== undefined) return { exclusivity: 'partial', caveat };
    if (folder === '/') return bare({ exclusivity: 'full' });
  }
}
