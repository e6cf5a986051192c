// Sums up what clients met while a port went from one process to another, and turns restarts into columns of figures.

/**
 * What counts of a restart: requests that ended after the release. A record is `{ ended, pid }`, with who answered, or
 * `{ ended, code }`, with what failed.
 */
export function sumUp(records, { pid, released }) {
  const after = records.filter(({ ended }) => ended > released);
  const answered = after.filter((record) => record.pid === pid).map(({ ended }) => ended);
  const failed = {};
  for (const { code } of after) if (code !== undefined) failed[code] = (failed[code] ?? 0) + 1;
  const first = answered.reduce((earliest, ended) => (ended < earliest ? ended : earliest));
  return { answered: Number(first - released), requests: after.length, failed };
}

/** One list for each figure, in the order of the restarts; a code that a restart did not meet is 0 there. */
export function columns(restarts) {
  const codes = [...new Set(restarts.flatMap(({ failed }) => Object.keys(failed)))].sort();
  const column = (name) => restarts.map((one) => one[name]);
  return {
    listening: column('listening'),
    answered: column('answered'),
    requests: column('requests'),
    heldBack: column('heldBack'),
    failed: Object.fromEntries(codes.map((code) => [code, restarts.map(({ failed }) => failed[code] ?? 0)])),
  };
}

/** How many requests failed in each restart, whatever the code. */
export function failures({ requests, failed }) {
  return requests.map((_, round) => Object.values(failed).reduce((total, list) => total + list[round], 0));
}
