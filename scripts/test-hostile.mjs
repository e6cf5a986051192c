// A minute of hostile bytes in the system's answers about sockets and processes; npm test takes a few seconds of it.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const test = fileURLToPath(new URL('test.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [test, '--project', 'listen', 'test/listen/hostile.test.ts'], {
  stdio: 'inherit',
  env: { ...process.env, EXACTBIND_HOSTILE_SECONDS: '30' },
});
process.exitCode = status ?? 1;
