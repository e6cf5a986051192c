// A program that wants a port of a range by one package, listens on it, and tells how that went: the package's name.
import { createServer } from 'node:net';
import process from 'node:process';
import { listen, portRange } from '../harness/exactbind.mjs';

/** @typedef {{ from: number, to: number }} Range */
/** @typedef {{ port: number, tries: number, ms: number }} Race */

// Each is asked for a port again as long as somebody else has it by the time it listens.
/** @type {Record<string, (range: Range) => Promise<number>>} */
const PICKS = {
  'get-port': async ({ from, to }) => {
    const { default: getPort, portNumbers } = await import('get-port');
    return getPort({ port: portNumbers(from, to) });
  },
  'detect-port': async ({ from }) => (await import('detect-port')).detect(from),
  portfinder: async ({ from, to }) => (await import('portfinder')).default.getPortPromise({ port: from, stopPort: to }),
};

/** @type {import('node:net').Server | undefined} */
let server;

/** @param {number} port */
const isListening = (port) =>
  new Promise((resolve, reject) => {
    const made = createServer();
    server = made;
    made.once('error', (error) => {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    made.listen(port, () => resolve(true));
  });

/**
 * @param {string} who
 * @param {Range} range
 * @returns {Promise<{ port: number, tries: number }>}
 */
async function race(who, range) {
  if (who === 'exactbind') {
    server = createServer();
    const { port } = await listen(server, { port: portRange(range.from, range.to) });
    return { port, tries: 1 };
  }
  for (let tries = 1; ; tries++) {
    const port = await PICKS[who](range);
    if (await isListening(port)) return { port, tries };
  }
}

const [, , who] = process.argv;
process.on('message', async (/** @type {Range | null} */ range) => {
  if (range === null) {
    server?.close(() => process.send?.({}));
    return;
  }
  const start = performance.now();
  const { port, tries } = await race(who, range);
  process.send?.({ port, tries, ms: performance.now() - start });
});
process.on('disconnect', () => process.exit());
process.send?.({});
