// Ends the holder of a port by each tool, in scenes where somebody else could be ended; prints who was, and how it stands then.
import { execFile, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
/** @param {string} name */
const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const HOLDER = path('../../test/fixtures/kill/holder.mjs');

/** @type {Record<string, (port: number) => string[]>} */
const TOOLS = {
  'exactbind kill': (port) => [path('../../dist/cli.cjs'), 'kill', String(port), '--yes'],
  'kill-port': (port) => [require.resolve('kill-port/cli.js'), String(port)],
  fkill: (port) => [path('node_modules/fkill-cli/cli.js'), '--silent', `:${port}`],
};

/** @typedef {{ holders: number[], others: number[], end: () => void }} Scene */

/**
 * @param {string} how
 * @param {number} port
 */
async function holder(how, port) {
  const child = spawn(process.execPath, [HOLDER, how, String(port)], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  const [line] = await once(
    createInterface({ input: /** @type {import('node:stream').Readable} */ (child.stdout) }),
    'line',
  );
  const { pid, other } = JSON.parse(line);
  const end = () => {
    if (child.connected) child.disconnect();
  };
  return { pid: Number(pid), other: Number(other), end };
}

/** @type {Record<string, (port: number) => Promise<Scene>>} */
const SCENES = {
  async 'a client is connected'(port) {
    const { pid, end } = await holder('plain', port);
    const script = `const c = require('node:net').connect(${port}, '127.0.0.1'); c.on('connect', () => process.send(1)).on('error', () => {}); process.on('disconnect', () => process.exit()); setInterval(() => {}, 1000);`;
    const client = fork('-e', [], { execArgv: ['-e', script, '--'] });
    await once(client, 'message');
    return {
      holders: [pid],
      others: [Number(client.pid)],
      end: () => {
        end();
        if (client.connected) client.disconnect();
      },
    };
  },
  async 'two processes share the socket'(port) {
    const { pid, other, end } = await holder('shared', port);
    return { holders: [pid, other], others: [], end };
  },
  async 'it is started again'(port) {
    const { pid, other, end } = await holder('restarts', port);
    return { holders: [other], others: [pid], end };
  },
  async 'it does not end when it is asked'(port) {
    const { pid, end } = await holder('stubborn', port);
    return { holders: [pid], others: [], end };
  },
};

/** @param {number} pid */
function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** @param {number} port */
const isFree = (port) =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });

/** @param {string[]} args */
const codeOf = (args) =>
  new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: 30_000 }, (error) => resolve(error === null ? 0 : (error.code ?? -1)));
  });

// In which a supervisor has started it again, and what was signalled has ended.
const SETTLED = 1500;

/** @type {Record<string, Record<string, object>>} */
const scenes = {};
let port = 10_000;
for (const [name, stage] of Object.entries(SCENES)) {
  scenes[name] = {};
  for (const [tool, args] of Object.entries(TOOLS)) {
    port++;
    const { holders, others, end } = await stage(port);
    const code = await codeOf(args(port));
    await pause(SETTLED);
    const left = holders.filter(isRunning).length;
    const wrongly = others.filter((pid) => !isRunning(pid)).length;
    scenes[name][tool] = { code, holders: holders.length, left, wrongly, free: await isFree(port) };
    end();
  }
}
console.log(JSON.stringify({ scenes }));
