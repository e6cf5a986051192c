// Runs bench/scale/many.mjs in every way and size, side by side; prints what each process said, one list a figure.
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { sideBySide } from '../harness/measure.mjs';

/**
 * @import { LeftOut } from '../group.ts'
 * @import { Listening } from './report-listeners.mjs'
 */

const WAYS = ['server.listen', 'server.listen(new BoundSocket)', 'new BoundSocket'];
const ROUNDS = 7;
const QUICK_ROUNDS = 3;
/** Besides the listeners: what a process of Node has open itself. */
const OTHERS = 200;

const SCENES = [
  { name: '1,000 listeners', count: 1000 },
  { name: '10,000 listeners', count: 10_000, isLong: true },
  { name: '10,000 listeners on port 0', count: 10_000, isChosen: true, isLong: true },
];

const quick = JSON.parse(process.argv[2]);

/** One that is opened again and again, and one that is asked about. */
const BESIDES = 2;

/** @param {string} name */
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * A process that may open so many; where the limit cannot be raised, it says so itself.
 * @param {number} count
 * @param {string[]} args
 * @param {string} [input]
 */
function run(count, args, input) {
  const raise = ['sh', '-c', 'ulimit -n "$0" 2>/dev/null; exec "$@"', String(count + OTHERS)];
  const [file, ...rest] = [...(process.platform === 'win32' ? [] : raise), process.execPath, ...args];
  return JSON.parse(execFileSync(file, rest, { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'inherit'] }));
}

/** @type {Record<string, Record<string, Listening<number>[]>>} */
const scenes = {};
/** @type {LeftOut} */
const leftOut = {};
const variants = [];
for (const { name, count, isChosen, isLong } of SCENES) {
  /** @type {{ ports: number[], reason?: string }} */
  const { ports, reason } =
    quick && isLong
      ? { ports: [], reason: 'not in a quick run' }
      : run(count, [path('free-ports.mjs'), String(count + BESIDES)]);
  if (reason !== undefined) {
    leftOut[name] = reason;
    continue;
  }
  scenes[name] = Object.fromEntries(WAYS.map((way) => [way, []]));
  for (const [way, list] of Object.entries(scenes[name])) {
    const input = JSON.stringify({ way, ports: isChosen ? ports.map(() => 0) : ports });
    const args = ['--expose-gc', path('many.mjs')];
    variants.push({ name: `${name}, ${way}`, run: () => void list.push(run(count, args, input)) });
  }
}
const rounds = quick ? QUICK_ROUNDS : ROUNDS;
// Each process is a new one: there is nothing to warm up but the machine's caches.
await sideBySide(variants, { rounds, cycles: 1, warmUp: 0 });

/** @param {Listening<number>[]} list */
const columns = (list) =>
  Object.fromEntries(
    /** @type {(keyof Listening)[]} */ (Object.keys(list[0])).map((figure) => [
      figure,
      list.map((one) => Math.round(one[figure])),
    ]),
  );
const result = Object.entries(scenes).map(([name, ways]) => [
  name,
  Object.fromEntries(Object.entries(ways).map(([way, list]) => [way, columns(list)])),
]);
console.log(JSON.stringify({ scenes: Object.fromEntries(result), leftOut }));
