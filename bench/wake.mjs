// The group of waiting: from the release of a port to the waiter's 'listening', and what waiting costs meanwhile.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { listen } from 'exactbind';
import { poll } from './release.mjs';

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

async function wakeGroup({ scale }) {
  const samples = Object.fromEntries(VARIANTS.map(({ name }) => [name, []]));
  const holder = other();
  for (let warmUp = 0; warmUp < 20; warmUp++) await wakeUp(holder, VARIANTS[0]);
  const most = Math.max(...VARIANTS.map(({ rounds }) => rounds)) * scale;
  for (let round = 0; round < most; round++) {
    for (const variant of VARIANTS) {
      if (round >= variant.rounds * scale) continue;
      const own = variant.by === 'kill' ? other() : holder;
      samples[variant.name].push(await wakeUp(own, variant));
    }
  }
  await holder.end();
  const comparisons = VARIANTS.slice(1).map(({ name }) => ({ name, baseline: WAIT }));
  const seconds = Math.max(1, IDLE_SECONDS * scale);
  const cpu = {
    // Node collects garbage when it idles.
    'nothing but a timer': await idle({ how: 'sleep', seconds }),
    [WAIT]: await idle({ how: 'wait', seconds }),
    [`${WAIT}, closes on other ports`]: await idle({ how: 'wait', seconds }, 'other'),
    [`${WAIT}, closes on the same port of another address`]: await idle({ how: 'wait', seconds }, 'same'),
    'polling every 50 ms': await idle({ how: 'poll', seconds, every: 50 }),
  };
  return { unit: 'ns', comparisons, samples, cpu };
}

export const groups = { wake: wakeGroup };
