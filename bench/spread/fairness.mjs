// How evenly work was spread: the shares of the busiest and the idlest worker, and Jain's index.

/**
 * `busiest` and `idlest` are multiples of a fair share. Jain's index is 1 where all served the same, and 1/n where one of n
 * served everything (Jain, Chiu and Hawe, "A Quantitative Measure of Fairness", 1984).
 */
export function fairness(served) {
  const total = served.reduce((sum, count) => sum + count, 0);
  if (!(total > 0)) throw new RangeError('nobody served anything, which is neither fair nor unfair');
  const fair = total / served.length;
  const squares = served.reduce((sum, count) => sum + count ** 2, 0);
  return {
    busiest: Math.max(...served) / fair,
    idlest: Math.min(...served) / fair,
    jain: total ** 2 / (served.length * squares),
  };
}
