// Has a port refused in each way on a quiet machine and on a busy one; prints the samples.
import { execFile, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { crowd } from '../harness/crowd.mjs';
import { REGISTER } from '../harness/package.mjs';

const REFUSE = fileURLToPath(new URL('refuse.mjs', import.meta.url));
// Nobody else is in this network namespace.
const PORT = 10_000;

const WAYS = {
  'await listen(server)': [],
  'server.listen under register': ['--require', REGISTER],
  'new BoundSocket': [],
};

/** @type {Record<string, { loops: number, processes: number, descriptors: number }>} */
const SCENES = {
  'a quiet machine': { loops: 0, processes: 0, descriptors: 0 },
  '100 processes': { loops: 0, processes: 100, descriptors: 20 },
  'a busy machine': { loops: 8 * availableParallelism(), processes: 150, descriptors: 50 },
};

const [times] = process.argv.slice(2);

/** @type {Record<string, Record<string, object>>} */
const scenes = {};
for (const [scene, { loops, ...size }] of Object.entries(SCENES)) {
  const there = await crowd({ ...size, ports: [PORT] });
  if (there.reason !== undefined) throw new Error(there.reason);
  const busy = Array.from({ length: loops }, () => spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }));
  scenes[scene] = {};
  for (const [way, args] of Object.entries(WAYS)) {
    const words = [...args, REFUSE, way, String(PORT), String(there.pids[0]), times];
    const { stdout } = await promisify(execFile)(process.execPath, words, { maxBuffer: 2 ** 24 });
    scenes[scene][way] = JSON.parse(stdout);
  }
  for (const loop of busy) loop.kill('SIGKILL');
  await there.end();
}
console.log(JSON.stringify({ scenes }));
