// A process of clients that ask all the time, each with its own pause, and count what they meet and how long nobody answers.
import { setTimeout as pause } from 'node:timers/promises';
import { obey } from '../harness/obey.mjs';
import { clientOf } from './requests.mjs';

/**
 * @import { Client, Kind } from './requests.mjs'
 * @typedef {{ answered: number, failed: Record<string, number> }} Tally failures by code
 * @typedef {{ client: Client, wait: number, tally: Tally, answers: number }} Asker
 */

const WAITS = [0, 5, 60];
/** Of each kind. */
const EACH = 2;
/** Whoever is refused does not ask again at once: a storm of refusals says nothing more than one. */
const AFTER_FAILURE = 5;
const MOST = 10_000;

/** @type {Asker[]} */
let askers = [];
/** @type {Record<string, Tally>} */
let tallies = {};
/** @type {Promise<void>[]} */
let running = [];
let isOver = false;
let last = 0;
let longest = 0;
let onAnswer = () => {};

function count(/** @type {Asker} */ asker) {
  const now = performance.now();
  longest = Math.max(longest, now - last);
  last = now;
  asker.answers++;
  asker.tally.answered++;
  onAnswer();
}

/** @param {Asker} asker */
async function run(asker) {
  const { client, wait, tally } = asker;
  while (!isOver) {
    const met = await client.ask();
    if ('pid' in met) count(asker);
    else tally.failed[met.code] = (tally.failed[met.code] ?? 0) + 1;
    const after = 'pid' in met ? wait : Math.max(wait, AFTER_FAILURE);
    if (after > 0) await pause(after);
  }
}

/** Until each client has been answered once more, or for a while: connections that are kept then are the new instance's. */
async function settle() {
  const goals = askers.map((asker) => ({ asker, goal: asker.answers + 1 }));
  const isReached = () => goals.every(({ asker, goal }) => asker.answers >= goal);
  await new Promise((resolve) => {
    const timer = setTimeout(resolve, MOST, undefined);
    onAnswer = () => {
      if (!isReached()) return;
      clearTimeout(timer);
      resolve(undefined);
    };
  });
  onAnswer = () => {};
}

const COMMANDS = {
  /** @param {{ kind: Kind, port: number }} command */
  async begin({ kind, port }) {
    isOver = false;
    tallies = {};
    askers = [];
    for (const keepAlive of kind === 'http2' ? [true] : [true, false]) {
      for (const wait of WAITS) {
        const tally = { answered: 0, failed: {} };
        tallies[`${keepAlive ? 'keep-alive' : 'close'} ${wait}`] = tally;
        for (let each = 0; each < EACH; each++)
          askers.push({ client: clientOf(kind, port, keepAlive), wait, tally, answers: 0 });
      }
    }
    last = performance.now();
    running = askers.map(run);
    await settle();
    longest = 0;
    return {};
  },

  /** The longest time without an answer to anybody since it was asked last. */
  async settle() {
    await settle();
    const gap = longest;
    longest = 0;
    return { gap };
  },

  async finish() {
    isOver = true;
    await Promise.all(running);
    for (const { client } of askers) client.end();
    return tallies;
  },
};

obey(COMMANDS);
