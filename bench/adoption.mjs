// The group that adopts reservations in both possible orders, raced by intruders and by clients.
import { execFileSync, spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { inOwnNetwork } from '../scripts/own-network.mjs';
import { table } from './report-table.mjs';

const PROGRAM = fileURLToPath(new URL('adoption/race.py', import.meta.url));
// Below the ephemeral range; nobody else is in this network namespace.
const PORT = '10000';
const MOST = 300_000;

const ORDERS = ['set, listen', 'listen, set'];
const RIVALS = { intruders: 20_000, clients: 4_000 };
const COUNTS = [2, 4];

async function adoptionGroup({ scale }) {
  if (process.platform !== 'linux') return { skipped: 'elsewhere a reservation listens as it is' };
  if (spawnSync('python3', ['--version']).status !== 0) return { skipped: 'no Python 3' };
  const races = [];
  for (const [rivals, times] of Object.entries(RIVALS)) {
    for (const count of COUNTS) {
      for (const order of ORDERS) {
        const words = [order, rivals, String(count), String(times * scale), PORT];
        const [file, ...args] = inOwnNetwork(['python3', PROGRAM, ...words]);
        const printed = execFileSync(file, args, { encoding: 'utf8', timeout: MOST });
        races.push({ order, rivals, count, ...JSON.parse(printed) });
      }
    }
  }
  return { races };
}

const number = (value) => value.toLocaleString('en');

function lines({ races }) {
  const told = {
    intruders: ({ lost, adoptions }) => `${number(lost)} of ${number(adoptions)} adoptions lost`,
    clients: ({ without, connections }) => `${number(without)} of ${number(connections)} connections without it`,
  };
  const kinds = Object.keys(RIVALS).flatMap((rivals) => COUNTS.map((count) => ({ rivals, count })));
  const cell = (order, { rivals, count }) =>
    told[rivals](races.find((race) => race.order === order && race.rivals === rivals && race.count === count));
  return table(
    ['order', ...kinds.map(({ rivals, count }) => `${count} ${rivals}`)],
    ORDERS.map((order) => [order, ...kinds.map((kind) => cell(order, kind))]),
  );
}

export const groups = { adoption: adoptionGroup };

export const reports = {
  adoption: {
    title: 'Adopting a reservation',
    note:
      'A socket that was bound without `SO_REUSEADDR` has to listen with it: by setting it and then listening, or the other way ' +
      'round. CPython does either on one port again and again, while other processes bind that port with `SO_REUSEADDR` and ' +
      'listen, or connect to it. An adoption is lost if listen() is refused; of the first 16 connections of each it is asked ' +
      'whether they have inherited `SO_REUSEADDR`. What exactbind does, and why: docs/linux.md.',
    lines,
  },
};
