// What a program without exactbind does about a taken port: it tries again after a pause.

/** @typedef {import('node:net').Server} Server */

/**
 * Listens as https://nodejs.org/docs/latest-v20.x/api/net.html#serverlisten has it, every so many milliseconds. Rejects on
 * another refusal than EADDRINUSE, and when the signal aborts.
 * @template {Server} T
 * @param {T} server
 * @param {import('node:net').ListenOptions} where
 * @param {number} every
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export function retry(server, where, every, signal) {
  return new Promise((resolve, reject) => {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
    server.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
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
