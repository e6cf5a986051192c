// The group that asks about a port: inspectPort() against what others do to learn less, a listen() and a connect().
import { fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { inspectPort, inspectPortSync } from 'exactbind';
import { end, hears } from '../harness/ask.mjs';
import { calledBack, sideBySide, synchronous } from '../harness/measure.mjs';
import { pointOf } from '../report/point.mjs';
import { unitOf } from '../report/timings.mjs';

async function freePort() {
  const server = net.createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function expected(told, wanted) {
  if (told !== wanted) throw new Error(`the port is ${wanted}, and was said to be ${told}`);
}

/** Whether a server can listen there. It is `free` or not, and who has it is not told. */
const listenProbe = (port, verdict) =>
  calledBack((next) => {
    const server = net.createServer();
    server.on('error', ({ code }) => {
      expected(code === 'EADDRINUSE' ? 'listening' : code, verdict);
      next();
    });
    server.on('listening', () => {
      expected('free', verdict);
      server.close(next);
    });
    server.listen(port);
  });

/** Whether somebody answers there; reset, since thousands of connections in TIME_WAIT change what is measured. */
const connectProbe = (port, verdict) =>
  calledBack((next) => {
    const socket = net.connect(port, '127.0.0.1');
    let answered = false;
    socket.on('connect', () => {
      answered = true;
      socket.resetAndDestroy();
    });
    socket.on('error', ({ code }) => {
      if (code !== 'ECONNRESET') expected(code === 'ECONNREFUSED' ? 'free' : code, verdict);
    });
    socket.on('close', () => {
      expected(answered ? 'listening' : 'free', verdict);
      next();
    });
  });

const STATES = { free: 'a free port', listening: 'a listener of another process' };
const [LISTEN, CONNECT] = ['server.listen(port), close', 'net.connect(port)'];

async function inspectGroup({ quick }) {
  const held = fork(new URL('holder.mjs', import.meta.url));
  const [listening] = await hears([held]);
  const ports = { free: await freePort(), listening };
  const variants = [];
  const comparisons = [];
  for (const [verdict, title] of Object.entries(STATES)) {
    const port = ports[verdict];
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
  const rounds = quick ? 12 : 300;
  try {
    const samples = await sideBySide(variants, { rounds, cycles: 10, warmUp: Math.ceil(rounds / 6) });
    return { unit: 'ns', comparisons, samples };
  } finally {
    await end(held);
  }
}

function plots(group) {
  const [size, suffix] = unitOf(group);
  const series = Object.values(STATES).map((title) => ({
    name: title,
    points: [LISTEN, CONNECT, 'inspectPortSync', 'inspectPort'].map((name) =>
      pointOf(name, group.samples[`${name}, ${title}`], size),
    ),
  }));
  const categories = series[0].points.map(([name]) => name);
  const y = { name: `${suffix.trim()}: median, p10 – p90`, log: true };
  return [{ name: 'inspect', kind: 'bar', title: 'Asking about a port', x: { name: '', categories }, y, series }];
}

export const groups = { inspect: inspectGroup };

export const reports = {
  inspect: {
    title: 'Asking about a port',
    note:
      'What a program without `inspectPort()` does: it listens on the port and closes again, which says whether it is free, ' +
      'or connects to it, which says whether somebody answers. Neither says who, and the one takes the port meanwhile.',
    plots,
  },
};
