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
  isSession,
  type Session,
  sessionsOf,
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

// A client that ends its session on the first GOAWAY, as Node's does, answers no ping.
const PONG_TIMEOUT = 1000;

/**
 * Ends a session of HTTP/2 as RFC 9113 (6.8) has it: the first GOAWAY says that there will be another, which comes when the
 * client has answered a ping, and so opens no stream any more.
 */
function endSession(session: Session): void {
  if (session.closed || session.destroyed) return;
  const close = () => {
    clearTimeout(timer);
    if (session.closed || session.destroyed) return;
    session.goaway(NO_ERROR);
    session.close();
  };
  const timer = setTimeout(close, PONG_TIMEOUT);
  session.goaway(NO_ERROR, LAST_STREAM);
  try {
    session.ping(close);
  } catch {
    // A session that is still connecting.
    close();
  }
}

/** The HTTP/2 sessions of a server, from now on: Node tells of each when it begins, and keeps a list in 24 and later only. */
export class Sessions {
  readonly #server: Server;
  readonly #open: Set<Session>;

  constructor(server: Server) {
    this.#server = server;
    this.#open = new Set(sessionsOf(server));
    server.on('session', this.#add);
  }

  readonly #add = (session: Session): void => {
    // Another program may have another kind of session.
    if (!isSession(session)) return;
    this.#open.add(session);
    session.once('close', () => this.#open.delete(session));
  };

  /** Ends those that are there, and each whose handshake ends while the server drains. */
  end(): () => void {
    for (const session of this.#open) endSession(session);
    const later = (session: Session) => isSession(session) && endSession(session);
    this.#server.on('session', later);
    return () => this.#server.off('session', later);
  }

  forget(): void {
    this.#server.off('session', this.#add);
  }
}

/**
 * Closes a listener that accepts no more and waits until its last connection has gone, by itself or because of the time.
 * Returns how many had to be closed.
 */
export async function drain(server: Server, sessions: Sessions, timeout: number): Promise<number> {
  const ends = [answersLast(server), sessions.end()];
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
