// The group that asks about a port: inspectPort() against what others do to learn less, a listen() and a connect().
import { fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { inspectPort, inspectPortSync } from 'exactbind';
import { end, hears } from '../harness/ask.mjs';
import { floor, startFloor } from '../harness/floor.mjs';
import { calledBack, sideBySide, synchronous } from '../harness/measure.mjs';
import { pointOf } from '../report/point.mjs';
import { unitOf } from '../report/timings.mjs';

/** @import { Comparison, Plot, Timed } from '../group.ts' */

async function freePort() {
  const server = net.createServer().listen(0);
  await once(server, 'listening');
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * @param {string | undefined} told
 * @param {string} wanted
 */
function expected(told, wanted) {
  if (told !== wanted) throw new Error(`the port is ${wanted}, and was said to be ${told}`);
}

/**
 * Whether a server can listen there. It is `free` or not, and who has it is not told.
 * @param {number} port
 * @param {string} verdict
 */
const listenProbe = (port, verdict) =>
  calledBack((next) => {
    const server = net.createServer();
    server.on('error', (/** @type {NodeJS.ErrnoException} */ { code }) => {
      expected(code === 'EADDRINUSE' ? 'listening' : code, verdict);
      next();
    });
    server.on('listening', () => {
      expected('free', verdict);
      server.close(next);
    });
    server.listen(port);
  });

/**
 * Whether somebody answers there; reset, since thousands of connections in TIME_WAIT change what is measured.
 * @param {number} port
 * @param {string} verdict
 */
const connectProbe = (port, verdict) =>
  calledBack((next) => {
    const socket = net.connect(port, '127.0.0.1');
    let answered = false;
    socket.on('connect', () => {
      answered = true;
      socket.resetAndDestroy();
    });
    socket.on('error', (/** @type {NodeJS.ErrnoException} */ { code }) => {
      if (code !== 'ECONNRESET') expected(code === 'ECONNREFUSED' ? 'free' : code, verdict);
    });
    socket.on('close', () => {
      expected(answered ? 'listening' : 'free', verdict);
      next();
    });
  });

const STATES = { free: 'a free port', listening: 'a listener of another process' };
const KNOWN = /** @type {(keyof typeof STATES)[]} */ (Object.keys(STATES));
const [LISTEN, CONNECT] = ['server.listen(port), close', 'net.connect(port)'];
// What inspectPort() asks of the kernel's list where nobody is: LISTENING of lib/socket-list.ts, every state, and once more
// whether somebody has begun to listen meanwhile. In the words of recipes.c.
const WALK = 'walk=q3:400,q3:ffff,q3:400';
const FLOOR = 'C, the same requests, a free port';
const ASKED = [LISTEN, CONNECT, 'inspectPortSync', 'inspectPort'];

/** @param {{ quick: boolean }} how */
async function inspectGroup({ quick }) {
  const held = fork(new URL('holder.mjs', import.meta.url));
  const [listening] = await hears([held]);
  const ports = { free: await freePort(), listening };
  const variants = [];
  /** @type {Comparison[]} */
  const comparisons = [];
  for (const verdict of KNOWN) {
    const title = STATES[verdict];
    const port = ports[verdict];
    /** @param {string} text */
    const named = (text) => `${text}, ${title}`;
    variants.push(
      { name: named(LISTEN), run: listenProbe(port, verdict) },
      { name: named(CONNECT), run: connectProbe(port, verdict) },
      { name: named('inspectPortSync'), run: synchronous(() => expected(inspectPortSync(port).verdict, verdict)) },
      {
        name: named('inspectPort'),
        run: calledBack((next) => {
          inspectPort(port).then((report) => {
            expected(report.verdict, verdict);
            next();
          });
        }),
      },
    );
    for (const name of ['inspectPortSync', 'inspectPort'].map(named)) {
      // The kernel looks through all of its table of sockets, and the table grows with the memory.
      for (const baseline of [LISTEN, CONNECT].map(named)) comparisons.push({ name, baseline, machineBound: true });
    }
  }
  const { program } = floor('recipes');
  const c =
    program === undefined ? undefined : startFloor(program, { threads: true, args: [String(ports.free), WALK] });
  if (c !== undefined) {
    variants.push({ name: FLOOR, run: (/** @type {number} */ cycles) => c.run('walk', cycles) });
    for (const name of ['inspectPortSync', 'inspectPort']) {
      comparisons.push({ name: `${name}, ${STATES.free}`, baseline: FLOOR, target: { ratio: 1.2 } });
    }
  }
  const rounds = quick ? 12 : 300;
  try {
    const samples = await sideBySide(variants, { rounds, cycles: 10, warmUp: Math.ceil(rounds / 6) });
    return { unit: 'ns', comparisons, samples };
  } finally {
    c?.end();
    await end(held);
  }
}

/**
 * @param {Timed} group
 * @returns {Plot[]}
 */
function plots(group) {
  const [size, suffix] = unitOf(group);
  const series = Object.values(STATES).map((title) => ({
    name: title,
    points: ASKED.map((name) => pointOf(name, group.samples[`${name}, ${title}`], size)),
  }));
  const y = { name: `${suffix.trim()}: median, p10 – p90`, log: true };
  return [
    { name: 'inspect', kind: 'bar', title: 'Asking about a port', x: { name: '', categories: ASKED }, y, series },
  ];
}

export const groups = { inspect: inspectGroup };

export const reports = {
  inspect: {
    title: 'Asking about a port',
    note:
      'Without `inspectPort()`, a program listens on the port and closes again to learn whether it is free, ' +
      'or connects to learn whether somebody answers. Neither names the holder, and listening takes the port meanwhile. ' +
      'For a free port, the C program only makes the same requests to the kernel as `inspectPort()`: most of the time is the ' +
      "kernel's walk through its tables.",
    plots,
  },
};
