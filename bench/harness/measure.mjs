// Runs variants side by side in many short rounds, in an order that changes, and times what they do.

/**
 * What is measured beside others: `run(cycles)` returns, or promises, what one cycle took.
 * @template [T=number]
 * @typedef {{ name: string, run: (cycles: number) => T | Promise<T> }} Variant
 */

/** A fixed sequence, so that the order of variants is as unrelated to garbage collections on each run alike. */
function generator() {
  let state = 0x9e3779b9;
  return (/** @type {number} */ below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * Gives a list in another order each time it is called.
 * @template T
 * @param {T[]} list
 */
export function shuffled(list) {
  const random = generator();
  return () => {
    const result = [...list];
    for (let i = result.length - 1; i > 0; i--) {
      const j = random(i + 1);
      [result[i], result[j]] = [result[j], result[i]];
    }
    return result;
  };
}

/**
 * Runs each variant once per round, in an order that changes. The samples of a round belong together.
 * @template T
 * @param {Variant<T>[]} variants
 * @param {{ rounds: number, cycles: number, warmUp: number }} length
 */
export async function sideBySide(variants, { rounds, cycles, warmUp }) {
  const next = shuffled(variants);
  /** @type {Record<string, T[]>} */
  const samples = Object.fromEntries(variants.map(({ name }) => [name, []]));
  for (let round = -warmUp; round < rounds; round++) {
    for (const { name, run } of next()) {
      const took = await run(cycles);
      if (round >= 0) samples[name].push(took);
    }
  }
  return samples;
}

/** Cycles before the clock starts in each round: what ran before has left the caches to itself. */
const UNTIMED = 5;

/**
 * Times a synchronous cycle.
 * @param {() => unknown} cycle
 */
export function synchronous(cycle) {
  return (/** @type {number} */ cycles) => {
    for (let left = UNTIMED; left > 0; left--) cycle();
    const start = process.hrtime.bigint();
    for (let left = cycles; left > 0; left--) cycle();
    return Number(process.hrtime.bigint() - start) / cycles;
  };
}

/**
 * Times one that may take long, and may be asynchronous: after one untimed, or without where it runs once.
 * @param {() => unknown} ask
 */
export function timed(ask, times = 1) {
  return async () => {
    if (times > 1) await ask();
    const start = process.hrtime.bigint();
    for (let left = times; left > 0; left--) await ask();
    return Number(process.hrtime.bigint() - start) / times;
  };
}

/**
 * Gives each in turn: a package that remembers the last answer gains nothing.
 * @template T
 * @param {T[]} list
 */
export function inTurn(list) {
  let turn = 0;
  return () => list[turn++ % list.length];
}

/**
 * Times a cycle that calls back when it is over.
 * @param {(next: () => void) => unknown} cycle
 * @returns {(cycles: number) => Promise<number>}
 */
export function calledBack(cycle) {
  return (cycles) =>
    new Promise((resolve) => {
      let left = cycles + UNTIMED;
      let start = 0n;
      const next = () => {
        if (left === cycles) start = process.hrtime.bigint();
        if (left-- > 0) cycle(next);
        else resolve(Number(process.hrtime.bigint() - start) / cycles);
      };
      next();
    });
}
