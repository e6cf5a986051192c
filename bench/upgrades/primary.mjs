// A cluster that replaces its workers one by one, as one writes it by hand.
import cluster from 'node:cluster';
import { once } from 'node:events';
import process from 'node:process';
import { program } from './place.mjs';

const WORKERS = 2;

cluster.setupPrimary({ exec: program('app.cjs') });

async function join() {
  const worker = cluster.fork();
  await once(worker, 'listening');
  return worker;
}

const workers = await Promise.all(Array.from({ length: WORKERS }, join));

async function reload() {
  for (const [at, old] of workers.entries()) {
    workers[at] = await join();
    const ended = once(old, 'exit');
    old.disconnect();
    await ended;
  }
}

process.on('message', reload);
process.on('disconnect', () => process.exit());
