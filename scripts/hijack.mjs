// Attacks exactbind, and Node's own server beside it, in a network of the suite's own, and counts what was stolen.
//
//   npm run test:hijack -- --sample               a minute of it
//   npm run test:hijack -- --attempts 1000000     as many steady attempts; --seconds N ends what is repeated; --node 24
//   npm run test:hijack -- --keep                 writes the figures into bench/results
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { nodeBinary } from './node-binaries.mjs';
import { inOwnNetwork } from './own-network.mjs';

const { values } = parseArgs({
  options: {
    attempts: { type: 'string', default: '200000' },
    seconds: { type: 'string', default: '240' },
    tries: { type: 'string', default: '10' },
    starts: { type: 'string', default: '1000' },
    sample: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    node: { type: 'string' },
    inside: { type: 'boolean', default: false },
  },
});

/** Another device, a second address of each family; what a machine lacks is no reason to stop. */
const SETUP = [
  'link add d0 type veth peer name d1',
  'addr add 10.9.0.1/24 brd + dev d0',
  '-6 addr add fd00::1/64 dev d0 nodad',
  'link set d0 up',
  'link set d1 up',
];

if (process.platform !== 'linux') {
  console.log('left out: the hijack suite runs on Linux\n0 passed, 0 failed');
} else if (values.inside) {
  const { run } = await import('./hijack/suite.mjs');
  for (const words of SETUP) spawnSync('ip', words.split(' '));
  const small = values.sample ? { attempts: 30_000, seconds: 45, tries: 1, starts: 100 } : {};
  const asked = {
    attempts: Number(values.attempts),
    seconds: Number(values.seconds),
    tries: Number(values.tries),
    starts: Number(values.starts),
    ...small,
  };
  process.exitCode = (await run({ ...asked, keeps: values.keep })) ? 0 : 1;
  // Only what this process has started is waited for.
  process.exit();
} else {
  const node = values.node === undefined ? process.execPath : nodeBinary(values.node).path;
  const script = new URL(import.meta.url).pathname;
  const [file, ...args] = inOwnNetwork([node, script, ...process.argv.slice(2), '--inside']);
  if (file === node) {
    console.log('left out: this user gets no network namespace\n0 passed, 1 failed');
    process.exitCode = 1;
  } else {
    process.exitCode = spawnSync(file, args, { stdio: 'inherit' }).status ?? 1;
  }
}
