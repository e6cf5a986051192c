// How a program drains by itself: its answers are the last ones of their connections, and idle connections are left to clients.

/** @param {import('node:net').Server} server */
export function prepareToDrain(server) {
  let isDraining = false;
  /** @type {Set<import('node:http2').Http2Session>} */
  const sessions = new Set();
  server.on('session', (session) => {
    sessions.add(session);
    // Its handshake had begun.
    if (isDraining) session.once('stream', () => session.close());
    session.once('close', () => sessions.delete(session));
  });
  server.prependListener('request', ({ httpVersionMajor }, response) => {
    if (isDraining && httpVersionMajor === 1) response.setHeader('Connection', 'close');
  });
  return () => {
    isDraining = true;
    for (const session of sessions) session.close();
  };
}
