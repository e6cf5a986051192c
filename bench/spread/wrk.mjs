// Runs wrk against a port for a moment, and reads what it prints.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { sum } from '../harness/compare.mjs';

/** What wrk calls itself, or undefined where there is none. */
export function wrkVersion() {
  const { stdout } = spawnSync('wrk', ['--version'], { encoding: 'utf8' });
  return stdout?.match(/^wrk (\S+)/)?.[1];
}

/**
 * Throws where any request failed: a rate that leaves failures out is none.
 * @param {string} printed
 */
export function parseWrk(printed) {
  const failures = printed.match(/^\s*(?:Socket errors|Non-2xx or 3xx responses):.*$/gm);
  if (failures !== null) throw new Error(`wrk: ${failures.map((line) => line.trim()).join('; ')}`);
  const requests = Number(printed.match(/^\s*(\d+) requests in /m)?.[1]);
  const perSecond = Number(printed.match(/^Requests\/sec:\s+(\d+(?:\.\d+)?)$/m)?.[1]);
  if (!(requests > 0 && perSecond > 0)) throw new Error(`wrk served no figures, but: ${printed.trim() || 'nothing'}`);
  return { requests, perSecond };
}

/**
 * Throws where the workers did not serve what wrk counted, and what was on its way when it stopped, this time or before.
 * @param {number[]} served
 * @param {number} requests
 * @param {number} connections
 */
export function crossCheck(served, requests, connections) {
  const onTheWay = sum(served) - requests;
  if (onTheWay >= 0 && onTheWay <= 2 * connections) return;
  throw new Error(
    `wrk counted ${requests} requests on ${connections} connections, and the workers ${served.join(' + ')}`,
  );
}

/**
 * `header` goes with each request.
 * @param {number} port
 * @param {{ header?: string, connections: number, threads: number, milliseconds: number }} how
 */
export async function load(port, { header, connections, threads, milliseconds }) {
  // wrk knows whole seconds only; interrupted, it sums up what it has. Its own end is for when nobody is left to interrupt.
  const most = Math.ceil(milliseconds / 1000) + 1;
  const size = ['--connections', connections, '--threads', threads, '--duration', `${most}s`].map(String);
  const more = header === undefined ? [] : ['--header', header];
  const wrk = spawn('wrk', [...size, ...more, `http://127.0.0.1:${port}/`], { stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => wrk.kill('SIGINT'), milliseconds);
  try {
    const [out, err, [status, signal]] = await Promise.all([text(wrk.stdout), text(wrk.stderr), once(wrk, 'close')]);
    if (status !== 0) throw new Error(`wrk ended with ${status ?? signal}: ${err.trim()} ${out.trim()}`);
    return parseWrk(out);
  } finally {
    clearTimeout(timer);
  }
}
