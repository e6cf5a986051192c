// The groups that are timed: listening, opening against the C floor, refusals, import, and the register hook.
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { BoundSocket, listen } from 'exactbind';
import { buildFloor, startFloor } from './floor.mjs';
import { calledBack, sideBySide, synchronous } from './measure.mjs';
import { REGISTER } from './traced.mjs';

// net.BoundSocket of Node 24.21 and 26.4.
const Core = net.BoundSocket;
const LOOPBACK = { port: 0, host: '127.0.0.1' };

/** Opens a server, waits for 'listening', closes it, waits for 'close'. */
function listening(open) {
  return calledBack((next) => {
    const server = net.createServer();
    server.on('close', next);
    server.on('listening', () => server.close());
    open(server);
  });
}

/** The same through the promise of listen(). */
function awaited(where) {
  return calledBack((next) => {
    const server = net.createServer();
    server.on('close', next);
    listen(server, where).then(() => server.close());
  });
}

const against = (baseline, names, target) => names.map((name) => ({ name, baseline, ...(target ? { target } : {}) }));

async function listenGroup({ scale }) {
  const variants = [];
  const comparisons = [];
  for (const [title, where] of [
    ['127.0.0.1', LOOPBACK],
    ['default host', { port: 0 }],
  ]) {
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
  const samples = await sideBySide(variants, { rounds: 2000 * scale, cycles: 40, warmUp: 500 * scale });
  return { unit: 'ns', comparisons, samples };
}

async function floorGroup({ scale }) {
  if (process.platform !== 'linux') return { skipped: 'the C floor makes the system calls of Linux' };
  let floor;
  try {
    floor = buildFloor();
  } catch (error) {
    return { skipped: `no C compiler (${error.message})` };
  }
  const plain = startFloor(floor.program);
  const threaded = startFloor(floor.program, { threads: true });
  const variants = [];
  const comparisons = [];
  for (const [title, family, where] of [
    ['127.0.0.1', 4, LOOPBACK],
    ['default host', 6, { port: 0 }],
  ]) {
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
  const samples = await sideBySide(variants, { rounds: 2000 * scale, cycles: 40, warmUp: 500 * scale });
  plain.end();
  threaded.end();
  floor.remove();
  return { unit: 'ns', comparisons, samples };
}

async function refusedGroup({ scale }) {
  const holder = net.createServer().listen(LOOPBACK);
  await once(holder, 'listening');
  const where = { port: holder.address().port, host: '127.0.0.1' };
  const attempt = (open) => {
    try {
      open();
    } catch (error) {
      if (error.code === 'EADDRINUSE') return;
      throw error;
    }
    throw new Error('the taken port was bound');
  };
  const variants = [
    {
      name: 'server.listen',
      run: calledBack((next) =>
        net
          .createServer()
          .on('error', next)
          .listen({ ...where, exclusive: true }),
      ),
    },
    { name: 'await listen(server)', run: calledBack((next) => listen(net.createServer(), where).catch(next)) },
    { name: 'new BoundSocket', run: synchronous(() => attempt(() => new BoundSocket(where))) },
  ];
  if (Core !== undefined) {
    variants.push({ name: 'new net.BoundSocket', run: synchronous(() => attempt(() => new Core(where))) });
  }
  const samples = await sideBySide(variants, { rounds: 1000 * scale, cycles: 40, warmUp: 250 * scale });
  holder.close();
  const names = variants.slice(1).map(({ name }) => name);
  return { unit: 'ns', comparisons: against('server.listen', names), samples };
}

const START = fileURLToPath(new URL('start.mjs', import.meta.url));

/** Starts a process that imports node:net and perhaps more, and ends at once. */
function start(execArgv, specifier) {
  const begin = process.hrtime.bigint();
  const { stdout, stderr, status } = spawnSync(process.execPath, [...execArgv, START, specifier], { encoding: 'utf8' });
  const wall = Number(process.hrtime.bigint() - begin);
  if (status !== 0) throw new Error(`the process that imports ${specifier} failed: ${stderr}`);
  return { wall, ...JSON.parse(stdout) };
}

async function importGroup({ scale }) {
  const kinds = [
    ['node:net', [], 'node:net'],
    ['exactbind', [], 'exactbind'],
    ['--require exactbind/register', ['--require', REGISTER], 'node:net'],
  ];
  const runs = Object.fromEntries(kinds.map(([name]) => [name, []]));
  const variants = kinds.map(([name, execArgv, specifier]) => ({
    name,
    run: () => void runs[name].push(start(execArgv, specifier)),
  }));
  const warmUp = 3;
  await sideBySide(variants, { rounds: Math.max(30, 100 * scale), cycles: 1, warmUp });

  const samples = {};
  const comparisons = [];
  const take = (figure, title, names, target) => {
    for (const name of names) samples[`${title}, ${name}`] = runs[name].slice(warmUp).map((run) => run[figure]);
    for (const name of names.slice(1)) {
      const more = target !== undefined && name === 'exactbind' ? { target: { difference: target } } : {};
      comparisons.push({ name: `${title}, ${name}`, baseline: `${title}, node:net`, difference: true, ...more });
    }
  };
  // What --require loads is there before the clock can start.
  take('importing', 'the import itself', ['node:net', 'exactbind'], 5e6);
  take('wall', 'whole process', Object.keys(runs));
  take('cpu', 'its CPU time', Object.keys(runs));
  const rss = Object.fromEntries(
    Object.entries(runs).map(([name, list]) => [name, list.slice(warmUp).map((run) => run.rss)]),
  );
  return { unit: 'ns', comparisons, samples, rss };
}

async function registerGroup({ scale }) {
  const child = (execArgv) => {
    const process = fork(new URL('cycles.mjs', import.meta.url), { execArgv });
    return {
      async run(host, cycles) {
        process.send({ host, cycles });
        const [took] = await once(process, 'message');
        return took;
      },
      end: () => process.disconnect(),
    };
  };
  const [plain, hooked] = [child([]), child(['--require', REGISTER])];
  const variants = [];
  const comparisons = [];
  for (const host of ['127.0.0.1', undefined]) {
    const named = (text) => `${text}, ${host ?? 'default host'}`;
    variants.push(
      { name: named('server.listen'), run: (cycles) => plain.run(host, cycles) },
      { name: named('server.listen under register'), run: (cycles) => hooked.run(host, cycles) },
    );
    comparisons.push(...against(named('server.listen'), [named('server.listen under register')], { ratio: 1 }));
  }
  const samples = await sideBySide(variants, { rounds: 2000 * scale, cycles: 40, warmUp: 500 * scale });
  plain.end();
  hooked.end();
  return { unit: 'ns', comparisons, samples };
}

export const groups = {
  listen: listenGroup,
  floor: floorGroup,
  refused: refusedGroup,
  import: importGroup,
  register: registerGroup,
};
