// Loads each variant with each number of workers, in rounds; prints what wrk and the workers counted.
import process from 'node:process';
import { sideBySide } from '../harness/measure.mjs';
import { fairness } from './fairness.mjs';
import { startTeam } from './team.mjs';
import { hasReusePort, LOADS, sampleName, VARIANTS } from './variants.mjs';
import { crossCheck, load } from './wrk.mjs';

/**
 * @import { LeftOut } from '../group.ts'
 * @import { Run } from './report.mjs'
 * @import { Team } from './team.mjs'
 * @typedef {{ requests: number, perSecond: number, counts: number[] }} Load what wrk counted, and each worker
 */

const { sizes, loads, rounds, warmUp, milliseconds, connections, threads } = JSON.parse(process.argv[2]);

/** @type {LeftOut} */
const leftOut = {};

const possible = VARIANTS.filter(({ name, way }) => {
  if (way !== 'reusePort' || hasReusePort(process.versions.node)) return true;
  leftOut[name] = `Node has it from 22.12 and 23.1 on, and ${process.version} ignores the option`;
  return false;
});

/** @param {Team[]} teams */
const endAll = (teams) => Promise.all(teams.map(({ end }) => end()));

/**
 * The teams of all variants that this system has, with so many workers each.
 * @param {number} size
 */
async function startTeams(size) {
  const wanted = possible.filter(({ name }) => !(name in leftOut));
  const started = await Promise.allSettled(wanted.map((variant) => startTeam(variant, size)));
  const teams = started.flatMap((one, index) =>
    one.status === 'rejected' ? [] : { ...one.value, name: wanted[index].name },
  );
  for (const [index, one] of started.entries()) {
    const reason = one.status === 'rejected' ? one.reason : undefined;
    if (reason?.code === 'ENOTSUP') leftOut[wanted[index].name] = reason.message;
    else if (reason !== undefined) {
      await endAll(teams);
      throw reason;
    }
  }
  return teams;
}

/**
 * One run: what wrk completed in a second, and how many requests each worker served meanwhile.
 * @param {Team} team
 * @param {string} [header]
 * @returns {Promise<Load>}
 */
async function run({ port, served }, header) {
  const before = await served();
  const { requests, perSecond } = await load(port, { header, connections, threads, milliseconds });
  const counts = (await served()).map((count, worker) => count - before[worker]);
  crossCheck(counts, requests, connections);
  return { requests, perSecond, counts };
}

/** @param {number} value */
const digits = (value) => Math.round(value * 1e4) / 1e4;

/** @param {Load[]} list */
function summary(list) {
  const shares = list.map(({ counts }) => fairness(counts));
  /** @param {keyof ReturnType<typeof fairness>} figure */
  const each = (figure) => shares.map((share) => digits(share[figure]));
  return {
    requestsPerSecond: list.map(({ perSecond }) => perSecond),
    requests: list.map(({ requests }) => requests),
    served: list.map(({ counts }) => counts),
    fairness: { busiest: each('busiest'), idlest: each('idlest'), jain: each('jain') },
  };
}

/**
 * @param {number} size
 * @returns {Promise<Run[]>}
 */
async function measure(size) {
  const teams = await startTeams(size);
  try {
    const runs = teams.flatMap((team) =>
      LOADS.filter(({ name }) => loads.includes(name)).map(({ name: load, header }) => {
        /** @type {Load[]} */
        const taken = [];
        const key = { variant: team.name, workers: size, load };
        return { key, taken, name: sampleName(key), run: async () => taken.push(await run(team, header)) };
      }),
    );
    await sideBySide(runs, { rounds, cycles: 1, warmUp });
    return runs.map(({ key, taken }) => ({ ...key, ...summary(taken.slice(warmUp)) }));
  } finally {
    await endAll(teams);
  }
}

/** @type {Run[]} */
const runs = [];
for (const size of sizes) runs.push(...(await measure(size)));
console.log(JSON.stringify({ leftOut, runs }));
