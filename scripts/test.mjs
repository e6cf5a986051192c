// Runs the tests; on Linux in a network namespace of their own, where no other program's ports are in the way.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { inOwnNetwork } from './own-network.mjs';

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const node = process.env.EXACTBIND_TEST_NODE ?? process.execPath;

const [file, ...args] = inOwnNetwork([node, vitest, 'run', ...process.argv.slice(2)]);
const { status } = spawnSync(file, args, { stdio: 'inherit' });
process.exitCode = status ?? 1;
