// Every group of the benchmarks by its family, in the order of docs/benchmarks.md.
import * as load from './load/load.mjs';
import * as inspect from './micro/inspect.mjs';
import * as micro from './micro/micro.mjs';
import * as options from './micro/options.mjs';
import * as recipes from './micro/recipes.mjs';
import * as syscalls from './micro/syscalls.mjs';
import * as peers from './peers/peers.mjs';
import * as ports from './peers/ports.mjs';
import * as adoption from './restart/adoption.mjs';
import * as restart from './restart/restart.mjs';
import * as wake from './restart/wake.mjs';
import * as scale from './scale/scale.mjs';
import * as spread from './spread/spread.mjs';
import * as upgrades from './upgrades/upgrades.mjs';

/** @import { Family, Group, Report } from './group.ts' */

/** @type {Record<string, Family[]>} */
const MODULES = {
  micro: [micro, recipes, options, inspect, syscalls],
  peers: [peers, ports],
  spread: [spread],
  restart: [wake, restart, adoption, upgrades],
  scale: [scale],
  load: [load],
};

const modules = Object.values(MODULES).flat();

/** @type {Record<string, Group>} */
export const groups = Object.fromEntries(modules.flatMap((one) => Object.entries(one.groups)));

/** @type {Record<string, Report>} */
export const reports = Object.fromEntries(modules.flatMap((one) => Object.entries(one.reports)));

/** @type {Record<string, string[]>} */
export const families = Object.fromEntries(
  Object.entries(MODULES).map(([name, list]) => [name, list.flatMap((one) => Object.keys(one.groups))]),
);

/**
 * The single groups that names stand for, all of them without any; undefined if a name is nothing.
 * @param {string[]} names
 */
export function chosen(names) {
  if (names.length === 0) return Object.keys(groups);
  const known = { ...Object.fromEntries(Object.keys(groups).map((name) => [name, [name]])), ...families };
  const lists = names.map((name) => (Object.hasOwn(known, name) ? known[name] : undefined));
  return lists.includes(undefined) ? undefined : [...new Set(lists.flatMap((list) => list ?? []))];
}
