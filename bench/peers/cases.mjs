// The states of a port that the packages are asked about, each made by other processes.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {ReturnType<typeof startActor>} Actor
 * @typedef {ReturnType<typeof scene>} Scene
 * @typedef {(port: number, scene: Scene) => Promise<number[]>} Stage makes the state and returns the pids that listen
 * @typedef {{ name: string, stage: Stage, before?: (port: number) => string[], isInstance?: boolean }} Case `before` comes before
 *   the command that is asked; `isInstance`: the holder is another instance of the program that asks, as the same user
 */

/** @param {string} name */
const fixture = (name) => fileURLToPath(new URL(`../../test/fixtures/${name}`, import.meta.url));
const PROGRAM = fixture('actor.py');
const HOLDER = fixture('inspect/holder.py');
const LOCAL = '127.0.0.1';

/**
 * Another process that binds, listens and connects on command.
 * @param {string[]} [before]
 */
export function startActor(before = []) {
  const [file, ...args] = [...before, 'python3', PROGRAM];
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    pid: child.pid,
    /**
     * @param {object} command test/fixtures/actor.py says which there are
     * @returns {Promise<any>}
     */
    async ask(command) {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error(`the other process died on ${JSON.stringify(command)}`);
      return JSON.parse(value);
    },
    /** @param {object} command */
    async do(command) {
      const answer = await this.ask(command);
      if (answer.error !== undefined) throw new Error(`${JSON.stringify(command)}: ${answer.error}`);
      return answer;
    },
    /** @param {NodeJS.Signals} [signal] */
    async end(signal = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    },
  };
}

/**
 * A process that has the port in one of the ways of holder.py, and the children that have it too.
 * @param {string} kind
 * @param {number} port
 */
async function startHolder(kind, port) {
  const { pid, end } = await startProgram('python3', [HOLDER, kind, String(port)]);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return { pids: [pid, ...children.split(' ').filter(Boolean).map(Number)], end };
}

/**
 * A program that says when it is ready, and ends with its input.
 * @param {string} file
 * @param {string[]} args
 */
async function startProgram(file, args) {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const end = async () => {
    const exited = once(child, 'exit');
    child.stdin.end();
    await exited;
  };
  return { pid: Number(child.pid), end };
}

/** The processes of one case. */
export function scene() {
  /** @type {{ end(): Promise<unknown> }[]} */
  const actors = [];
  return {
    /** @param {string[]} [before] */
    actor(before) {
      const made = startActor(before);
      actors.push(made);
      return made;
    },
    /**
     * @param {string} kind
     * @param {number} port
     */
    async holder(kind, port) {
      const made = await startHolder(kind, port);
      actors.push(made);
      return made.pids;
    },
    /**
     * @param {string} file
     * @param {string[]} args
     */
    async program(file, args) {
      const made = await startProgram(file, args);
      actors.push(made);
      return made.pid;
    },
    end: () => Promise.all(actors.map((one) => one.end())),
  };
}

// include/net/tcp_states.h
/** @type {Record<string, string>} */
const STATES = { '01': 'ESTABLISHED', '05': 'FIN_WAIT2', '06': 'TIME_WAIT', '0A': 'LISTEN' };

/** @param {number} port */
function statesOn(port) {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return lines.filter(([, local]) => local?.endsWith(ending)).map(([, , , state]) => STATES[state] ?? state);
}

/**
 * @param {string} state
 * @param {number} port
 */
async function only(state, port) {
  for (let left = 100; left > 0; left--) {
    const states = statesOn(port);
    if (states.length > 0 && states.every((one) => one === state)) return;
    await pause(10);
  }
  throw new Error(`port ${port} is in ${statesOn(port)} instead of ${state}`);
}

const REUSE = ['SO_REUSEADDR'];

/**
 * One listener; the case is over with its process.
 * @type {(command: object) => Stage}
 */
const listening =
  (command) =>
  async (port, { actor }) => {
    const made = actor();
    await made.do({ do: 'open', options: REUSE, ...command, port, listen: true });
    return [made.pid ?? 0];
  };

/** @type {(command: object) => Stage} */
const opened =
  (command) =>
  async (port, { actor }) => {
    await actor().do({ do: 'open', ...command, port });
    return [];
  };

/**
 * @param {number} port
 * @param {Scene} scene
 * @param {string[]} options
 * @param {string[]} [addresses] of the server, and where the client finds it
 */
async function connected(port, { actor }, options, [host, target] = [LOCAL, LOCAL]) {
  const [server, client] = [actor(), actor()];
  const { id: listener } = await server.do({ do: 'open', host, port, options, listen: true });
  const { id: connection } = await client.do({ do: 'connect', host: target, port });
  const { id: accepted } = await server.do({ do: 'accept', id: listener });
  return { server, client, listener, connection, accepted };
}

/** @type {(options: string[]) => Stage} */
const timeWait = (options) => async (port, actors) => {
  const { server, client, listener, connection, accepted } = await connected(port, actors, options);
  await server.do({ do: 'close', id: accepted });
  await client.do({ do: 'close', id: connection });
  await server.do({ do: 'close', id: listener });
  await only('TIME_WAIT', port);
  return [];
};

/** @type {(options: string[]) => Stage} */
const killed = (options) => async (port, actors) => {
  const { server } = await connected(port, actors, options);
  await server.end('SIGKILL');
  await only('FIN_WAIT2', port);
  return [];
};

/** @type {Stage} */
const group = async (port, { actor }) => {
  const members = Array.from({ length: 4 }, () => actor());
  for (const made of members) {
    await made.do({ do: 'open', host: '0.0.0.0', port, options: ['SO_REUSEPORT'], listen: true });
  }
  return members.flatMap(({ pid }) => pid ?? []);
};

/** @type {(kind: string) => Stage} */
const held =
  (kind) =>
  (port, { holder }) =>
    holder(kind, port);

/** @type {Stage} */
const outgoing = async (port, { actor }) => {
  const [server, client] = [actor(), actor()];
  const { port: remote } = await server.do({ do: 'open', host: LOCAL, listen: true });
  await client.do({ do: 'connect', host: LOCAL, port: remote, localPort: port });
  return [];
};

/** @type {Stage} */
const connectedToItself = async (port, { actor }) => {
  await actor().do({ do: 'connect', host: LOCAL, port, localPort: port });
  await only('ESTABLISHED', port);
  return [];
};

/**
 * Connections that nobody accepts fill the queue; the kernel drops what comes after.
 * @type {Stage}
 */
const fullBacklog = async (port, { actor }) => {
  const [server, client] = [actor(), actor()];
  await server.do({ do: 'open', host: '0.0.0.0', port, options: REUSE, listen: true, backlog: 1 });
  for (let left = 10; left > 0; left--) {
    const { error } = await client.ask({ do: 'connect', host: LOCAL, port, timeout: 0.3 });
    if (error !== undefined) return [server.pid ?? 0];
  }
  throw new Error('the backlog does not fill');
};

/** @type {Stage} */
const elsewhere = async (port, { actor }) => {
  await actor(['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh']).do({
    do: 'open',
    host: '0.0.0.0',
    port,
    listen: true,
  });
  return [];
};

const UNPRIVILEGED = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const ASKING = fileURLToPath(new URL('packages.mjs', import.meta.url));

/**
 * The program that asks, which listens.
 * @type {(title?: string, before?: string[]) => Stage}
 */
const instance =
  (title = '', before = []) =>
  async (port, scene) => {
    const [file, ...args] = [...before, process.execPath, ASKING, 'hold', title, String(port)];
    return [await scene.program(file, args)];
  };

/**
 * An interface with a link-local address of its own.
 * @type {Stage}
 */
const onOneInterface = async (port, { actor }) => {
  /** @param {string} words */
  const ip = (words) => execFileSync('ip', words.split(' '));
  ip('link add one type veth peer name two');
  for (const name of ['one', 'two']) ip(`link set ${name} up`);
  ip('addr add fe80::1/64 dev one nodad');
  const made = actor();
  await made.do({ do: 'open', host: 'fe80::1%one', options: REUSE, port, listen: true });
  return [made.pid ?? 0];
};

/**
 * IPv6 of a dual-stack ::, whose IPV6_V6ONLY no list tells.
 * @type {(options: string[]) => Stage}
 */
const acceptedOverIpv6 = (options) => async (port, actors) => {
  const { server, listener } = await connected(port, actors, options, ['::', '::1']);
  await server.do({ do: 'close', id: listener });
  return [];
};

/** @type {string | undefined} */
let library;

/**
 * A machine inside Windows, where a program of that has the port.
 * @param {number} port
 */
function insideWindows(port) {
  if (library === undefined) {
    library = join(mkdtempSync(join(tmpdir(), 'exactbind-')), 'inside-windows.so');
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, fixture('inspect/inside-windows.c'), '-ldl']);
  }
  return ['env', `LD_PRELOAD=${library}`, `REFUSED_PORT=${port}`];
}

/** @type {Case[]} */
export const CASES = [
  { name: 'nobody has it', stage: async () => [] },
  { name: 'listening on 0.0.0.0', stage: listening({ host: '0.0.0.0' }) },
  { name: 'listening on 127.0.0.1', stage: listening({ host: LOCAL }) },
  { name: 'listening on 127.0.0.2', stage: listening({ host: '127.0.0.2' }) },
  { name: 'listening on ::1', stage: listening({ host: '::1' }) },
  { name: 'listening on ::', stage: listening({ host: '::' }) },
  { name: 'listening on ::, IPV6_V6ONLY', stage: listening({ host: '::', ipv6Only: true }) },
  { name: 'listening, backlog full', stage: fullBacklog },
  { name: 'four listen with SO_REUSEPORT', stage: group },
  { name: 'a master and four workers have one listener', stage: held('shared') },
  { name: 'listening, by a process that has become another user', stage: held('became') },
  {
    name: "root's listener, asked without rights",
    stage: listening({ host: '0.0.0.0' }),
    before: () => UNPRIVILEGED,
  },
  { name: 'bound, not listening', stage: opened({ host: '0.0.0.0' }) },
  { name: 'bound, not listening, SO_REUSEADDR', stage: opened({ host: '0.0.0.0', options: REUSE }) },
  { name: 'TIME_WAIT', stage: timeWait([]) },
  { name: 'TIME_WAIT, SO_REUSEADDR', stage: timeWait(REUSE) },
  { name: 'FIN_WAIT2 after SIGKILL', stage: killed([]) },
  { name: 'FIN_WAIT2 after SIGKILL, SO_REUSEADDR', stage: killed(REUSE) },
  { name: 'outgoing connection', stage: outgoing },
  { name: 'connected to itself', stage: connectedToItself },
  { name: 'UDP on the same number', stage: opened({ host: '0.0.0.0', protocol: 'udp' }) },
  { name: 'listening in another network namespace', stage: elsewhere },
  { name: 'listening on fe80::1 of one interface', stage: onOneInterface },
  { name: 'accepted over IPv6, its listener closed', stage: acceptedOverIpv6([]) },
  { name: 'accepted over IPv6, its listener closed, SO_REUSEADDR', stage: acceptedOverIpv6(REUSE) },
  { name: 'a program on Windows around WSL (simulated)', stage: async () => [], before: insideWindows },
  { name: 'another instance of the program that asks', stage: instance(), isInstance: true },
  { name: 'another instance, which has set its title', stage: instance('next-server (v15.1.0)'), isInstance: true },
  { name: 'the same program of another user', stage: instance('', UNPRIVILEGED), isInstance: false },
  { name: 'another program', stage: listening({ host: '0.0.0.0' }), isInstance: false },
];
