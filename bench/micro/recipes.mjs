// The group of recipes: what each way to bind costs, against C that makes the same system calls.
import { once } from 'node:events';
import net from 'node:net';
import { BoundSocket } from 'exactbind';
import { floor, startFloor } from '../harness/floor.mjs';
import { sideBySide, synchronous } from '../harness/measure.mjs';

/**
 * @import { BindOptions } from 'exactbind'
 * @import { Comparison } from '../group.ts'
 * @import { Variant } from '../harness/measure.mjs'
 */

const SERVE = 'l0,s0:a1';
const OPEN6 = 'o0:6s,s0:60';
const GUARD6 = 'o1:6s,s1:60,b1:::,s1:p1,s0:a0,s0:p1';
const THIRD4 = 'o2:4s,s2:p1,s2:f1,b2:192.0.2.1,c2';
const THIRD6 = 'o2:6s,s2:p1,s2:F1,b2:2001:db8::1,c2';
// LISTENING, UNSETTLED and BOUND_EXPLICITLY of lib/socket-list.ts
const LISTENERS = 'n0,q3:400';
const STRANGERS = 'n0,q3:2004,q3:4000dffb';

/**
 * The calls that strace shows of each, in the words of recipes.c.
 * @type {Record<string, { options: BindOptions, calls: string }>}
 */
const RECIPES = {
  '::': { options: {}, calls: `${OPEN6},b0:::,${SERVE},c0` },
  '127.0.0.1': { options: { host: '127.0.0.1' }, calls: `o0:4s,b0:127.0.0.1,${SERVE},c0` },
  '::1, momentary guard': { options: { host: '::1' }, calls: `${OPEN6},${GUARD6},b0:::1,s0:p0,c1,${SERVE},c0` },
  ':: V6ONLY, momentary guard': {
    options: { host: '::', ipv6Only: true },
    calls: `o0:6s,s0:61,${GUARD6},b0:::,s0:p0,c1,${SERVE},c0`,
  },
  '0.0.0.0, guard: true': {
    options: { host: '0.0.0.0', guard: true },
    calls: `o0:4s,o1:6s,s1:61,b1:::,s0:a0,s0:p0,b0:0.0.0.0,${SERVE},c0,c1`,
  },
  '127.0.0.1, guard: true': {
    options: { host: '127.0.0.1', guard: true },
    calls: `o0:4s,${GUARD6},b0:127.0.0.1,l0,s0:p0,${THIRD4},s1:p0,s0:a1,${LISTENERS},c0,c1`,
  },
  '::1, guard: true': {
    options: { host: '::1', guard: true },
    calls: `${OPEN6},${GUARD6},b0:::1,l0,s0:p0,${THIRD6},s1:p0,s0:a1,${LISTENERS},c0,c1`,
  },
  'reuse-port, 127.0.0.1': {
    options: { host: '127.0.0.1', sharing: 'reuse-port' },
    calls: `o0:4s,s0:p1,b0:127.0.0.1,${SERVE},c0`,
  },
  'reservation, 127.0.0.1': { options: { host: '127.0.0.1', reserve: true }, calls: 'o0:4s,b0:127.0.0.1,c0' },
  'UDP, 127.0.0.1': {
    options: { host: '127.0.0.1', protocol: 'udp' },
    calls: 'o0:4d,s0:a1,s0:a0,o1:4d,b1:0.0.0.0,s1:p1,s0:a0,s0:p1,b0:127.0.0.1,s0:p0,c1,c0',
  },
  '127.0.0.1, over leftovers': {
    options: { host: '127.0.0.1' },
    calls: `o0:4s,B0:127.0.0.1,s0:p0,s0:a1,b0:127.0.0.1,${SERVE},${STRANGERS},c0`,
  },
};

const OVER = '127.0.0.1, over leftovers';

/** A connection whose listener has gone stays on the port. @param {number} port */
async function leaveConnection(port) {
  const server = net.createServer();
  server.listen(new BoundSocket({ port, host: '127.0.0.1', acceptPartial: true }));
  const client = net.connect(port, '127.0.0.1');
  const [accepted] = await once(server, 'connection');
  server.close();
  return () => {
    accepted.destroy();
    client.destroy();
  };
}

/** @param {boolean} quick */
const lengthOf = (quick) =>
  quick ? { rounds: 60, cycles: 20, warmUp: 20 } : { rounds: 1000, cycles: 20, warmUp: 200 };
// To list connections, the kernel walks its whole table of them: milliseconds, where there is much memory.
/** @param {boolean} quick */
const lengthOver = (quick) => (quick ? { rounds: 10, cycles: 2, warmUp: 2 } : { rounds: 100, cycles: 2, warmUp: 5 });

/** @param {string} program @param {string[]} names @param {{ quick: boolean }} how */
async function measured(program, names, { quick }) {
  const free = new BoundSocket({ port: 0 });
  const { port } = free.address();
  free.close();
  const isOver = names.includes(OVER);
  const clear = isOver ? await leaveConnection(port) : () => {};
  // A word on the line, so without blanks.
  const words = names.map((name, at) => `r${at}=${RECIPES[name].calls}`);
  const c = startFloor(program, { threads: true, args: [String(port), ...words] });
  /** @type {Variant[]} */
  const variants = names.flatMap((name, at) => [
    { name: `C, ${name}`, run: (cycles) => c.run(`r${at}`, cycles) },
    { name, run: synchronous(() => new BoundSocket({ port, ...RECIPES[name].options, acceptPartial: true }).close()) },
  ]);
  try {
    return await sideBySide(variants, isOver ? lengthOver(quick) : lengthOf(quick));
  } finally {
    c.end();
    clear();
  }
}

/** @param {{ quick: boolean }} how */
async function recipesGroup(how) {
  const { program, skipped } = floor('recipes');
  if (skipped !== undefined) return { skipped };
  const names = Object.keys(RECIPES);
  // Beside leftovers every other recipe would be over them too.
  const others = names.filter((name) => name !== OVER);
  const samples = { ...(await measured(program, others, how)), ...(await measured(program, [OVER], how)) };
  /** @type {Comparison[]} */
  const comparisons = names.map((name) => ({
    ...{ name, baseline: `C, ${name}` },
    ...(name === OVER && { machineBound: true }),
  }));
  return { unit: 'ns', comparisons, samples };
}

export const groups = { recipes: recipesGroup };

export const reports = {
  recipes: {
    title: 'Recipes',
    note:
      '`new BoundSocket()` and `close()` by each recipe of Linux, against bench/micro/recipes.c, which makes the same system ' +
      'calls on the same port, in a process with as many idle threads as Node has. Over leftovers, a connection stays on the ' +
      'port, and the list of sockets is asked twice.',
  },
};
