// A member of a reuse-port group, which leaves it by retire().
import process from 'node:process';
import { listen } from 'exactbind';
import { retire } from 'exactbind/handover';
import { prepareToDrain } from './draining.mjs';
import { address, makeServer } from './serve.cjs';

const server = makeServer();
const drain = prepareToDrain(server);
server.once('close', () => process.exit());
await listen(server, { ...address, sharing: 'reuse-port' });
process.once('SIGTERM', async () => {
  await retire(server);
  drain();
});
