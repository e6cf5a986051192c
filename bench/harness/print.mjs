// Prints what a program has measured, for the process that started it and reads it (alone.mjs).

/**
 * Every number to the next whole one: nanoseconds have no parts that count.
 * @param {object} result
 */
export function printWhole(result) {
  console.log(JSON.stringify(result, (_, value) => (typeof value === 'number' ? Math.round(value) : value)));
}
