// A process that serves HTTP on a port it may share, and counts the requests it has served.
import { once } from 'node:events';
import { createServer } from 'node:http';
import process from 'node:process';
import { obey } from '../harness/obey.mjs';

const HOST = '127.0.0.1';

let served = 0;
const server = createServer((_, response) => {
  served++;
  response.end('ok');
});

/** @param {import('node:net').ListenOptions & { reusePort?: boolean }} options */
async function listening(options) {
  server.listen(options);
  await once(server, 'listening');
}

/** @type {Record<string, (port: number) => Promise<void>>} */
const WAYS = {
  plain: (port) => listening({ port, host: HOST }),
  reusePort: (port) => listening({ port, host: HOST, reusePort: true }),
  async exactbind(port) {
    const { listen } = await import('exactbind');
    await listen(server, { port, host: HOST, sharing: 'reuse-port', acceptPartial: true });
  },
};

const COMMANDS = {
  /** @param {{ way: string, port: number }} command */
  async listen({ way, port }) {
    try {
      await WAYS[way](port);
      return { port: /** @type {import('node:net').AddressInfo} */ (server.address()).port };
    } catch (error) {
      const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
      return { error: { code, message } };
    }
  },

  served: () => served,
};

obey(COMMANDS);
process.send?.('hears');
