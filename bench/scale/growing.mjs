// Times listening, refusals and inspections while the sockets or the processes of the machine grow; prints the samples.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { BoundSocket, inspectPortSync } from 'exactbind';
import { calledBack, sideBySide, synchronous } from '../measure.mjs';

const HOST = '127.0.0.1';
// Outside the ephemeral range; nobody else is in this network namespace.
const FREE_PORT = 9999;
const ASKED_ABOUT = [10_000, 10_001];
const REFUSED = [10_002, 10_003];
const CYCLES = 20;
const FEW = 3;
const QUICK_ROUNDS = 4;
const DESCRIPTORS = 20;
/** Twice what one took on Linux 6.18, with its descriptors. */
const BYTES_OF_ONE = { sockets: 8 * 1024, processes: 4 * 2 ** 20 };

/** The rounds of each size, fewer where they take long. */
const SIZES = {
  sockets: { 10: 25, 1000: 25, 10000: 20, 100000: 10 },
  processes: { 10: 25, 100: 25, 1000: 12 },
};
const QUICK = { sockets: 1000, processes: 100 };

const inUse = {
  sockets: () => Number(/^TCP: inuse (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))[1]),
  processes: () => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length,
};

const [kind, words] = process.argv.slice(2);
const [scale, quick] = JSON.parse(words);

/** The pids of those who listen, or why there is no crowd; and what ends them all. */
async function crowd(size, ports) {
  const file = fileURLToPath(new URL('crowd.py', import.meta.url));
  const [sockets, processes] = kind === 'sockets' ? [size, 0] : [0, size];
  const args = ['-I', '-S', file, ...[sockets, processes, DESCRIPTORS, ...ports].map(String)];
  const child = spawn('python3', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines = once(createInterface({ input: child.stdout }), 'line');
  const [line = 'the crowd has died'] = await Promise.race([lines, ended.then(() => [])]);
  const [word, ...pids] = line.split(' ');
  const end = async () => {
    child.stdin.end();
    await ended;
  };
  return { ...(word === 'ready' ? { pids: pids.map(Number) } : { reason: line }), end };
}

function reasonWithout(size) {
  if (quick && size > QUICK[kind]) return 'not in a quick run';
  const needed = size * BYTES_OF_ONE[kind];
  const available = 1024 * Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))[1]);
  return needed > available ? `takes ${Math.round(needed / 2 ** 20)} MB of memory` : undefined;
}

const serving = calledBack((next) => {
  const server = net.createServer();
  server.on('close', next);
  server.on('listening', () => server.close());
  server.listen({ port: 0, host: HOST, exclusive: true });
});

const opening = synchronous(() => new BoundSocket({ port: 0, host: HOST }).close());

const refusedToNode = (ports) =>
  calledBack((next) => {
    const server = net.createServer().on('error', ({ code }) => {
      if (code !== 'EADDRINUSE') throw new Error(`the taken port was refused with ${code}`);
      next();
    });
    server.listen({ port: ports(), host: HOST, exclusive: true });
  });

function refused(port) {
  try {
    new BoundSocket({ port, host: HOST });
  } catch (error) {
    if (error.code === 'EADDRINUSE' && error.heldBy !== undefined) return error;
    throw error;
  }
  throw new Error('the taken port was bound');
}

/** One that may take long runs a few times, after one untimed. */
function few(ask) {
  return () => {
    ask();
    const start = process.hrtime.bigint();
    for (let left = FEW; left > 0; left--) ask();
    return Number(process.hrtime.bigint() - start) / FEW;
  };
}

/** Whoever remembers who was found last gains nothing. */
function inTurn(list) {
  let turn = 0;
  return () => list[turn++ % list.length];
}

function variants() {
  const [asked, taken] = [inTurn(ASKED_ABOUT), inTurn(REFUSED)];
  const inspect = (port) => inspectPortSync({ port, host: HOST });
  return [
    { name: 'server.listen, close', run: () => serving(CYCLES) },
    { name: 'new BoundSocket, close', run: () => opening(CYCLES) },
    { name: 'server.listen, refused', run: () => refusedToNode(taken)(CYCLES) },
    { name: 'new BoundSocket, refused', run: few(() => refused(taken())) },
    { name: 'inspectPortSync, listening', run: few(() => inspect(asked())) },
    { name: 'inspectPortSync, free', run: few(() => inspect(FREE_PORT)) },
  ];
}

/** Whoever asks finds the right process, or nothing is timed. */
function check(port, pid) {
  const [found, none] = [port, FREE_PORT].map((one) => inspectPortSync({ port: one, host: HOST }));
  if (found.holders[0]?.pid !== pid || none.verdict !== 'free') {
    throw new Error(`pid ${pid} has port ${port}, and the reports are ${JSON.stringify([found, none])}`);
  }
}

async function measure(size, most) {
  const missing = reasonWithout(size);
  if (missing !== undefined) return { reason: missing };
  const ports = [...REFUSED, ...ASKED_ABOUT];
  const { pids, reason, end } = await crowd(size, ports);
  try {
    if (reason !== undefined) return { reason };
    const there = inUse[kind]();
    if (there < size) throw new Error(`${there} ${kind} are there instead of ${size}`);
    // An error may have had no time to find the process.
    const named = REFUSED.map((port, index) => refused(port).report.holders[0]?.pid === pids[index]);
    for (const [index, port] of ports.entries()) check(port, pids[index]);
    const rounds = quick ? QUICK_ROUNDS : Math.max(QUICK_ROUNDS, Math.round(most * scale));
    const samples = await sideBySide(variants(), { rounds, cycles: 1, warmUp: 1 });
    return { there, named: named.every(Boolean), samples };
  } finally {
    await end();
  }
}

const scenes = {};
const leftOut = {};
for (const [size, rounds] of Object.entries(SIZES[kind])) {
  const { reason, ...scene } = await measure(Number(size), rounds);
  if (reason === undefined) scenes[size] = scene;
  else leftOut[size] = reason;
}
const rounded = (_, value) => (typeof value === 'number' ? Math.round(value) : value);
console.log(JSON.stringify({ scenes, leftOut }, rounded));
