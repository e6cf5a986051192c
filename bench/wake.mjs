// The group of waiting: from the release of a port to the waiter's 'listening', and what waiting costs meanwhile.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { listen } from 'exactbind';
import { spread } from './measure.mjs';
import { poll } from './release.mjs';
import { table } from './report-table.mjs';
import { timings } from './report-timings.mjs';

const HOST = '127.0.0.1';
const IDLE_SECONDS = 10;
const CLOSES = 5000;

function other() {
  const child = fork(fileURLToPath(new URL('release.mjs', import.meta.url)), { serialization: 'advanced' });
  return {
    child,
    async ask(command) {
      const answered = once(child, 'message');
      child.send(command);
      return (await answered)[0];
    },
    async end() {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}

const waiting = async (port) => {
  const server = createServer();
  await listen(server, { port, host: HOST, wait: { timeout: 60_000 } });
  return server;
};

const polling = (every) => (port) => poll(port, every, undefined);

/** Nanoseconds from the release of a port, at no particular moment, to 'listening'. */
async function wakeUp(holder, { start, within, by }) {
  const { port } = await holder.ask({ do: 'hold', port: 0 });
  const started = start(port).then((server) => ({ server, at: process.hrtime.bigint() }));
  const [released, { server, at }] = await Promise.all([
    holder.ask({ do: 'release', by, after: 5 + Math.random() * within }),
    started,
  ]);
  const closed = once(server, 'close');
  server.close();
  await closed;
  return Number(at - released.at);
}

const WAIT = 'wait';
const VARIANTS = [
  { name: WAIT, start: waiting, within: 50, rounds: 200 },
  { name: 'polling every 50 ms', start: polling(50), within: 50, rounds: 200 },
  { name: 'polling every 250 ms', start: polling(250), within: 250, rounds: 100 },
  { name: 'polling every 1,000 ms', start: polling(1000), within: 1000, rounds: 30 },
  { name: 'wait, holder killed', start: waiting, within: 50, rounds: 50, by: 'kill' },
];

async function idle(command, churn) {
  const [holder, waiter, closer] = [other(), other(), other()];
  try {
    const { port } = await holder.ask({ do: 'hold', port: 0 });
    const seconds = command.seconds + 2;
    const churning =
      churn && closer.ask({ do: 'churn', seconds, perSecond: CLOSES, port: churn === 'same' ? port : 0 });
    const { share } = await waiter.ask({ do: 'idle', port, ...command });
    return { share, perSecond: (await churning)?.perSecond ?? 0 };
  } finally {
    await Promise.all([holder, waiter, closer].map((one) => one.end()));
  }
}

/** What there is time for in a quick run. */
const QUICK = { rounds: 0.1, idle: [WAIT], slowest: 50 };

async function wakeGroup({ scale, quick }) {
  const variants = VARIANTS.filter(({ within }) => !quick || within <= QUICK.slowest);
  const share = quick ? QUICK.rounds : scale;
  const samples = Object.fromEntries(variants.map(({ name }) => [name, []]));
  const holder = other();
  for (let warmUp = 0; warmUp < 20 * Math.min(1, share); warmUp++) await wakeUp(holder, variants[0]);
  const most = Math.max(...variants.map(({ rounds }) => rounds)) * share;
  for (let round = 0; round < most; round++) {
    for (const variant of variants) {
      if (round >= variant.rounds * share) continue;
      const own = variant.by === 'kill' ? other() : holder;
      samples[variant.name].push(await wakeUp(own, variant));
    }
  }
  await holder.end();
  // A slower machine wakes up later, and its timers are the same.
  const timer = { higherIsBetter: true, machineBound: true };
  const comparisons = variants
    .slice(1)
    .map(({ name, by }) => ({ name, baseline: WAIT, ...(by === 'kill' ? {} : timer) }));
  const seconds = Math.max(1, IDLE_SECONDS * scale);
  const idling = {
    // Node collects garbage when it idles.
    'nothing but a timer': () => idle({ how: 'sleep', seconds }),
    [WAIT]: () => idle({ how: 'wait', seconds }),
    [`${WAIT}, closes on other ports`]: () => idle({ how: 'wait', seconds }, 'other'),
    [`${WAIT}, closes on the same port of another address`]: () => idle({ how: 'wait', seconds }, 'same'),
    'polling every 50 ms': () => idle({ how: 'poll', seconds, every: 50 }),
  };
  const cpu = {};
  for (const [name, run] of Object.entries(idling)) {
    if (!quick || QUICK.idle.includes(name)) cpu[name] = await run();
  }
  return { unit: 'ns', comparisons, samples, cpu };
}

const costs = ([name, { share, perSecond }]) => [name, `${(share * 100).toFixed(3)} %`, perSecond.toFixed(0)];

function plots({ samples }) {
  const names = Object.keys(samples);
  const points = names.map((name) => {
    const { median, p10, p90 } = spread(samples[name]);
    return [name, ...[median, p10, p90].map((value) => value / 1e6)];
  });
  return [
    {
      name: 'wake',
      kind: 'bar',
      title: "From the release of a port to 'listening'",
      x: { name: '', categories: names },
      y: { name: 'milliseconds: median, p10 – p90', log: true },
      series: [{ name: 'listen()', points }],
    },
  ];
}

export const groups = { wake: wakeGroup };

export const reports = {
  wake: {
    title: 'Waiting for a port',
    note:
      "From the moment before another process closes the port (or kills itself) to the waiter's 'listening'; polling is " +
      'the same `listen()` tried again after a pause. Then the processor time of a process that waits, and the sockets that ' +
      'others close meanwhile.',
    lines: (group) => [
      ...timings(group),
      '',
      ...table(['', 'of a core', 'closes per second'], Object.entries(group.cpu).map(costs)),
    ],
    plots,
  },
};
