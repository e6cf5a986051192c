// Starts the frameworks that people use, with the hook and without: a port that is taken, a restart, an end.
//
// npm run test:frameworks [-- --sample] [--newer] [words of the names of what to run]
// Each on this Node, or on a newer one if it wants that; with --newer, on both. All of it, without words, writes
// docs/frameworks.md. The sample is for CI.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { live } from './frameworks/life.mjs';
import { SERVERS } from './frameworks/servers.mjs';
import { writePage } from './frameworks/table.mjs';
import { TOOLS } from './frameworks/tools.mjs';
import { CACHE, install, nodeBinary } from './node-binaries.mjs';
import { inOwnNetwork } from './own-network.mjs';

/** @import { Framework, Mode } from './frameworks/servers.mjs' */
/** @import { Found } from './frameworks/table.mjs' */

const root = fileURLToPath(new URL('..', import.meta.url));
const INSIDE = 'EXACTBIND_FRAMEWORKS_INSIDE';
const NEWER = 24;
/** @type {Mode[]} */
const MODES = ['plain', 'hook', 'api'];
// Outside of the ports that a system gives by itself: a client that tries again could take one of those.
const FIRST_PORT = 10_000;
const AT_ONCE = 3;

const isSample = process.argv.includes('--sample');
const isBoth = process.argv.includes('--newer');
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const all = [...SERVERS, ...TOOLS];
const chosen = all.filter(
  ({ name, isSample: isIn }) =>
    (!isSample || isIn) && (words.length === 0 || words.some((word) => name.includes(word))),
);

const [own = 0] = process.versions.node.split('.').map(Number);
/** @type {(framework: Framework) => number[]} */
const majorsOf = ({ node = 0 }) => [
  ...(own >= node ? [own] : []),
  ...(own < Math.max(node, isBoth ? NEWER : 0) ? [NEWER] : []),
];

/** One folder for all that is tried: its name says what is in it. */
function installed() {
  const wanted = isSample ? chosen : all;
  const packages = [...new Set(wanted.flatMap((framework) => framework.packages))].sort();
  const digest = createHash('sha256').update(packages.join()).digest('hex').slice(0, 16);
  const folder = join(CACHE, 'frameworks', digest);
  const link = join(folder, 'node_modules/exactbind');
  // The link comes last: without it, what is there is incomplete.
  if (!existsSync(link)) {
    install(folder, packages);
    symlinkSync(root, link, 'junction');
  }
  return folder;
}

/** @param {number} major */
const nodeOf = (major) =>
  major === own ? { path: process.execPath, version: process.versions.node } : nodeBinary(String(major));

if (chosen.length === 0) throw new Error(`nothing is called ${words.join(' ')}`);
const folder = installed();
const nodes = new Map([...new Set(chosen.flatMap(majorsOf))].map((major) => [major, nodeOf(major)]));
// What is tried has a network of its own; what is installed has not.
if (process.env[INSIDE] === undefined) {
  const [file = '', ...args] = inOwnNetwork([process.execPath, ...process.argv.slice(1)]);
  const { status } = spawnSync(file, args, { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } });
  process.exit(status ?? 1);
}

rmSync(join(folder, 'work'), { recursive: true, force: true });
let port = FIRST_PORT;
let [passed, failed] = [0, 0];
/** @type {Found[]} */
const found = [];

/** @type {(framework: Framework, mode: Mode, node: { path: string, version: string }) => Promise<void>} */
async function attempt(framework, mode, { path, version }) {
  const name = `${framework.name}, ${mode}, Node ${version}`;
  const started = performance.now();
  try {
    const life = await live(framework, mode, { node: path, folder, port: port++ });
    if (mode === 'hook' && !life.holder && !framework.isSilent) throw new Error('conflict: nobody is named');
    passed++;
    found.push({ framework, mode, version, ...life });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(
      `passed  ${name} (${seconds} s): ${life.conflict}${life.holder ? ', holder named' : ''}, stop ${life.stop}`,
    );
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}\n${error instanceof Error ? error.message : error}`);
  }
}

const turns = chosen.flatMap((framework) =>
  majorsOf(framework).flatMap((major) =>
    MODES.map((mode) => () => attempt(framework, mode, /** @type {ReturnType<typeof nodeOf>} */ (nodes.get(major)))),
  ),
);
const next = async () => {
  for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) await turn();
};
await Promise.all(Array.from({ length: AT_ONCE }, next));

if (!isSample && words.length === 0 && failed === 0) writePage(found);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
