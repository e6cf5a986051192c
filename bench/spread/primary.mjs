// The primary of a cluster of workers: it passes questions on, and answers with the list of their answers.
import cluster from 'node:cluster';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { askAll, hears } from '../harness/ask.mjs';

const [policy, size] = process.argv.slice(2);

cluster.schedulingPolicy = cluster[/** @type {'SCHED_RR' | 'SCHED_NONE'} */ (policy)];
cluster.setupPrimary({ exec: fileURLToPath(new URL('worker.mjs', import.meta.url)), args: [] });
const workers = Array.from({ length: Number(size) }, () => cluster.fork().process);
await hears(workers);

process.on('message', async (/** @type {object} */ question) => process.send?.(await askAll(workers, question)));
process.on('disconnect', async () => {
  // The next team is measured without what is left of this one: connections too, that nobody is left to be handed.
  for (const worker of Object.values(cluster.workers ?? {})) worker?.on('error', () => {});
  await Promise.all(
    workers.map((worker) => {
      const ended = once(worker, 'exit');
      worker.kill('SIGKILL');
      return ended;
    }),
  );
  process.exit();
});
process.send?.('hears');
