// Figures and tables of a report, as Markdown.

/** @typedef {[size: number, suffix: string]} Unit */

/**
 * @param {number} value
 * @param {Unit} unit
 */
export function figure(value, [unit, suffix], digits = 2) {
  return `${(value / unit).toFixed(digits)}${suffix}`;
}

/**
 * A line for each thing that was not measured, with the reason.
 * @param {import('../group.ts').LeftOut} leftOut
 * @param {(name: string) => string} [nameOf]
 */
export const leftOutLines = (leftOut, nameOf = (name) => name) =>
  Object.entries(leftOut).map(([name, reason]) => `\nLeft out: ${nameOf(name)} (${reason}).`);

/**
 * @param {string[]} head
 * @param {string[][]} rows
 */
export function table(head, rows) {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  /** @param {string[]} row */
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)];
}
