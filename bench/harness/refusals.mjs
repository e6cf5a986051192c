// A port that somebody else has, asked for in each way: what is timed is the refusal.
import net from 'node:net';
import { BoundSocket } from 'exactbind';
import { calledBack } from './measure.mjs';

/** @import { BindOptions, SystemError } from 'exactbind' */

/**
 * From the call to 'error'; `whereOf` says each time where to listen.
 * @param {() => net.ListenOptions} whereOf
 */
export const refusedToNode = (whereOf) =>
  calledBack((next) => {
    const server = net.createServer().on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code !== 'EADDRINUSE') throw error;
      next();
    });
    server.listen({ ...whereOf(), exclusive: true });
  });

/**
 * The EADDRINUSE that `open` throws.
 * @param {() => unknown} open
 * @returns {NodeJS.ErrnoException}
 */
export function refusalOf(open) {
  try {
    open();
  } catch (thrown) {
    const error = /** @type {NodeJS.ErrnoException} */ (thrown);
    if (error.code === 'EADDRINUSE') return error;
    throw error;
  }
  throw new Error('the taken port was bound');
}

/**
 * The same of a BoundSocket, which says who has the port.
 * @param {BindOptions} where
 */
export function refused(where) {
  const error = /** @type {SystemError} */ (refusalOf(() => new BoundSocket(where)));
  if (error.heldBy === undefined) throw error;
  return error;
}
