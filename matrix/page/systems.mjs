// What is known of the matrix of each system: measured, where there are results of it, else predicted by its rule.
import { readdirSync, readFileSync } from 'node:fs';
import {
  ADDRESSES,
  firstSockets,
  MATRIX_RULES,
  machineOf,
  PROTOCOLS,
  predict,
  SHARINGS,
  secondSockets,
} from './built.mjs';
import { unfold } from './fold.mjs';

/**
 * @import { Cell, CellOwner, CellSharing, MatrixSystem } from '../cells.ts'
 *
 * @typedef {{ uid: number | null, leftOut: Record<string, string>, cells: Cell[] }} Run
 * @typedef {{ os: MatrixSystem, kernel: string, arch: string, node: string }} Host
 * @typedef {Host & { file: string, runs: Record<string, Run> }} Known what one file has
 * @typedef {{ os: MatrixSystem, title: string, measured: Known | undefined, sharings: readonly CellSharing[], cells: Cell[] }} System
 */

export { machineOf };

const folder = new URL('../../bench/results/', import.meta.url);
/** @type {(a: string, b: string) => number} */
const byVersion = (a, b) => a.localeCompare(b, 'en', { numeric: true });

/** @type {Record<MatrixSystem, string>} */
const TITLES = { linux: 'Linux', darwin: 'macOS', windows: 'Windows', wine: 'Wine' };
/** @type {Record<MatrixSystem, CellOwner[]>} */
const OWNERS = {
  linux: ['same-process', 'other-process', 'other-user'],
  darwin: ['same-process', 'other-process', 'other-user'],
  windows: ['same-process', 'other-process'],
  wine: ['same-process', 'other-process'],
};
// Of an ordinary user, whom the rules of macOS keep from more than root.
const ANY_MACHINE = { addresses: ADDRESSES, own: 501, other: 502 };

/**
 * @param {MatrixSystem} os
 * @returns {Cell[]}
 */
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

/**
 * By system, and of each the newest Node last.
 * @template {Pick<Host, 'os' | 'node' | 'arch'>} T
 * @param {T[]} known
 */
export const inOrder = (known) =>
  known.toSorted((a, b) => byVersion(a.os, b.os) || byVersion(a.node, b.node) || byVersion(a.arch, b.arch));

/**
 * Everything in bench/results/ of the matrix, in order; cells have what is predicted of them.
 * @returns {Known[]}
 */
export function results() {
  const files = readdirSync(folder).filter((name) => /^matrix-.*\.json$/.test(name));
  const known = files.map((file) => {
    /** @type {Host & { runs: Record<string, Omit<Run, 'cells'> & import('./fold.mjs').Folded> }} */
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

/**
 * Each system with the cells that are shown of it.
 * @param {Known[]} known
 * @returns {System[]}
 */
export function systems(known) {
  return /** @type {MatrixSystem[]} */ (Object.keys(TITLES)).map((os) => {
    const measured = known.filter((result) => result.os === os).at(-1);
    const cells = measured?.runs.first.cells ?? predictedCells(os);
    return { os, title: TITLES[os], measured, sharings: SHARINGS[os], cells };
  });
}
