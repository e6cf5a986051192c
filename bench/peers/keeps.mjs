// Measures whether a process keeps the port that it was given: another one listens on it in between, by server.listen().
//
// node bench/peers/keeps.mjs [--keep]: prints it, and keeps it in bench/results/ for the README's table.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHE, install as installInto } from '../../scripts/node-binaries.mjs';
import { isPossible, printedBy } from '../harness/alone.mjs';
import { install } from './install.mjs';

const TRIES = 20;
const HOST = '0.0.0.0';
// Not in the lock file: some registries lack its packages for other systems, and npm ci then refuses.
const UNIX_SOCKET = join(CACHE, 'tools/node-unix-socket');
const UNIX_SOCKET_VERSION = '0.2.7';
const KEPT = new URL('../results/keeps-linux-x64.json', import.meta.url);

/**
 * Gets a port, and gives back what listens on it later.
 * @typedef {(port: number) => Promise<(server: import('node:net').Server, port: number) => void> | ((server: import('node:net').Server, port: number) => void)} Way
 */

/** @type {(server: import('node:net').Server, port: number) => void} */
const plainly = (server, port) => server.listen(port, HOST);

/** @type {Record<string, { package?: string, code: string, get: Way }>} */
const WAYS = {
  'exactbind, listen()': {
    code: 'await listen(server, { port })',
    get: async (port) => {
      const { createServer } = await import('node:net');
      const { listen } = await import('../harness/exactbind.mjs');
      const server = createServer();
      await listen(server, { port, host: HOST });
      return (other) => other.emit('listening');
    },
  },
  'exactbind, reserve': {
    code: 'server.listen(new BoundSocket({ port, reserve: true })), later',
    get: async (port) => {
      const { BoundSocket } = await import('../harness/exactbind.mjs');
      const bound = new BoundSocket({ port, host: HOST, reserve: true, acceptPartial: true });
      return (server) => server.listen(bound);
    },
  },
  'net.BoundSocket': {
    code: 'server.listen(new net.BoundSocket({ port })), later',
    get: async (port) => {
      const net = await import('node:net');
      const { BoundSocket } = /** @type {any} */ (net);
      const bound = new BoundSocket({ port, host: HOST });
      return (server) => server.listen(bound);
    },
  },
  'node-unix-socket': {
    package: 'node-unix-socket',
    code: 'server.listen({ fd: createReuseportFd(port) }), later',
    get: (port) => {
      const { createReuseportFd } = createRequire(join(UNIX_SOCKET, 'index.js'))('node-unix-socket');
      const fd = createReuseportFd(port, HOST);
      return (server) => server.listen({ fd });
    },
  },
  'get-port': {
    package: 'get-port',
    code: 'server.listen(await getPort({ port })), later',
    get: async (port) => {
      const { default: getPort } = await import('get-port');
      const got = await getPort({ port });
      if (got !== port) throw new Error(`gave ${got}`);
      return plainly;
    },
  },
  'get-port, reserve': {
    package: 'get-port',
    code: 'server.listen(await getPort({ port, reserve: true })), later',
    get: async (port) => {
      const { default: getPort } = await import('get-port');
      const got = await getPort(/** @type {any} */ ({ port, reserve: true }));
      if (got !== port) throw new Error(`gave ${got}`);
      return plainly;
    },
  },
  'detect-port': {
    package: 'detect-port',
    code: 'server.listen(await detect(port)), later',
    get: async (port) => {
      const { detect } = await import('detect-port');
      const got = await detect(port);
      if (got !== port) throw new Error(`gave ${got}`);
      return plainly;
    },
  },
  portfinder: {
    package: 'portfinder',
    code: 'server.listen(await getPortPromise({ port })), later',
    get: async (port) => {
      const { getPortPromise } = await import('portfinder');
      const got = await getPortPromise({ port, stopPort: 65_535 });
      if (got !== port) throw new Error(`gave ${got}`);
      return plainly;
    },
  },
};

const self = fileURLToPath(import.meta.url);

/** @param {string[]} args */
function start(...args) {
  const child = fork(self, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  return { child, said: async () => (await once(child, 'message'))[0] };
}

/**
 * The two processes of a try: who is given the port, and who listens on it before that one does.
 * @param {string} name
 * @param {number} port
 */
async function attempt(name, port) {
  const owner = start('owner', name, String(port));
  const got = await owner.said();
  if (got !== 'got') throw new Error(`${name}: ${got}`);
  const other = start('other', name, String(port));
  const taken = await other.said();
  owner.child.send('listen');
  const kept = await owner.said();
  for (const { child } of [owner, other]) child.kill();
  await Promise.all([owner, other].map(async ({ child }) => child.exitCode ?? child.signalCode ?? once(child, 'exit')));
  return { taken: taken === 'listening', kept: kept === 'listening' };
}

// How kill-port ends the holder of a port.
async function killed() {
  const { default: killPort } = await import('kill-port');
  const holder = start('other', 'holder', '8000');
  await holder.said();
  const ended = once(holder.child, 'exit');
  await killPort(8000);
  const [code, signal] = await ended;
  return { code, signal };
}

async function measure() {
  /** @type {Record<string, string>} */
  const versions = { ...install(), 'node-unix-socket': UNIX_SOCKET_VERSION };
  /** @type {Record<string, object>} */
  const ways = {};
  let port = 10_000;
  for (const [name, { package: from, code }] of Object.entries(WAYS)) {
    let [taken, lost] = [0, 0];
    for (let tries = 0; tries < TRIES; tries++) {
      const result = await attempt(name, port++);
      taken += Number(result.taken);
      lost += Number(!result.kept);
    }
    ways[name] = { ...(from && { version: versions[from] }), code, tries: TRIES, taken, lost };
  }
  const hasLsof = await new Promise((resolve) =>
    spawn('lsof', ['-v'], { stdio: 'ignore' })
      .on('error', () => resolve(false))
      .on('exit', () => resolve(true)),
  );
  const [{ model }] = os.cpus();
  return {
    machine: { os: os.platform(), release: os.release(), cpu: model, node: process.version },
    date: new Date().toISOString().slice(0, 10),
    ways,
    ...(hasLsof && { 'kill-port': { version: versions['kill-port'], ...(await killed()) } }),
  };
}

/** @param {string} said */
const tell = (said) => process.send?.(said);

/**
 * @param {import('node:net').Server} server
 * @returns {import('node:net').Server}
 */
const telling = (server) => server.on('listening', () => tell('listening')).on('error', ({ message }) => tell(message));

const [role, name = '', port = ''] = process.argv.slice(2);
if (role === 'owner') {
  const { createServer } = await import('node:net');
  try {
    const listenLater = await WAYS[name].get(Number(port));
    process.once('message', () => {
      try {
        listenLater(telling(createServer()), Number(port));
      } catch (error) {
        tell(/** @type {Error} */ (error).message);
      }
    });
    tell('got');
  } catch (error) {
    tell(/** @type {Error} */ (error).message);
  }
} else if (role === 'other') {
  const { createServer } = await import('node:net');
  telling(createServer()).listen(Number(port), HOST);
} else if (role === 'measure') {
  console.log(JSON.stringify(await measure()));
} else {
  if (!isPossible) throw new Error('a network namespace takes root on Linux');
  install();
  if (!existsSync(UNIX_SOCKET)) installInto(UNIX_SOCKET, [`node-unix-socket@${UNIX_SOCKET_VERSION}`]);
  const results = printedBy(self, ['measure']);
  console.log(JSON.stringify(results, null, 2));
  if (role === '--keep') writeFileSync(KEPT, `${JSON.stringify(results, null, 2)}\n`);
}
