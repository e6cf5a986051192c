// Closes a second socket whenever Node closes the handle of the first.
import { addon, type Handle } from '../addon.ts';
import type { NodeHandle } from './handle-classes.ts';

/** The first goes first: for as long as it is there, nobody may have the port. */
export function closeWith(handle: NodeHandle, guard: Handle): void {
  const { close } = handle;
  handle.close = (callback) => {
    close.call(handle, callback);
    addon.close(guard);
  };
}
