// The life of a server on one port: it starts, another of its kind is refused, it starts again over what it left, it stops.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { MODULES } from './tools.mjs';

/** @import { Framework, Mode } from './servers.mjs' */

/** @type {typeof import('../../lib/index.ts')} */
const { inspectPort, waitForPort } = await import(String(new URL('../../dist/index.mjs', import.meta.url)));
const hook = fileURLToPath(new URL('../../dist/register.cjs', import.meta.url));

// Next compiles before it answers, on a machine that does much else.
const MOST = 120_000;
const POLITE = 10_000;
const SETTLED = 3_000;
const PROGRAM = 'server.mjs';
const REFUSED = /EADDRINUSE|already in use/i;

/**
 * A program that runs, or a daemon with what it runs.
 * @typedef {{ said: () => string, ended: Promise<string>, stop: () => Promise<void> }} Running
 */

/**
 * What was seen of one framework.
 * @typedef {{ conflict: string, holder: boolean, restart: string, stop: string }} Life
 */

/** @type {(ended: Promise<unknown>, milliseconds: number) => Promise<boolean>} */
async function endsWithin(ended, milliseconds) {
  const clock = new AbortController();
  const late = setTimeout(milliseconds, false, { signal: clock.signal }).catch(() => false);
  const isEnded = await Promise.race([ended.then(() => true), late]);
  clock.abort();
  return isEnded;
}

/** @type {Set<number>} */
const groups = new Set();
process.on('exit', () => {
  for (const pid of groups) signalGroup(pid, 'SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** @type {(pid: number, signal: NodeJS.Signals) => void} */
function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody is left.
  }
}

/**
 * Starts a program in a group of its own, so that what it starts ends with it.
 * @param {string} node
 * @param {string[]} args
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 * @returns {Running}
 */
function start(node, args, { cwd, env }) {
  const child = spawn(node, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const pid = /** @type {number} */ (child.pid);
  groups.add(pid);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (more) => (text += more));
  const ended = once(child, 'close').then(([code, signal]) => {
    groups.delete(pid);
    return String(signal ?? code);
  });
  return {
    said: () => text,
    ended,
    async stop() {
      signalGroup(pid, 'SIGTERM');
      if (await endsWithin(ended, POLITE)) return;
      text += '\n(SIGTERM did not end it)';
      signalGroup(pid, 'SIGKILL');
      await ended;
    },
  };
}

/**
 * Starts a program under a daemon of pm2 that is this test's own.
 * @param {Framework} framework
 * @param {string} node
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 * @returns {Promise<Running>}
 */
async function startPm2({ instances = 0 }, node, { cwd, env }) {
  const home = mkdtempSync(join(tmpdir(), 'exactbind-pm2-'));
  const own = { ...env, PM2_HOME: home };
  const pm2 = (/** @type {string[]} */ ...args) => start(node, [`${MODULES}/pm2/bin/pm2`, ...args], { cwd, env: own });
  const mode = instances === 0 ? [] : ['--instances', String(instances)];
  const started = pm2('start', PROGRAM, '--no-autorestart', ...mode);
  await started.ended;
  const logs = join(home, 'logs');
  const logged = () => readdirSync(logs).map((name) => readFileSync(join(logs, name), 'utf8'));
  let text = '';
  let isStopped = false;
  return {
    said: () => (isStopped ? text : [started.said(), ...logged()].join('\n')),
    // The daemon outlives the command that started it.
    ended: new Promise(() => {}),
    async stop() {
      if (isStopped) return;
      await pm2('kill').ended;
      text = [started.said(), ...logged()].join('\n');
      isStopped = true;
      rmSync(home, { recursive: true, force: true });
    },
  };
}

const UPGRADE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
};

/**
 * Asks a server for an answer, whatever it is.
 * @param {number} port
 * @param {Framework} framework
 */
async function check(port, { answers, path = '/' }) {
  const host = '127.0.0.1';
  const signal = AbortSignal.timeout(MOST);
  if (answers === 'tcp') {
    const socket = connect(port, host);
    await once(socket, 'connect', { signal });
    socket.destroy();
    return;
  }
  const isUpgrade = answers === 'websocket';
  const asked = request({ port, host, path, agent: false, headers: isUpgrade ? UPGRADE : {}, signal });
  const [response, socket] = await once(asked.end(), isUpgrade ? 'upgrade' : 'response', { signal });
  socket?.destroy();
  response.destroy();
}

/** @type {(running: Running, port: number) => Promise<void>} */
async function untilListening(running, port) {
  const done = new AbortController();
  const listening = waitForPort(
    { port, host: '127.0.0.1' },
    { until: 'listening', timeout: MOST, signal: done.signal },
  );
  const early = running.ended.then((how) => {
    throw new Error(`it ended (${how}) and never listened`);
  });
  try {
    await Promise.race([listening, early]);
  } finally {
    done.abort();
    listening.catch(() => {});
    early.catch(() => {});
  }
}

/**
 * Until a program says that its port is taken, or ends.
 * @param {Running} running
 */
async function refusal(running) {
  for (const until = performance.now() + MOST; performance.now() < until; ) {
    if (await endsWithin(running.ended, 50)) return `ends with ${await running.ended}`;
    // What it says of the holder comes with the code, but maybe in a second piece.
    if (REFUSED.test(running.said()) && !(await endsWithin(running.ended, SETTLED))) return 'stays';
  }
  throw new Error('a second start was neither refused nor ended');
}

/**
 * The whole life of a framework on a port; what it started is gone in the end.
 * @param {Framework} framework
 * @param {Mode} mode
 * @param {{ node: string, folder: string, port: number }} place
 * @returns {Promise<Life>}
 */
export async function live(framework, mode, { node, folder, port }) {
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  const hooked = mode === 'hook' ? { NODE_OPTIONS: `--require ${JSON.stringify(hook)}` } : {};
  const env = { ...inherited, ...hooked, PORT: String(port), NEXT_TELEMETRY_DISABLED: '1', NO_COLOR: '1' };
  /** @type {Running[]} */
  const all = [];
  const again = async (isRival = false) => {
    // A folder for each: some let nobody else into theirs.
    const cwd = join(folder, 'work', [framework.name.replaceAll(/\W+/g, '-'), mode, port, all.length].join('-'));
    writeProgram(framework, mode, cwd);
    const isPm2 = framework.instances !== undefined && !isRival;
    const command = mode === 'api' && framework.isReplaced ? undefined : framework.command?.(port);
    const running = isPm2
      ? await startPm2(framework, node, { cwd, env })
      : start(node, command ?? [PROGRAM], { cwd, env });
    all.push(running);
    return running;
  };
  let about = 'start';
  try {
    const first = await again();
    await untilListening(first, port);
    await check(port, framework);
    about = 'conflict';
    const rival = await again(true);
    const how = await refusal(rival);
    const said = rival.said();
    if (!REFUSED.test(said)) throw new Error(`it does not say that the port is taken`);
    await rival.stop();
    await check(port, framework);
    about = 'restart';
    // A client that stays leaves the port in FIN_WAIT2 or TIME_WAIT.
    const client = connect(port, '127.0.0.1').on('error', () => {});
    await once(client, 'connect');
    await first.stop();
    const second = await again();
    await untilListening(second, port);
    await check(port, framework);
    client.destroy();
    about = 'stop';
    await second.stop();
    const { bindable, holders } = await inspectPort(port);
    if (bindable.exclusive !== true) throw new Error(`the port is not free: ${JSON.stringify(holders)}`);
    const isForced = [first, second].some((one) => one.said().includes('SIGTERM did not end it'));
    return { conflict: how, holder: /\(pid \d+/.test(said), restart: 'ok', stop: isForced ? 'SIGKILL' : 'ok' };
  } catch (error) {
    const last = all.at(-1)?.said().trim().split('\n').slice(-15).join('\n') ?? '';
    throw new Error(`${about}: ${error instanceof Error ? error.message : error}\n${last}`);
  } finally {
    for (const one of all) await one.stop();
  }
}

/**
 * Writes the program of a framework into a folder below that of its packages.
 * @param {Framework} framework
 * @param {Mode} mode
 * @param {string} folder
 */
function writeProgram({ setup, plain, api, files = {} }, mode, folder) {
  const own = mode === 'api' ? api : plain;
  const imports = [
    ...(/createServer\(/.test(setup + own) ? ["import { createServer } from 'node:http';"] : []),
    ...(mode === 'api' ? ["import { listen } from 'exactbind';"] : []),
  ];
  const lines = [...imports, setup.trim(), 'const port = Number(process.env.PORT);', own];
  for (const [path, text] of Object.entries({ ...files, [PROGRAM]: `${lines.join('\n')}\n` })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}
