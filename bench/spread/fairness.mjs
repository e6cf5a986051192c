// How evenly work was spread: the shares of the busiest and the idlest worker, and Jain's index.
import { sum } from '../harness/compare.mjs';

/**
 * `busiest` and `idlest` are multiples of a fair share. Jain's index is 1 where all served the same, and 1/n where one of n
 * served everything (Jain, Chiu and Hawe, "A Quantitative Measure of Fairness", 1984).
 * @param {number[]} served
 */
export function fairness(served) {
  const total = sum(served);
  if (!(total > 0)) throw new RangeError('nobody served anything, which is neither fair nor unfair');
  const fair = total / served.length;
  const squares = sum(served.map((count) => count ** 2));
  return {
    busiest: Math.max(...served) / fair,
    idlest: Math.min(...served) / fair,
    jain: total ** 2 / (served.length * squares),
  };
}
