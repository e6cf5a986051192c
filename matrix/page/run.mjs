// `npm run bench:matrix [-- --json | --wine]`: measures the bind matrix, keeps it in bench/results/, and makes the page of it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inOwnNetwork } from '../../scripts/own-network.mjs';
import { compare, fold, WITHOUT_IPV6 } from './fold.mjs';
import { writePage } from './page.mjs';

/** @import { Matrix } from '../index.ts' */

/** @param {string} name */
const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const command = [process.execPath, path('../../dist/cli.cjs'), 'matrix', '--json'];

const isLinux = process.platform === 'linux';
const isRoot = process.getuid?.() === 0;
const NOBODY = isLinux ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : ['sudo', '-u', 'nobody'];
const NO_IPV6 = ['sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && exec "$@"', 'sh'];

/** What comes before the command, by the name of the run. */
const RUNS = {
  first: [],
  again: [],
  ...(isRoot && { 'as an ordinary user': NOBODY }),
  ...(isRoot && isLinux && { [WITHOUT_IPV6]: NO_IPV6 }),
};

/**
 * 1 is a matrix that is not as predicted: it is kept all the same, and the page shows it.
 * @param {string[]} command
 */
function measure([file, ...args]) {
  const { status, stdout } = spawnSync(file, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
  });
  if (status !== 0 && status !== 1) throw new Error(`${args.join(' ')}: status ${status}`);
  if (status === 1) process.exitCode = 1;
  return stdout;
}

/** @param {Record<string, Matrix>} runs */
function keep(runs) {
  const [{ os, kernel, arch, node }] = Object.values(runs);
  const folded = Object.entries(runs).map(([name, matrix]) => {
    const { uid, leftOut, seconds, legend, rows } = fold(matrix);
    return [name, { uid, leftOut, seconds, legend, rows }];
  });
  const file = `matrix-${os}-${arch}-node${node.slice(1)}.json`;
  mkdirSync(path('../../bench/results/'), { recursive: true });
  const text = JSON.stringify({ os, kernel, arch, node, runs: Object.fromEntries(folded) }, undefined, 1);
  writeFileSync(path(`../../bench/results/${file}`), `${text}\n`);
  writePage();
  for (const [name, matrix] of Object.entries(runs)) {
    const { common, different } = compare(runs.first, matrix);
    const isNotCompared = name === 'first' || name === WITHOUT_IPV6;
    const same = isNotCompared ? '' : `, ${common - different} of ${common} as in the first run`;
    console.log(`${name}: ${matrix.cells.length} cells${same}`);
  }
  console.log(`bench/results/${file}, docs/bind-semantics.md`);
}

if (process.argv.includes('--json')) {
  process.stdout.write(measure(inOwnNetwork(command)));
} else if (process.argv.includes('--wine')) {
  const [version, matrix] = measure([process.execPath, path('wine.mjs')]).split('\n');
  keep({ first: { ...JSON.parse(matrix), kernel: version } });
} else {
  const runs = Object.entries(RUNS).map(([name, before]) => [name, measure(inOwnNetwork([...before, ...command]))]);
  keep(Object.fromEntries(runs.map(([name, stdout]) => [name, JSON.parse(stdout)])));
}
