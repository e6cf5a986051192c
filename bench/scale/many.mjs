// Opens listeners at once in one way, on the ports that its input names, and one more beside them; prints what that took.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import process from 'node:process';
import { setImmediate as pause } from 'node:timers/promises';
import { BoundSocket, inspectPortSync } from 'exactbind';
import { median } from '../harness/compare.mjs';
import { calledBack, synchronous } from '../harness/measure.mjs';

/**
 * @typedef {{ port: number, host: string }} Where
 */

/**
 * @template T
 * @typedef {{ open: () => T[] | Promise<T[]>, close: (all: T[]) => unknown, another: (cycles: number) => number | Promise<number> }} Way
 */

const HOST = '127.0.0.1';
const CYCLES = 20;
const BATCHES = 9;
const INSPECTIONS = 5;

/** @type {{ way: string, ports: number[] }} */
const { way, ports } = JSON.parse(readFileSync(0, 'utf8'));
const [spare, asked, ...others] = ports;

/**
 * A server is there when it says so, and gone when it says so.
 * @type {(listen: (server: net.Server, where: Where) => unknown) => Way<net.Server>}
 */
const serving = (listen) => {
  /** @param {number} port */
  const one = (port) => {
    const server = net.createServer();
    listen(server, { port, host: HOST });
    return server;
  };
  return {
    async open() {
      const servers = others.map(one);
      await Promise.all(servers.map((server) => once(server, 'listening')));
      return servers;
    },
    async close(servers) {
      const closed = servers.map((server) => once(server, 'close'));
      for (const server of servers) server.close();
      await Promise.all(closed);
    },
    another: calledBack((next) => {
      const server = one(spare).on('close', next);
      server.on('listening', () => server.close());
    }),
  };
};

/** @type {Record<string, Way<any>>} */
const WAYS = {
  'server.listen': serving((server, where) => server.listen({ ...where, exclusive: true })),
  'server.listen(new BoundSocket)': serving((server, where) => server.listen(new BoundSocket(where))),
  'new BoundSocket': {
    open: () => others.map((port) => new BoundSocket({ port, host: HOST })),
    close(sockets) {
      for (const socket of sockets) socket.close();
    },
    another: synchronous(() => new BoundSocket({ port: spare, host: HOST }).close()),
  },
};

/**
 * @template T
 * @param {() => T | Promise<T>} run
 */
async function timed(run) {
  const start = process.hrtime.bigint();
  const value = await run();
  return { took: Number(process.hrtime.bigint() - start), value };
}

/**
 * A process is short: one pause of the machine would be all of its figure.
 * @param {(cycles: number) => number | Promise<number>} run
 */
async function middle(run) {
  const batches = [];
  while (batches.length < BATCHES) batches.push(await run(CYCLES));
  return median(batches);
}

async function resident() {
  globalThis.gc?.();
  // What native code frees for an object goes a turn after the object.
  await pause();
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

const { open, close, another } = WAYS[way];
const known = new BoundSocket({ port: asked, host: HOST });
const { port } = known.address();
const inspect = () => inspectPortSync({ port, host: HOST });
// What runs for the first time is compiled, and keeps memory, whatever comes after.
await middle(another);
inspect();

const before = await resident();
const { took: opening, value: listeners } = await timed(open);
const memory = ((await resident()) - before) / others.length;
const more = await middle(another);
const inspecting = [];
while (inspecting.length < INSPECTIONS) inspecting.push((await timed(inspect)).took);
const { took: closing } = await timed(() => close(listeners));
known.close();
console.log(JSON.stringify({ opening, closing, more, inspecting: median(inspecting), memory }));
