// Sums up what clients met while a port went from one process to another, and turns restarts into columns of figures.

/** @typedef {{ ended: bigint, pid?: number, code?: string }} Met who answered a request and when, or what failed of it */
/** @typedef {{ answered: number, requests: number, failed: Record<string, number> }} Sum */
/** @typedef {Sum & { listening: number, heldBack: number }} Restart */
/** @typedef {{ listening: number[], answered: number[], requests: number[], heldBack: number[], failed: Record<string, number[]> }} Columns */

/**
 * What counts of a restart: requests that ended after the release.
 * @param {Met[]} records
 * @param {{ pid: number, released: bigint }} successor
 * @returns {Sum}
 */
export function sumUp(records, { pid, released }) {
  const after = records.filter(({ ended }) => ended > released);
  const answered = after.filter((record) => record.pid === pid).map(({ ended }) => ended);
  /** @type {Record<string, number>} */
  const failed = {};
  for (const { code } of after) if (code !== undefined) failed[code] = (failed[code] ?? 0) + 1;
  const first = answered.reduce((earliest, ended) => (ended < earliest ? ended : earliest));
  return { answered: Number(first - released), requests: after.length, failed };
}

/**
 * One list for each figure, in the order of the restarts; a code that a restart did not meet is 0 there.
 * @param {Restart[]} restarts
 * @returns {Columns}
 */
export function columns(restarts) {
  const codes = [...new Set(restarts.flatMap(({ failed }) => Object.keys(failed)))].sort();
  /** @param {Exclude<keyof Restart, 'failed'>} name */
  const column = (name) => restarts.map((one) => one[name]);
  return {
    listening: column('listening'),
    answered: column('answered'),
    requests: column('requests'),
    heldBack: column('heldBack'),
    failed: Object.fromEntries(codes.map((code) => [code, restarts.map(({ failed }) => failed[code] ?? 0)])),
  };
}

/**
 * How many requests failed in each restart, whatever the code.
 * @param {Pick<Columns, 'requests' | 'failed'>} restarts
 */
export function failures({ requests, failed }) {
  return requests.map((_, round) => Object.values(failed).reduce((total, list) => total + list[round], 0));
}
