// Times who finds the holder of a port, while the sockets and then the processes of the machine grow; prints the samples.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import find from 'find-process';
import { portToPid } from 'pid-port';
import { BoundSocket, inspectPort, inspectPortSync } from '../../dist/index.js';
import { sideBySide } from '../measure.mjs';
import { startActor } from './cases.mjs';

// Outside the ephemeral range; nobody else is in this network namespace.
const FIRST_PORT = 10_000;
const REFUSALS = 1000;

// What a machine without load has: in a pid namespace of its own /proc would be all but empty.
const IDLE = { processes: 100, descriptors: 10, sockets: 0 };
const SCENES = {
  idle: { rounds: 40 },
  '1,000 sockets': { sockets: 1000, rounds: 15 },
  '5,000 sockets': { sockets: 5000, rounds: 15 },
  '10,000 sockets': { sockets: 10_000, rounds: 15 },
  '100 processes': { processes: 100, descriptors: 200, rounds: 15 },
  '250 processes': { processes: 250, descriptors: 200, rounds: 12 },
  '500 processes': { processes: 500, descriptors: 200, rounds: 10 },
};

const [program, scale, ...named] = process.argv.slice(2);
const run = promisify(execFile);

async function crowd({ processes = 0, descriptors = 0, sockets = 0 }) {
  const file = fileURLToPath(new URL('crowd.py', import.meta.url));
  const child = spawn('python3', [file, ...[processes, descriptors, sockets].map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const isReady = await Promise.race([once(child.stdout, 'data').then(() => true), ended.then(() => false)]);
  if (!isReady) throw new Error('the crowd did not come');
  return async () => {
    child.stdin.end();
    await ended;
  };
}

function startFloor() {
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(port, times) {
      child.stdin.write(`${port} ${times}\n`);
      const { value } = await answers.next();
      const [pid, took] = value.split(' ').map(Number);
      if (!(took > 0)) throw new Error(`the C program failed in ${value}`);
      return { pid, took };
    },
    end: () => child.stdin.end(),
  };
}

/** The addon as the package has it: with no time for pids, a report is left with verdict, uid and control group. */
const addon = createRequire(import.meta.url)('node-gyp-build')(fileURLToPath(new URL('../..', import.meta.url)));
const { sockets } = addon;
function withoutPids(inspect) {
  addon.sockets = (type, port, states) => sockets(type, port, states, 0);
  try {
    return inspect();
  } finally {
    addon.sockets = sockets;
  }
}

function refused(port) {
  try {
    new BoundSocket({ port });
  } catch (error) {
    if (error.code === 'EADDRINUSE' && error.heldBy !== undefined) return error;
    throw error;
  }
  throw new Error('the taken port was bound');
}

const FAST = 3;

/** Asks about each port in turn: whoever remembers the last answer gains nothing. */
function inTurn(ports, ask) {
  let turn = 0;
  return () => ask(ports[turn++ % ports.length]);
}

/** One that takes no process runs some times in a round, after one untimed. */
function timed(ask, times = 1) {
  return async () => {
    if (times > 1) await ask();
    const start = process.hrtime.bigint();
    for (let left = times; left > 0; left--) await ask();
    return Number(process.hrtime.bigint() - start) / times;
  };
}

function variantsOn(ports, floor) {
  const quick = (ask) => timed(inTurn(ports, ask), FAST);
  const slow = (ask) => timed(inTurn(ports, ask));
  return [
    { name: 'C', run: inTurn(ports, async (port) => (await floor.ask(port, FAST)).took / FAST) },
    { name: 'inspectPortSync without pids', run: quick((port) => withoutPids(() => inspectPortSync(port))) },
    { name: 'inspectPortSync', run: quick(inspectPortSync) },
    { name: 'inspectPort', run: quick(inspectPort) },
    { name: 'new BoundSocket, refused', run: quick(refused) },
    { name: 'pid-port', run: slow((port) => portToPid({ port, host: '*' })) },
    { name: 'find-process', run: slow((port) => find('port', port)) },
    { name: 'lsof -nP -i :port', run: slow((port) => run('lsof', ['-nP', '-i', `:${port}`])) },
    { name: 'ss -tlnp', run: slow(() => run('ss', ['-tlnp'])) },
  ];
}

/** Everybody finds the same process, or nothing is timed. */
async function check(port, pid, floor) {
  const limited = withoutPids(() => inspectPortSync(port));
  const { stdout } = await run('lsof', ['-nP', '-t', '-i', `:${port}`]);
  const said = [
    inspectPortSync(port).holders[0]?.pid,
    (await inspectPort(port)).holders[0]?.pid,
    (await floor.ask(port, 1)).pid,
    await portToPid({ port, host: '*' }),
    (await find('port', port))[0]?.pid,
    Number(stdout),
  ];
  if (said.some((one) => one !== pid)) throw new Error(`pid ${pid} has port ${port}, and they say ${said}`);
  if (
    limited.verdict !== 'listening' ||
    limited.holders[0]?.uid === undefined ||
    limited.holders[0].pid !== undefined
  ) {
    throw new Error(`without pids the report is ${JSON.stringify(limited)}`);
  }
}

/** The nanoseconds that so many refused listens take, one after another. */
function refusals(port) {
  const start = process.hrtime.bigint();
  for (let left = REFUSALS; left > 0; left--) refused(port);
  return Number(process.hrtime.bigint() - start);
}

const floor = startFloor();
const leave = await crowd(IDLE);
const scenes = {};
const total = [];
let nextPort = FIRST_PORT;

/** A listener of another process, on every IPv4 address. */
async function hold() {
  const port = nextPort++;
  const holder = startActor();
  await holder.do({ do: 'open', host: '0.0.0.0', port, options: ['SO_REUSEADDR'], listen: true });
  await check(port, holder.pid, floor);
  return { port, end: holder.end };
}

for (const [name, { rounds, ...size }] of Object.entries(SCENES)) {
  if (named.length > 0 && !named.includes(name)) continue;
  const end = await crowd(size);
  // Started last: whoever looks through /proc in its order comes to them at the end.
  const holders = [await hold(), await hold()];
  const ports = holders.map(({ port }) => port);
  const length = { rounds: Math.max(3, Math.round(rounds * scale)), cycles: 1, warmUp: 1 };
  scenes[name] = await sideBySide(variantsOn(ports, floor), length);
  if (name === 'idle') for (let left = Math.max(1, 5 * scale); left > 0; left--) total.push(refusals(ports[0]));
  await Promise.all(holders.map((holder) => holder.end()));
  await end();
}
const rounded = (_, value) => (typeof value === 'number' ? Math.round(value) : value);
floor.end();
await leave();
console.log(JSON.stringify({ idle: IDLE, scenes, refusals: { count: REFUSALS, samples: total } }, rounded));
