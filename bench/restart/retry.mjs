// What a program without exactbind does about a taken port: it tries again after a pause.

/**
 * Listens as https://nodejs.org/docs/latest-v20.x/api/net.html#serverlisten has it, every so many milliseconds. Rejects on
 * another refusal than EADDRINUSE, and when the signal aborts.
 */
export function retry(server, where, every, signal) {
  return new Promise((resolve, reject) => {
    let timer;
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
    server.on('error', (error) => {
      if (error.code !== 'EADDRINUSE') {
        reject(error);
        return;
      }
      timer = setTimeout(() => {
        server.close();
        server.listen(where);
      }, every);
    });
    server.once('listening', () => resolve(server)).listen(where);
  });
}
