// The question that each package is asked, in its own words; as a program it asks one package about one port.
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

// Each is loaded only when it is asked, so that none is blamed for what another one did to the process.
const exactbind = () => import('../harness/exactbind.mjs');

/**
 * "Can a plain server.listen(port) have the port now?": true, false, or null if the package says that it cannot tell.
 * @type {Record<string, { call: string, ask: (port: number) => Promise<boolean | null> }>}
 */
export const CHECKERS = {
  exactbind: {
    call: '(await inspectPort(port)).bindable.reuseAddress',
    ask: async (port) => (await (await exactbind()).inspectPort(port)).bindable.reuseAddress,
  },
  'get-port': {
    call: '(await getPort({ port })) === port',
    ask: async (port) => (await (await import('get-port')).default({ port })) === port,
  },
  'detect-port': {
    call: '(await detect(port)) === port',
    ask: async (port) => (await (await import('detect-port')).detect(port)) === port,
  },
  portfinder: {
    call: 'getPortPromise({ port, stopPort: port })',
    ask: async (port) => {
      const { getPortPromise } = (await import('portfinder')).default;
      return getPortPromise({ port, stopPort: port }).then(
        () => true,
        () => false,
      );
    },
  },
  'tcp-port-used': {
    call: '!(await check(port))',
    ask: async (port) => !(await (await import('tcp-port-used')).default.check(port)),
  },
  'is-port-reachable': {
    call: "!(await isPortReachable(port, { host: 'localhost' }))",
    ask: async (port) => !(await (await import('is-port-reachable')).default(port, { host: 'localhost' })),
  },
};

/** @param {(number | undefined)[]} pids */
const found = (pids) => [...new Set(pids.filter((pid) => pid !== undefined))];

/**
 * "Which processes listen on this TCP port?": their pids, or null if the package says that it cannot tell.
 * @type {Record<string, { call: string, ask: (port: number) => Promise<number[] | null> }>}
 */
export const FINDERS = {
  exactbind: {
    call: "processes of (await inspectPort(port)).holders with state 'LISTEN'",
    ask: async (port) => {
      const { holders } = await (await exactbind()).inspectPort(port);
      const listening = holders.filter(({ state }) => state === 'LISTEN');
      if (listening.some(({ pid }) => pid === undefined)) return null;
      return found(listening.flatMap(({ processes = [] }) => processes.map(({ pid }) => pid)));
    },
  },
  'pid-port, portToPid': {
    call: "portToPid({ port, host: '*' })",
    ask: async (port) => {
      const { portToPid } = await import('pid-port');
      const pid = await portToPid({ port, host: '*' }).catch(noneFound);
      return pid === undefined ? null : found([pid].flat());
    },
  },
  'pid-port, portBindings': {
    call: "portBindings(port, { host: '*' })",
    ask: async (port) => {
      const { portBindings } = await import('pid-port');
      return found((await portBindings(port, { host: '*' }).catch(noneFound)).map(({ pid }) => pid));
    },
  },
  'find-process': {
    call: "find('port', port)",
    ask: async (port) => found((await (await import('find-process')).default('port', port)).map(({ pid }) => pid)),
  },
};

/**
 * @param {Error} error
 * @returns {never[]}
 */
function noneFound(error) {
  if (error.message.startsWith('Could not find')) return [];
  throw error;
}

/** @param {string} command */
const isOwn = (command) => command.includes(/** @type {string} */ (process.argv[1]));

/**
 * "Is it another instance of this program, run by this user?": null if the package says that it cannot tell. Those that give a
 * command line are asked whether this program's file is in it.
 * @type {Record<string, { call: string, ask: (port: number) => Promise<boolean | null> }>}
 */
export const INSTANCES = {
  exactbind: {
    call: '(await inspectPort(port)).holders[0].sameProgram',
    ask: async (port) => (await (await exactbind()).inspectPort(port)).holders[0]?.sameProgram ?? null,
  },
  'find-process': {
    call: "(await find('port', port))[0].cmd.includes(process.argv[1])",
    ask: async (port) => {
      const [holder] = await (await import('find-process')).default('port', port);
      return holder === undefined ? null : isOwn(holder.cmd);
    },
  },
  'pid-port, ps': {
    call: "portToPid({ port, host: '*' }), ps -o args= -p pid",
    ask: async (port) => {
      const { portToPid } = await import('pid-port');
      const pid = await portToPid({ port, host: '*' }).catch(() => undefined);
      if (pid === undefined) return null;
      const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)]);
      return isOwn(stdout);
    },
  },
};

/**
 * Listens, and says so; ends with its input.
 * @param {string} title
 * @param {number} port
 */
function hold(title, port) {
  if (title !== '') process.title = title;
  createServer().listen(port, '0.0.0.0', () => process.stdout.write('holds'));
  process.stdin.resume().on('end', () => process.exit());
}

/**
 * What the question is about: a plain `server.listen(port)`.
 * @param {number} port
 * @returns {Promise<import('./report.mjs').Truth>}
 */
async function truth(port) {
  const server = createServer();
  return new Promise((resolve) => {
    server.on('error', (/** @type {NodeJS.ErrnoException} */ { code }) => resolve({ free: false, code }));
    server.listen(port, () => server.close(() => resolve({ free: true })));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [kind, who, port] = process.argv.slice(2);
  /** @type {Record<string, (port: number) => Promise<unknown>>} */
  const questions = {
    checker: CHECKERS[who]?.ask,
    finder: FINDERS[who]?.ask,
    instance: INSTANCES[who]?.ask,
    truth,
  };
  if (kind === 'hold') hold(who, Number(port));
  else {
    const answer = await questions[kind](Number(port)).then(
      (said) => ({ said }),
      ({ code, message }) => ({ error: code ?? message.split('\n')[0] }),
    );
    process.stdout.write(JSON.stringify(answer), () => process.exit());
  }
}
