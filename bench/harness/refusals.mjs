// A port that somebody else has, asked for in each way: what is timed is the refusal.
import net from 'node:net';
import { BoundSocket } from 'exactbind';
import { calledBack } from './measure.mjs';

/** From the call to 'error'; `whereOf` says each time where to listen. */
export const refusedToNode = (whereOf) =>
  calledBack((next) => {
    const server = net.createServer().on('error', (error) => {
      if (error.code !== 'EADDRINUSE') throw error;
      next();
    });
    server.listen({ ...whereOf(), exclusive: true });
  });

/** The EADDRINUSE that `open` throws. */
export function refusalOf(open) {
  try {
    open();
  } catch (error) {
    if (error.code === 'EADDRINUSE') return error;
    throw error;
  }
  throw new Error('the taken port was bound');
}

/** The same of a BoundSocket, which says who has the port. */
export function refused(where) {
  const error = refusalOf(() => new BoundSocket(where));
  if (error.heldBy === undefined) throw error;
  return error;
}
