// The lock beside a Unix socket's file: of several who start on one path, one at a time looks, replaces and listens.
import { addon } from '../addon.ts';
import { codeOf } from '../errors.ts';

/** Why there is no lock: the code of the system, and the file that was to be it. */
export interface Unlocked {
  readonly unlocked: string;
  readonly lock: string;
}

/** It is there only while somebody starts or closes. */
const lockOf = (path: string) => `${path}.lock`;

/**
 * Runs something while nobody else who uses this package does so for the same path.
 *
 * flock(2) on a file of mode 0600, which only this user can open: nobody else can keep it. It is removed under the lock, and
 * whoever has waited for it looks whether the path still names what he has locked. The kernel ends the lock of a process that
 * ends; what is left of its file is no obstacle for the same user.
 * @param milliseconds for which this thread waits at most
 */
export function underLock<Result>(path: string, milliseconds: number, run: () => Result): Result | Unlocked {
  const lock = lockOf(path);
  const handle = addon.lockPath(lock, milliseconds);
  if (handle < 0) return { unlocked: codeOf(-handle), lock };
  try {
    return run();
  } finally {
    addon.removeFile(lock);
    addon.close(handle);
  }
}
