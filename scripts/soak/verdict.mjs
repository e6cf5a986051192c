// Whether a soak's samples are flat: what it holds at its end, beside what it held when it was warm.

/**
 * One moment at which everything was closed and collected. Bytes, but for the counts.
 * @typedef {{ seconds: number, rounds: number, rss: number, privateDirty: number, heap: number, descriptors: number,
 *   threads: number }} Sample
 */

/**
 * By how much each may grow once the run is warm: an allocator's arenas and a heap breathe, and what is counted does not.
 * @type {Record<'rss' | 'privateDirty' | 'heap' | 'descriptors' | 'threads', number>}
 */
const BOUNDS = { rss: 8 * 2 ** 20, privateDirty: 8 * 2 ** 20, heap: 2 ** 20, descriptors: 0, threads: 0 };

export const MEASURES = /** @type {(keyof typeof BOUNDS)[]} */ (Object.keys(BOUNDS));

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/**
 * Compares the first fifth after the warm-up with the last one, by their medians.
 * @param {readonly Sample[]} samples
 * @param {number} warm the second from which on they count
 */
export function judge(samples, warm) {
  const counted = samples.filter(({ seconds }) => seconds >= warm);
  const fifth = Math.max(1, Math.floor(counted.length / 5));
  return MEASURES.map((measure) => {
    const values = counted.map((sample) => sample[measure]);
    const [from, to] = [median(values.slice(0, fifth)), median(values.slice(-fifth))];
    const bound = BOUNDS[measure];
    // One sample compares with nothing.
    return { measure, from, to, bound, most: Math.max(...values), isFlat: counted.length > 1 && to - from <= bound };
  });
}
