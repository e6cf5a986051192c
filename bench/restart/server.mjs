// A process that serves HTTP on a port, waits for a port that another process has, and lets go of it, as it is told.
import { once } from 'node:events';
import { createServer } from 'node:http';
import process from 'node:process';
import { listen } from 'exactbind';
import { obey } from '../harness/obey.mjs';
import { retry } from './retry.mjs';

const HOST = '127.0.0.1';
const PATIENCE = 30_000;

// CLOCK_MONOTONIC, which all processes share.
const now = () => process.hrtime.bigint();

const WAYS = {
  wait: (server, port) => listen(server, { port, host: HOST, wait: PATIENCE }),
  share: (server, port) => listen(server, { port, host: HOST, sharing: 'reuse-port' }),
  retry: (server, port, every) => retry(server, { port, host: HOST }, every),
};

let server;
let listening;

const COMMANDS = {
  /** Answers when the first attempt is over, whether that was refused or not. */
  start({ way, port, every }) {
    server = createServer((_, response) => response.end(String(process.pid)));
    let at;
    server.once('listening', () => {
      at = now();
    });
    listening = WAYS[way](server, port, every).then(() => {
      const { port: own } = server.address();
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
