// `npm run bench [group ...] [--quick]`: measures, prints, and keeps the raw figures in bench/results/.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { groups as timed } from './micro.mjs';
import { groups as single } from './options.mjs';
import { groups as peers } from './peers.mjs';
import { linesOf, writeReport } from './report.mjs';
import { groups as counted } from './syscalls.mjs';
import { groups as woken } from './wake.mjs';

const groups = { ...timed, ...single, ...counted, ...woken, ...peers };
const quick = process.argv.includes('--quick');
const asked = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const unknown = asked.find((name) => !(name in groups));
if (unknown !== undefined || process.argv.slice(2).some((word) => word.startsWith('--') && word !== '--quick')) {
  console.error(`usage: npm run bench [-- [--quick] ${Object.keys(groups).join(' | ')} ...]`);
  process.exit(2);
}

const machine = {
  os: process.platform,
  kernel: `${os.type()} ${os.release()}`,
  arch: process.arch,
  cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
  cpus: os.cpus().length,
  node: process.version,
};

function commit() {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return null; // a copy without its history
  }
}

const folder = fileURLToPath(new URL('results/', import.meta.url));
// A quick run is too short to be kept beside a full one.
const file = `${folder}${process.platform}-${process.arch}-node${process.versions.node}${quick ? '-quick' : ''}.json`;

/** Groups measured earlier stay, if they were measured on this machine. */
function earlier() {
  try {
    const { machine: before, groups: kept } = JSON.parse(readFileSync(file, 'utf8'));
    return JSON.stringify(before) === JSON.stringify(machine) ? kept : {};
  } catch {
    return {};
  }
}

function rounded(samples) {
  return Object.fromEntries(Object.entries(samples).map(([name, list]) => [name, list.map(Math.round)]));
}

const results = { machine, groups: earlier() };
for (const name of asked.length > 0 ? asked : Object.keys(groups)) {
  const loadBefore = os.loadavg()[0];
  const measured = await groups[name]({ scale: quick ? 0.1 : 1 });
  if (measured.samples !== undefined) measured.samples = rounded(measured.samples);
  results.groups[name] = { date: new Date().toISOString(), commit: commit(), loadBefore, ...measured };
  console.log(`\n${linesOf(name, results.groups[name]).join('\n')}`);
}

mkdirSync(folder, { recursive: true });
const oneLinePerList = JSON.stringify(results, null, 1).replace(
  /\[\s+(-?\d[^\]]*?)\s+\]/g,
  (_, list) => `[${list.replace(/\s+/g, '')}]`,
);
writeFileSync(file, `${oneLinePerList}\n`);
if (!quick) writeReport();
