// Which system a matrix is of, and its rule: Wine has its own, and is never taken for Windows.
import { existsSync } from 'node:fs';
import { type Rule, SYSTEMS, system } from '../lib/door.ts';
import type { MatrixSystem } from './cells.ts';
import { wineRule } from './wine.ts';

export const MATRIX_RULES: Readonly<Record<MatrixSystem, Rule>> = {
  linux: SYSTEMS.linux.rule,
  darwin: SYSTEMS.darwin.rule,
  windows: SYSTEMS.windows.rule,
  wine: wineRule,
};

// A program of Wine's own that no Windows has.
const isWine = () => existsSync(`${process.env['SystemRoot']}\\system32\\winecfg.exe`);

/** The system that this process really runs on. */
export function matrixSystem(): MatrixSystem {
  return system === 'windows' && isWine() ? 'wine' : system;
}
