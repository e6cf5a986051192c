// The groups of microseconds: listening, opening against the C floor, refusals, and the register hook.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { BoundSocket, listen } from 'exactbind';
import { ask, end } from '../harness/ask.mjs';
import { floor, startFloor } from '../harness/floor.mjs';
import { calledBack, sideBySide, synchronous } from '../harness/measure.mjs';
import { REGISTER } from '../harness/package.mjs';
import { refusalOf, refused, refusedToNode } from '../harness/refusals.mjs';

/**
 * @import { BindOptions } from 'exactbind'
 * @import { Comparison } from '../group.ts'
 * @import { Variant } from '../harness/measure.mjs'
 */

// net.BoundSocket of Node 24.21 and 26.4.
const { BoundSocket: Core } = /** @type {{ BoundSocket?: new (where: object) => { close(): void } }} */ (net);
const LOOPBACK = { port: 0, host: '127.0.0.1' };
/** @type {[name: string, family: number, where: BindOptions][]} */
const HOSTS = [
  ['127.0.0.1', 4, LOOPBACK],
  ['default host', 6, { port: 0 }],
];

/** @param {boolean} quick */
const lengthOf = (quick) =>
  quick ? { rounds: 200, cycles: 40, warmUp: 50 } : { rounds: 2000, cycles: 40, warmUp: 500 };

/**
 * Opens a server, waits for 'listening', closes it, waits for 'close'.
 * @param {(server: net.Server) => unknown} open
 */
function listening(open) {
  return calledBack((next) => {
    const server = net.createServer();
    server.on('close', next);
    server.on('listening', () => server.close());
    open(server);
  });
}

/**
 * The same through the promise of listen().
 * @param {BindOptions} where
 */
function awaited(where) {
  return calledBack((next) => {
    const server = net.createServer();
    server.on('close', next);
    listen(server, where).then(() => server.close());
  });
}

/**
 * @param {string} baseline
 * @param {string[]} names
 * @param {Comparison['target']} [target]
 * @returns {Comparison[]}
 */
const against = (baseline, names, target) => names.map((name) => ({ name, baseline, ...(target ? { target } : {}) }));

/** @param {{ quick: boolean }} how */
async function listenGroup({ quick }) {
  /** @type {Variant[]} */
  const variants = [];
  /** @type {Comparison[]} */
  const comparisons = [];
  for (const [title, , where] of HOSTS) {
    /** @param {string} text */
    const named = (text) => `${text}, ${title}`;
    variants.push(
      { name: named('server.listen'), run: listening((server) => server.listen({ ...where, exclusive: true })) },
      {
        name: named('server.listen(new BoundSocket)'),
        run: listening((server) => server.listen(new BoundSocket(where))),
      },
      { name: named('await listen(server)'), run: awaited(where) },
    );
    comparisons.push(...against(named('server.listen'), [named('server.listen(new BoundSocket)')], { ratio: 1 }));
    comparisons.push(...against(named('server.listen'), [named('await listen(server)')]));
    if (Core === undefined) continue;
    variants.push({
      name: named('server.listen(new net.BoundSocket)'),
      run: listening((server) => server.listen(new Core(where))),
    });
    comparisons.push(...against(named('server.listen'), [named('server.listen(new net.BoundSocket)')]));
  }
  const samples = await sideBySide(variants, lengthOf(quick));
  return { unit: 'ns', comparisons, samples };
}

/** @param {{ quick: boolean }} how */
async function floorGroup({ quick }) {
  const { program, skipped } = floor('floor');
  if (skipped !== undefined) return { skipped };
  const plain = startFloor(program);
  const threaded = startFloor(program, { threads: true });
  /** @type {Variant[]} */
  const variants = [];
  /** @type {Comparison[]} */
  const comparisons = [];
  for (const [title, family, where] of HOSTS) {
    /** @param {string} text */
    const named = (text) => `${text}, ${title}`;
    variants.push(
      { name: named('C'), run: (cycles) => plain.run(family, cycles) },
      { name: named('C with idle threads'), run: (cycles) => threaded.run(family, cycles) },
      { name: named('new BoundSocket, close'), run: synchronous(() => new BoundSocket(where).close()) },
    );
    const names = [named('new BoundSocket, close')];
    comparisons.push(...against(named('C'), names, { ratio: 1.15 }), ...against(named('C with idle threads'), names));
    if (Core === undefined) continue;
    variants.push({ name: named('new net.BoundSocket, close'), run: synchronous(() => new Core(where).close()) });
    comparisons.push(...against(named('C'), [named('new net.BoundSocket, close')]));
  }
  try {
    return { unit: 'ns', comparisons, samples: await sideBySide(variants, lengthOf(quick)) };
  } finally {
    plain.end();
    threaded.end();
  }
}

/** @param {{ quick: boolean }} how */
async function refusedGroup({ quick }) {
  const holder = net.createServer().listen(LOOPBACK);
  await once(holder, 'listening');
  const where = { port: /** @type {net.AddressInfo} */ (holder.address()).port, host: '127.0.0.1' };
  const variants = [
    { name: 'server.listen', run: refusedToNode(() => where) },
    { name: 'await listen(server)', run: calledBack((next) => listen(net.createServer(), where).catch(next)) },
    { name: 'new BoundSocket', run: synchronous(() => refused(where)) },
  ];
  if (Core !== undefined) {
    variants.push({ name: 'new net.BoundSocket', run: synchronous(() => refusalOf(() => new Core(where))) });
  }
  // An explained refusal takes milliseconds.
  const length = quick ? { rounds: 30, cycles: 5, warmUp: 5 } : { rounds: 500, cycles: 10, warmUp: 100 };
  const names = variants.slice(1).map(({ name }) => name);
  // The kernel looks through all of its table of sockets for who has the port, and the table grows with the memory.
  const comparisons = against('server.listen', names).map((one) => ({ ...one, machineBound: true }));
  try {
    return { unit: 'ns', comparisons, samples: await sideBySide(variants, length) };
  } finally {
    holder.close();
  }
}

/** @param {{ quick: boolean }} how */
async function registerGroup({ quick }) {
  /** @param {string[]} execArgv */
  const start = (execArgv) => fork(new URL('cycles.mjs', import.meta.url), { execArgv });
  const [plain, hooked] = [start([]), start(['--require', REGISTER])];
  /** @type {Variant[]} */
  const variants = [];
  /** @type {Comparison[]} */
  const comparisons = [];
  for (const host of ['127.0.0.1', undefined]) {
    /** @param {string} text */
    const named = (text) => `${text}, ${host ?? 'default host'}`;
    variants.push(
      { name: named('server.listen'), run: (cycles) => ask(plain, { host, cycles }) },
      { name: named('server.listen under register'), run: (cycles) => ask(hooked, { host, cycles }) },
    );
    comparisons.push(...against(named('server.listen'), [named('server.listen under register')], { ratio: 1 }));
  }
  try {
    return { unit: 'ns', comparisons, samples: await sideBySide(variants, lengthOf(quick)) };
  } finally {
    await Promise.all([end(plain), end(hooked)]);
  }
}

export const groups = {
  listen: listenGroup,
  floor: floorGroup,
  refused: refusedGroup,
  register: registerGroup,
};

export const reports = {
  listen: {
    title: 'Opening and closing a server',
    note: "A new server listens on port 0 and is closed again: from the call to `'close'`.",
  },
  floor: {
    title: 'BoundSocket against C',
    note:
      '`new BoundSocket()` and `close()` against bench/micro/floor.c, a program that makes the same system calls and nothing ' +
      'else. In a process with threads the kernel counts references to descriptors, so there is a floor with idle threads ' +
      'too.',
  },
  refused: {
    title: 'A port that is taken',
    note:
      "From the call to `'error'`, the rejection or the exception. Node's own error is made by the same process, and has " +
      'neither a cause nor the exact call.',
  },
  register: {
    title: '`exactbind/register`',
    note: 'An unmodified `server.listen()`, in two processes that differ in `--require exactbind/register` alone.',
  },
};
