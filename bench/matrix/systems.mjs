// What is known of the matrix of each system: measured, where there are results of it, else predicted by its rule.
import { readdirSync, readFileSync } from 'node:fs';
import {
  ADDRESSES,
  firstSockets,
  MATRIX_RULES,
  PROTOCOLS,
  predict,
  SHARINGS,
  secondSockets,
} from '../../dist/matrix.cjs';
import { unfold } from './fold.mjs';

const folder = new URL('../results/', import.meta.url);
const byVersion = (a, b) => a.localeCompare(b, 'en', { numeric: true });

const TITLES = { linux: 'Linux', darwin: 'macOS', windows: 'Windows', wine: 'Wine' };
const OWNERS = {
  linux: ['same-process', 'other-process', 'other-user'],
  darwin: ['same-process', 'other-process', 'other-user'],
  windows: ['same-process', 'other-process'],
  wine: ['same-process', 'other-process'],
};
// Of an ordinary user, whom the rules of macOS keep from more than root.
const ANY_MACHINE = { addresses: ADDRESSES, own: 501, other: 502 };

/** The machine of a run as a rule sees it. */
export const machineOf = ({ uid, leftOut }) => ({
  addresses: ADDRESSES.filter((address) => !(address in leftOut)),
  own: uid ?? 0,
  other: uid === null ? 0 : -1,
});

function predictedCells(os) {
  const seconds = secondSockets(SHARINGS[os], ADDRESSES, OWNERS[os]);
  return PROTOCOLS.flatMap((protocol) =>
    firstSockets(protocol, SHARINGS[os], ADDRESSES).flatMap((first) =>
      seconds.map((second) => {
        const predicted = predict(MATRIX_RULES[os], protocol, first, second, ANY_MACHINE);
        return { protocol, first, second, predicted, measured: predicted };
      }),
    ),
  );
}

/** By system, and of each the newest Node last. */
export const inOrder = (known) =>
  known.toSorted((a, b) => byVersion(a.os, b.os) || byVersion(a.node, b.node) || byVersion(a.arch, b.arch));

/** Everything in bench/results/ of the matrix, in order; cells have what is predicted of them. */
export function results() {
  const files = readdirSync(folder).filter((name) => /^matrix-.*\.json$/.test(name));
  const known = files.map((file) => {
    const { runs, ...machine } = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
    const unfolded = Object.entries(runs).map(([name, run]) => {
      const { cells, ...more } = unfold(run);
      const both = cells.map((cell) => {
        const { protocol, first, second } = cell;
        return { ...cell, predicted: predict(MATRIX_RULES[machine.os], protocol, first, second, machineOf(run)) };
      });
      return [name, { ...more, cells: both }];
    });
    return { file, ...machine, runs: Object.fromEntries(unfolded) };
  });
  return inOrder(known);
}

/** Each system with the cells that are shown of it. */
export function systems(known) {
  return Object.keys(TITLES).map((os) => {
    const measured = known.filter((result) => result.os === os).at(-1);
    const cells = measured?.runs.first.cells ?? predictedCells(os);
    return { os, title: TITLES[os], measured, sharings: SHARINGS[os], cells };
  });
}
