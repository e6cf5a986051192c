// The files of bench/results/: one for each system and version of Node, and the figures of one machine in each.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** @import { Kept, Machine, Results } from '../group.ts' */

const FOLDER = fileURLToPath(new URL('../results/', import.meta.url));
const NAME = /^(\w+)-(\w+)-node(\d+(?:\.\d+)*)\.json$/;

/** @type {(a: string, b: string) => number} */
const byVersion = (a, b) => a.localeCompare(b, 'en', { numeric: true });

/** @returns {Machine} */
export const thisMachine = () => ({
  os: process.platform,
  kernel: `${os.type()} ${os.release()}`,
  arch: process.arch,
  cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
  cpus: os.cpus().length,
  memory: `${Math.round(os.totalmem() / 2 ** 30)} GB`,
  node: process.version,
});

/** @param {Machine} machine */
export const nameOf = (machine) => `${machine.os}-${machine.arch}-node${machine.node.slice(1)}.json`;

export function namesOfResults() {
  return readdirSync(FOLDER)
    .filter((name) => NAME.test(name))
    .sort(byVersion);
}

/**
 * Undefined if there is no such file.
 * @param {string} name
 * @returns {Results | undefined}
 */
export function readResults(name) {
  try {
    return JSON.parse(readFileSync(FOLDER + name, 'utf8'));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The groups that stay in a file when some are measured again: `{ groups }`, or `{ refused }` with the reason. Figures of
 * another machine do not stand beside those of this one, and are lost only to a run of all groups or to `--replace`.
 * @param {Results | undefined} before
 * @param {Machine} machine
 * @param {{ all: boolean, replace: boolean }} how
 * @returns {{ groups: Record<string, Kept>, refused?: undefined } | { groups?: undefined, refused: string }}
 */
export function kept(before, machine, { all, replace }) {
  if (before === undefined) return { groups: {} };
  if (JSON.stringify(before.machine) === JSON.stringify(machine)) return { groups: before.groups };
  if (all || replace) return { groups: {} };
  /** @type {Record<string, unknown>} */
  const here = { ...machine };
  const theirs = Object.entries(before.machine).filter(([name, value]) => value !== here[name]);
  const differs = theirs.map(([name, value]) => `${name} ${value}, here ${here[name]}`).join('; ');
  return {
    refused:
      `bench/results/${nameOf(machine)} has the figures of another machine (${differs}), and they would be lost: ` +
      `${Object.keys(before.groups).join(', ')}. Run all groups, or pass --replace.`,
  };
}

/**
 * Whether two machines are one, whatever the version of Node.
 * @type {(one: Machine, other: Machine) => boolean}
 */
export const isSameMachine = ({ node: _, ...one }, { node: __, ...other }) =>
  JSON.stringify(one) === JSON.stringify(other);

/**
 * The committed results of the same system to compare with: of this version of Node, else of the nearest one.
 * @param {Machine} machine
 * @param {string[]} names
 */
export function nearest({ os: system, arch, node }, names) {
  /** @param {string} version */
  const numbers = (version) => version.split('.').map(Number);
  const [major, minor] = numbers(node.slice(1));
  /** @param {number[]} version */
  const distance = ([ofMajor, ofMinor]) => Math.abs(ofMajor - major) * 1000 + Math.abs(ofMinor - minor);
  const same = names
    .map((name) => ({ name, parts: NAME.exec(name) ?? [] }))
    .filter(({ parts }) => parts[1] === system && parts[2] === arch)
    .map(({ name, parts }) => ({ name, far: distance(numbers(parts[3])) }));
  return same.sort((one, other) => one.far - other.far)[0]?.name;
}

/**
 * Those of the names whose results hold a group that was measured.
 * @param {string} group
 * @param {string[]} names
 * @param {(name: string) => Results | undefined} [read]
 */
export const holding = (group, names, read = readResults) =>
  names.filter((name) => {
    const found = read(name)?.groups[group];
    return found !== undefined && found.skipped === undefined;
  });

/** @param {Results} results */
export function writeResults(results) {
  mkdirSync(FOLDER, { recursive: true });
  const oneLinePerList = JSON.stringify(results, null, 1).replace(
    /\[\s+(-?\d[^\]]*?)\s+\]/g,
    (_, list) => `[${list.replace(/\s+/g, '')}]`,
  );
  writeFileSync(FOLDER + nameOf(results.machine), `${oneLinePerList}\n`);
}
