// The groups of what the command line and lists of ports are compared with: the next free port, who has one, and its end.
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { isPossible, printedBy } from '../harness/alone.mjs';
import { median } from '../harness/compare.mjs';
import { sideBySide, timed } from '../harness/measure.mjs';
import { table } from '../report/table.mjs';
import { install } from './install.mjs';

/**
 * @import { Figures, Timed } from '../group.ts'
 *
 * @typedef {{ collisions: number[], mostTries: number, twice: number, ms: number[] }} Outcome
 * @typedef {Figures & { programs: number, outcomes: Record<string, Outcome> }} Races
 * @typedef {{ code: number, holders: number, left: number, wrongly: number, free: boolean }} Ended
 * @typedef {Figures & { scenes: Record<string, Record<string, Ended>> }} Endings
 */

const ROUNDS = 20;

/** @param {string} name */
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

const skipped = 'network and pid namespaces take root on Linux';

/** @param {{ quick: boolean }} how */
async function nextGroup({ quick }) {
  if (!isPossible) return { skipped };
  const versions = install();
  return { versions, unit: 'ms', ...printedBy(path('races.mjs'), [String(quick ? 1 : ROUNDS)]) };
}

async function endingGroup() {
  if (!isPossible) return { skipped };
  const versions = install();
  const leftOut = {
    'a pid that is used again': 'the moment between the look and the signal cannot be staged from outside',
  };
  return { versions, leftOut, ...printedBy(path('endings.mjs'), []) };
}

/** @type {(port: string) => Record<string, string[]>} */
const COMMANDS = (port) => ({
  'exactbind who': [process.execPath, path('../../dist/cli.cjs'), 'who', port],
  'lsof -i': ['lsof', '-nP', `-iTCP:${port}`, '-sTCP:LISTEN'],
  'ss -ltnp': ['ss', '-ltnp', `sport = :${port}`],
  // They have no question that ends nobody: of a port that nobody has, they find that out.
  'kill-port, a free port': [process.execPath, path('node_modules/kill-port/cli.js'), String(Number(port) + 1)],
  'fkill, a free port': [process.execPath, path('node_modules/fkill-cli/cli.js'), '--silent', `:${Number(port) + 1}`],
});

/**
 * @param {{ quick: boolean }} how
 * @returns {Promise<Timed>}
 */
async function coldGroup({ quick }) {
  install();
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const port = String(/** @type {import('node:net').AddressInfo} */ (server.address()).port);
  /** @type {import('../group.ts').LeftOut} */
  const leftOut = {};
  const variants = Object.entries(COMMANDS(port)).flatMap(([name, [file, ...args]]) => {
    if (spawnSync(file, args, { stdio: 'ignore' }).error !== undefined) {
      leftOut[name] = `${file} is not installed`;
      return [];
    }
    return { name, run: timed(() => spawnSync(file, args, { stdio: 'ignore' })) };
  });
  const samples = await sideBySide(variants, { rounds: quick ? 2 : 30, cycles: 1, warmUp: 1 });
  server.close();
  const comparisons = variants.flatMap(({ name }) =>
    name === 'exactbind who' ? [] : { name: 'exactbind who', baseline: name },
  );
  return { unit: 'ns', samples, comparisons, leftOut };
}

export const groups = { 'next-port': nextGroup, 'who-cold': coldGroup, ending: endingGroup };

/** @param {Races} result */
function raceLines({ programs, outcomes }) {
  const rows = Object.entries(outcomes).map(([who, { collisions, mostTries, twice, ms }]) => [
    who,
    `${median(collisions)} (${Math.max(...collisions)} at most)`,
    String(mostTries),
    String(twice),
    `${median(ms).toFixed(0)} ms`,
  ]);
  const head = ['', 'collisions in a round', 'most tries of one', 'ports twice', `until all ${programs} listen`];
  return table(head, rows);
}

/** @param {Endings} result */
function endingLines({ scenes }) {
  const rows = Object.entries(scenes).flatMap(([scene, tools]) =>
    Object.entries(tools).map(([tool, { code, holders, left, wrongly, free }]) => [
      scene,
      tool,
      `${holders - left} of ${holders}`,
      String(wrongly),
      free ? 'free' : 'taken',
      `${code === 0 ? 'ended' : 'not ended'} (${code})`,
    ]),
  );
  return table(['scene', 'tool', 'holders ended', 'others ended', 'the port then', 'it says'], rows);
}

export const reports = {
  'next-port': {
    title: 'The next free port',
    note:
      'Programs that want a port of the same range at the same moment, each by the same package. A collision is a port that ' +
      'somebody else has by the time a program listens on it; it then asks for another.',
    lines: raceLines,
  },
  'who-cold': {
    title: 'Who has the port, from a cold start',
    note: 'Each command is started anew, and its output thrown away.',
  },
  ending: {
    title: 'The end of whoever has the port',
    note: 'Each tool is told to end the holder of a port, and asks nobody.',
    lines: endingLines,
  },
};
