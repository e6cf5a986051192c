// The digests of prebuilt binaries, in the format of sha256sum.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** @param {string} path */
export const sha256 = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');

/**
 * One line a file, in the order of the names.
 * @param {Record<string, string>} sums
 */
export function formatSums(sums) {
  const rows = Object.entries(sums).sort(([a], [b]) => (a < b ? -1 : 1));
  return rows.map(([file, digest]) => `${digest}  ${file}\n`).join('');
}

/**
 * @param {string} text
 * @returns {Record<string, string>}
 */
export function parseSums(text) {
  return Object.fromEntries(
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split('  ').reverse()),
  );
}
