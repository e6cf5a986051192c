// The group that reads and sets single options: against C, koffi, the `sockopt` package and Node's own setter.
import { once } from 'node:events';
import net from 'node:net';
import { constants, getOption, setOption } from 'exactbind';
import { floor, startFloor } from '../harness/floor.mjs';
import { sideBySide, synchronous } from '../harness/measure.mjs';
import { peer } from '../peers/install.mjs';
import { leftOutLines } from '../report/table.mjs';
import { timings } from '../report/timings.mjs';

/**
 * @import { Comparison, LeftOut, Timed } from '../group.ts'
 * @import { Variant } from '../harness/measure.mjs'
 *
 * @typedef {{ get: () => unknown, set: () => unknown }} Calls getsockopt() and setsockopt(), as somebody makes them
 */

const { IPPROTO_TCP, TCP_NODELAY } = constants;

async function connection() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = net.connect(/** @type {net.AddressInfo} */ (server.address()).port, '127.0.0.1');
  const [[peer]] = await Promise.all([once(server, 'connection'), once(client, 'connect')]);
  return {
    client,
    close() {
      client.destroy();
      peer.destroy();
      server.close();
    },
  };
}

/**
 * getsockopt() and setsockopt() of the C library, called through koffi with memory that is allocated once.
 * @param {any} koffi a package without types
 * @param {number} fd
 * @returns {Calls}
 */
function throughKoffi(koffi, fd) {
  const library = koffi.load(null);
  const get = library.func('int getsockopt(int, int, int, void *, void *)');
  const set = library.func('int setsockopt(int, int, int, void *, uint32_t)');
  const value = new Int32Array(1);
  const length = new Int32Array([4]);
  /** @param {number} result */
  const check = (result) => {
    if (result !== 0) throw new Error('a call through koffi failed');
  };
  return {
    get() {
      length[0] = 4;
      check(get(fd, IPPROTO_TCP, TCP_NODELAY, value, length));
      return value[0] !== 0;
    },
    set() {
      value[0] = 1;
      check(set(fd, IPPROTO_TCP, TCP_NODELAY, value, 4));
    },
  };
}

/**
 * Variants of both calls that C makes, in two processes.
 * @param {string} program
 */
function cVariants(program) {
  const [plain, threaded] = [startFloor(program), startFloor(program, { threads: true })];
  const variants = CALLS.flatMap((call) => [
    { name: C[call], run: (/** @type {number} */ cycles) => plain.run(call, cycles) },
    { name: `${C[call]} with idle threads`, run: (/** @type {number} */ cycles) => threaded.run(call, cycles) },
  ]);
  return { variants, end: () => [plain, threaded].map((one) => one.end()) };
}

const CALLS = /** @type {const} */ (['get', 'set']);
const C = { get: 'C, getsockopt', set: 'C, setsockopt' };
const OURS = { get: 'getOption', set: 'setOption' };
const CHANGING = ['socket.setNoDelay, changing', 'setOption, changing'];

/**
 * Another value each time: Node skips the call for the same one.
 * @param {(value: boolean) => void} set
 */
function flip(set) {
  let value = false;
  return synchronous(() => {
    value = !value;
    set(value);
  });
}

/**
 * Both calls of a package by its name; it is left out with the reason where it cannot be had.
 * @param {string} name
 * @param {(loaded: any) => Calls} calls
 * @param {LeftOut} leftOut
 * @returns {Variant[]}
 */
function peerVariants(name, calls, leftOut) {
  const { loaded, reason } = peer(name);
  if (reason !== undefined) {
    leftOut[name] = reason;
    return [];
  }
  return Object.entries(calls(loaded)).map(([call, cycle]) => ({
    name: `${name}, ${call}sockopt`,
    run: synchronous(cycle),
  }));
}

/**
 * What is compared, whether it was measured or not.
 * @type {Comparison[]}
 */
const comparisons = CALLS.flatMap((call) => [
  { name: OURS[call], baseline: C[call], target: { ratio: 1.4 } },
  { name: OURS[call], baseline: `${C[call]} with idle threads`, target: { ratio: 1.4 } },
  { name: `${OURS[call]} of a descriptor`, baseline: C[call] },
  { name: OURS[call], baseline: `koffi, ${call}sockopt`, target: { ratio: 1 } },
  { name: OURS[call], baseline: `sockopt, ${call}sockopt`, target: { ratio: 1 } },
]);
comparisons.push({ name: CHANGING[1], baseline: CHANGING[0] });

/** @param {{ quick: boolean }} how */
async function optionsGroup({ quick }) {
  /** @type {LeftOut} */
  const leftOut = {};
  const { program, skipped } = floor('options');
  if (skipped !== undefined) leftOut.C = skipped;
  const c = program === undefined ? { variants: [], end: () => {} } : cVariants(program);
  const { client, close } = await connection();
  try {
    const { fd } = /** @type {{ _handle: { fd: number } }} */ (/** @type {unknown} */ (client))._handle;
    /** @type {Variant[]} */
    const variants = [
      ...c.variants,
      { name: OURS.get, run: synchronous(() => getOption(client, 'TCP_NODELAY')) },
      { name: OURS.set, run: synchronous(() => setOption(client, 'TCP_NODELAY', true)) },
      { name: CHANGING[0], run: flip((value) => client.setNoDelay(value)) },
      { name: CHANGING[1], run: flip((value) => setOption(client, 'TCP_NODELAY', value)) },
    ];
    // Windows has no descriptors of sockets.
    if (fd >= 0) {
      variants.push(
        { name: `${OURS.get} of a descriptor`, run: synchronous(() => getOption(fd, 'TCP_NODELAY')) },
        { name: `${OURS.set} of a descriptor`, run: synchronous(() => setOption(fd, 'TCP_NODELAY', true)) },
        ...peerVariants('koffi', (koffi) => throughKoffi(koffi, fd), leftOut),
      );
    }
    /** @param {any} sockopt a package without types */
    const theirs = ({ getsockopt, setsockopt }) => ({
      get: () => getsockopt(client, IPPROTO_TCP, TCP_NODELAY),
      set: () => setsockopt(client, IPPROTO_TCP, TCP_NODELAY, 1),
    });
    variants.push(...peerVariants('sockopt', theirs, leftOut));
    const rounds = quick ? 100 : 2000;
    const samples = await sideBySide(variants, { rounds, cycles: 1000, warmUp: rounds / 10 });
    return { unit: 'ns', comparisons, samples, leftOut };
  } finally {
    c.end();
    close();
  }
}

export const groups = { options: optionsGroup };

export const reports = {
  options: {
    title: 'One option',
    note:
      '`TCP_NODELAY` of a connection, by name, against bench/micro/options.c, which makes the same system call in a loop. Node ' +
      'skips `setNoDelay()` with the value it remembers, so that one gets another value each time.',
    /** @param {Timed & { leftOut: LeftOut }} group */
    lines: (group) => [...timings(group), ...leftOutLines(group.leftOut)],
  },
};
