// A process that serves HTTP on a port, waits for a port that another process holds, and lets go of it, on command.
import { once } from 'node:events';
import { createServer } from 'node:http';
import process from 'node:process';
import { listen } from 'exactbind';
import { obey } from '../harness/obey.mjs';
import { retry } from './retry.mjs';

/**
 * @import { AddressInfo } from 'node:net'
 * @import { Server } from 'node:http'
 * @typedef {{ at: bigint | undefined, port: number, closed: Promise<unknown> }} Listening
 */

const HOST = '127.0.0.1';
const PATIENCE = 30_000;

// CLOCK_MONOTONIC, which all processes share.
const now = () => process.hrtime.bigint();

/** @type {Record<string, (server: Server, port: number, every: number) => Promise<unknown>>} */
const WAYS = {
  wait: (server, port) => listen(server, { port, host: HOST, wait: PATIENCE }),
  share: (server, port) => listen(server, { port, host: HOST, sharing: 'reuse-port' }),
  retry: (server, port, every) => retry(server, { port, host: HOST }, every),
};

/** @type {Server} */
let server;
/** @type {Promise<Listening>} */
let listening;

const COMMANDS = {
  /**
   * Answers when the first attempt is over, whether that was refused or not.
   * @param {{ way: string, port: number, every: number }} command
   */
  start({ way, port, every }) {
    server = createServer((_, response) => response.end(String(process.pid)));
    /** @type {bigint | undefined} */
    let at;
    server.once('listening', () => {
      at = now();
    });
    listening = WAYS[way](server, port, every).then(() => {
      const { port: own } = /** @type {AddressInfo} */ (server.address());
      return { at, port: own, closed: once(server, 'close') };
    });
    return {};
  },

  async listening() {
    const { at, port } = await listening;
    return { at, port };
  },

  /** Takes no more connections; what is being answered is. */
  release() {
    const at = now();
    server.close();
    return { at };
  },

  async stop() {
    const { closed } = await listening;
    server.close();
    server.closeAllConnections();
    await closed;
    return {};
  },
};

obey(COMMANDS);
