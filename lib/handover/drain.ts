// How a server lets go of what it has accepted: nothing is closed that a client could be about to write to, until time is up.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';
import {
  type Accepted,
  answerLast,
  closeListener,
  connectionsOf,
  endChecks,
  type Session,
  sessionOf,
} from '../adopt/accepting.ts';

/** What a diagnostics channel tells of a request that has come, before the program sees it. */
interface RequestStart {
  readonly server: unknown;
  readonly response: Parameters<typeof answerLast>[0];
}

const REQUEST = 'http.server.request.start';

/** Has each answer of HTTP/1 say that it is the last on its connection; returns what ends that. */
function answersLast(server: Server): () => void {
  const onRequest = (message: unknown) => {
    const { server: of, response } = message as RequestStart;
    if (of === server) answerLast(response);
  };
  subscribe(REQUEST, onRequest);
  for (const { _httpMessage } of connectionsOf(server)) answerLast(_httpMessage);
  return () => unsubscribe(REQUEST, onRequest);
}

const LAST_STREAM = 2 ** 31 - 1;
const NO_ERROR = 0;

/**
 * Ends a session of HTTP/2 as RFC 9113 (6.8) has it: the first GOAWAY says that there will be another, which comes when the
 * client has answered a ping, and so opens no stream any more.
 */
function endSession(session: Session): void {
  if (session.closed || session.destroyed) return;
  const close = () => {
    if (session.destroyed) return;
    session.goaway(NO_ERROR);
    session.close();
  };
  session.goaway(NO_ERROR, LAST_STREAM);
  try {
    if (!session.ping(close)) close();
  } catch {
    // A session that is still connecting.
    close();
  }
}

/** Ends sessions that are there, and those whose handshake ends while the server drains. */
function endSessions(server: Server): () => void {
  for (const connection of connectionsOf(server)) {
    const session = sessionOf(connection);
    if (session !== undefined) endSession(session);
  }
  server.on('session', endSession);
  return () => server.off('session', endSession);
}

/**
 * Closes a listener that accepts no more and waits until its last connection has gone, by itself or because of the time.
 * Returns how many had to be closed.
 */
export async function drain(server: Server, timeout: number): Promise<number> {
  const ends = [answersLast(server), endSessions(server)];
  let closed = 0;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      const left: Accepted[] = connectionsOf(server);
      closed = left.length;
      for (const connection of left) connection.destroy();
      // Of a server whose 'close' does not come even then, nothing more can be waited for.
      setTimeout(resolve, 1000).unref();
    }, timeout);
    server.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    // Closed by the program meanwhile, it has said 'close' or will.
    closeListener(server);
  });
  endChecks(server);
  for (const end of ends) end();
  return closed;
}
