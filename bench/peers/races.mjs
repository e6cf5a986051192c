// 64 programs that want a port of the same range at once, by each package in turn; prints collisions, tries and times.
import { fork } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { ask, end, hears } from '../harness/ask.mjs';

const PROGRAMS = 64;
const PACKAGES = ['exactbind', 'get-port', 'detect-port', 'portfinder'];
const RACER = fileURLToPath(new URL('racer.mjs', import.meta.url));
// Outside the ephemeral range; nobody else is in this network namespace.
const FIRST_PORT = 10_000;
// More than there are programs: who comes second need not be last.
const WIDTH = 200;

/** @typedef {{ collisions: number[], mostTries: number, twice: number, ms: number[] }} Outcome */

/**
 * @param {string} who
 * @param {number} rounds
 * @returns {Promise<Outcome>}
 */
async function outcomeOf(who, rounds) {
  const racers = Array.from({ length: PROGRAMS }, () => fork(RACER, [who]));
  await hears(racers);
  /** @type {Outcome} */
  const outcome = { collisions: [], mostTries: 0, twice: 0, ms: [] };
  try {
    for (let round = 0; round < rounds; round++) {
      const from = FIRST_PORT + round * WIDTH;
      /** @type {import('./racer.mjs').Race[]} */
      const races = await Promise.all(racers.map((one) => ask(one, { from, to: from + WIDTH - 1 })));
      outcome.collisions.push(races.reduce((sum, { tries }) => sum + tries - 1, 0));
      outcome.mostTries = Math.max(outcome.mostTries, ...races.map(({ tries }) => tries));
      outcome.twice += PROGRAMS - new Set(races.map(({ port }) => port)).size;
      outcome.ms.push(Math.max(...races.map(({ ms }) => ms)));
      await Promise.all(racers.map((one) => ask(one, /** @type {any} */ (null))));
    }
  } finally {
    await Promise.all(racers.map((one) => end(one)));
  }
  return outcome;
}

const rounds = Number(process.argv[2]);
/** @type {Record<string, Outcome>} */
const outcomes = {};
for (const who of PACKAGES) outcomes[who] = await outcomeOf(who, rounds);
console.log(JSON.stringify({ programs: PROGRAMS, outcomes }));
