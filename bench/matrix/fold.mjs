// A matrix in a few kilobytes: a row for each first socket, a letter for each second, and a legend of what they mean.
import { KEYS } from '../../dist/matrix.cjs';

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

const firstKey = ({ protocol, first }) => [protocol, first.state, first.sharing, first.address].join(' ');
const secondKey = ({ second }) => [second.owner, second.sharing, second.address].join(' ');

/** What was measured; what is predicted follows from the rule. */
export function fold({ cells, ...machine }) {
  const seconds = [...new Set(cells.map(secondKey))];
  const letters = new Map();
  const rows = {};
  for (const cell of cells) {
    const result = JSON.stringify(KEYS.map((key) => cell.measured[key]));
    if (!letters.has(result)) {
      if (letters.size === LETTERS.length) throw new Error(`there are more than ${LETTERS.length} different results`);
      letters.set(result, LETTERS[letters.size]);
    }
    const key = firstKey(cell);
    rows[key] = (rows[key] ?? '') + letters.get(result);
  }
  const legend = Object.fromEntries(
    Array.from(letters, ([result, letter]) => [
      letter,
      Object.fromEntries(JSON.parse(result).map((value, index) => [KEYS[index], value])),
    ]),
  );
  return { ...machine, seconds, legend, rows };
}

/** The cells again, in their order, without what is predicted. */
export function unfold({ seconds, legend, rows, ...machine }) {
  const cells = Object.entries(rows).flatMap(([key, letters]) => {
    const [protocol, state, sharing, ...address] = key.split(' ');
    const first = { sharing, state, address: address.join(' ') };
    return [...letters].map((letter, index) => {
      const [owner, second, ...where] = seconds[index].split(' ');
      return {
        protocol,
        first,
        second: { sharing: second, address: where.join(' '), owner },
        measured: legend[letter],
      };
    });
  });
  return { ...machine, cells };
}

/** The name of a run in which connections of :: are of IPv4: it has the same pairs as others, and other connections. */
export const WITHOUT_IPV6 = 'without IPv6';

/** How many cells two matrices have in common, and in how many of them something else was measured. */
export function compare(one, other) {
  const known = new Map(one.cells.map((cell) => [`${firstKey(cell)} ${secondKey(cell)}`, cell.measured]));
  let common = 0;
  let different = 0;
  for (const cell of other.cells) {
    const measured = known.get(`${firstKey(cell)} ${secondKey(cell)}`);
    if (measured === undefined) continue;
    common++;
    if (KEYS.some((key) => measured[key] !== cell.measured[key])) different++;
  }
  return { common, different };
}
