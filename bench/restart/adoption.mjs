// The group that adopts reservations in both possible orders, raced by intruders and by clients.
import { execFileSync, spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { inOwnNetwork } from '../../scripts/own-network.mjs';
import { sum } from '../harness/compare.mjs';
import { sideBySide } from '../harness/measure.mjs';
import { table } from '../report/table.mjs';

/**
 * @import { Figures } from '../group.ts'
 *
 * @typedef {{ adoptions: number, lost: number, connections: number, without: number }} Race what race.py prints
 * @typedef {{ rivals: keyof typeof RIVALS, count: number }} Kind who races, and how many of them
 */

const PROGRAM = fileURLToPath(new URL('race.py', import.meta.url));
// Below the ephemeral range; nobody else is in this network namespace.
const PORT = '10000';
const MOST = 300_000;

// By the words that the program takes.
const ORDERS = { 'set, listen': 'set SO_REUSEADDR, then listen()', 'listen, set': 'listen(), then set SO_REUSEADDR' };
const RIVALS = { intruders: 3000, clients: 600 };
const COUNTS = [2, 4];
const FULL = { rounds: 7, share: 1 };
const QUICK = { rounds: 1, share: 0.2 };

/** @type {Kind[]} */
const KINDS = /** @type {(keyof typeof RIVALS)[]} */ (Object.keys(RIVALS)).flatMap((rivals) =>
  COUNTS.map((count) => ({ rivals, count })),
);
/** @type {(order: string, kind: Kind) => string} */
const nameOf = (order, { rivals, count }) => `${order}, ${count} ${rivals}`;

/**
 * @param {string} order
 * @param {Kind} kind
 * @param {number} share
 * @returns {Race}
 */
function race(order, { rivals, count }, share) {
  const words = [order, rivals, String(count), String(RIVALS[rivals] * share), PORT];
  const [file, ...args] = inOwnNetwork(['python3', PROGRAM, ...words]);
  return JSON.parse(execFileSync(file, args, { encoding: 'utf8', timeout: MOST }));
}

/** @param {{ quick: boolean }} how */
async function adoptionGroup({ quick }) {
  if (process.platform !== 'linux') return { skipped: 'elsewhere a reservation listens as it is' };
  if (spawnSync('python3', ['--version']).status !== 0) return { skipped: 'no Python 3' };
  const { rounds, share } = quick ? QUICK : FULL;
  const variants = Object.keys(ORDERS).flatMap((order) =>
    KINDS.map((kind) => ({ name: nameOf(order, kind), run: () => race(order, kind, share) })),
  );
  return { races: await sideBySide(variants, { rounds, cycles: 1, warmUp: 0 }) };
}

/** @param {number} value */
const number = (value) => value.toLocaleString('en');

/**
 * What was lost of all, and the least and the most of a round.
 * @param {Race[]} list
 * @param {(keyof Race)[]} counted
 */
function told(list, [lost, all]) {
  const shares = list.map((one) => (one[lost] / one[all]) * 100);
  const total = sum(list.map((one) => one[lost]));
  const ends = [Math.min(...shares), Math.max(...shares)].map((share) => `${share.toFixed(1)} %`);
  return `${number(total)} of ${number(sum(list.map((one) => one[all])))}${total > 0 ? ` (${ends.join(' – ')})` : ''}`;
}

/** @type {Record<Kind['rivals'], (keyof Race)[]>} */
const COUNTED = { intruders: ['lost', 'adoptions'], clients: ['without', 'connections'] };
const HEADS = {
  intruders: (/** @type {number} */ count) => `adoptions lost to ${count} intruders`,
  clients: (/** @type {number} */ count) => `connections of ${count} clients without SO_REUSEADDR`,
};

/** @param {Figures & { races: Record<string, Race[]> }} group */
const lines = ({ races }) =>
  table(
    ['', ...KINDS.map(({ rivals, count }) => HEADS[rivals](count))],
    Object.entries(ORDERS).map(([order, name]) => [
      name,
      ...KINDS.map((kind) => told(races[nameOf(order, kind)], COUNTED[kind.rivals])),
    ]),
  );

export const groups = { adoption: adoptionGroup };

export const reports = {
  adoption: {
    title: 'Adopting a reservation',
    note:
      'A reservation is bound without `SO_REUSEADDR` and must listen with it. It can set the option and then listen, or the other way ' +
      'round. CPython does either on one port again and again, while other processes bind that port with `SO_REUSEADDR` and ' +
      'listen, or connect to it. An adoption is lost if listen() is refused; of the first 16 connections of each it is asked ' +
      'whether they have inherited `SO_REUSEADDR`. All rounds, and the least and the most that one of them lost. What exactbind ' +
      'does, and why: docs/linux.md.',
    lines,
  },
};
