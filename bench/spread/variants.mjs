// What spreads the connections of one port over processes, by name, and what arrives there.

/** @typedef {{ name: string, policy?: string, way: string }} Variant */
/** @typedef {{ name: string, header?: string }} Load */
/** @typedef {{ variant: string, workers: number, load: string }} Key what a run is known by */

export const BASELINE = 'cluster, SCHED_RR';

/**
 * `policy` is one of a cluster; without it each worker is a process that binds for itself. `way` is one of worker.mjs.
 * @type {Variant[]}
 */
export const VARIANTS = [
  { name: BASELINE, policy: 'SCHED_RR', way: 'plain' },
  { name: 'cluster, SCHED_NONE', policy: 'SCHED_NONE', way: 'plain' },
  { name: "exactbind, sharing: 'reuse-port'", way: 'exactbind' },
  { name: 'server.listen({ reusePort: true })', way: 'reusePort' },
];

/**
 * Connections that live as long as a run are spread once; the others for each request.
 * @type {Load[]}
 */
export const LOADS = [{ name: 'keep-alive' }, { name: 'Connection: close', header: 'Connection: close' }];

/**
 * An older Node ignores the option, and the second worker would be refused.
 * @param {string} version
 */
export function hasReusePort(version) {
  const [major, minor] = version.split('.').map(Number);
  if (major === 22) return minor >= 12;
  return major > 23 || (major === 23 && minor >= 1);
}

/** @param {Key} run */
export const sampleName = ({ variant, workers, load }) =>
  `${variant}, ${workers} ${workers === 1 ? 'worker' : 'workers'}, ${load}`;
