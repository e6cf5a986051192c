// Tells a hooked cluster worker that its primary, which binds the ports that workers share, is not hooked itself.

import type { Cluster } from 'node:cluster';
import { bare } from '../own.ts';

// Workers inherit the environment of their primary.
const MARK = 'EXACTBIND_REGISTERED';

const WARNING =
  'the primary of this cluster does not load exactbind/register, and it binds the ports of its workers: they are not ' +
  'exclusive. Set NODE_OPTIONS="--require …" before the primary starts (pm2: before its daemon starts)';

/** Only a worker has both; loading node:cluster elsewhere would take a millisecond. */
function isClusterWorker(): boolean {
  if (process.channel === undefined) return false;
  const cluster = process.getBuiltinModule('node:cluster') as unknown as Cluster;
  return cluster.isWorker;
}

/** Marks this process as hooked, and warns once if it is the worker of one that is not. */
export function checkPrimary(): void {
  if (process.env[MARK] !== String(process.ppid) && isClusterWorker()) {
    process.emitWarning(WARNING, bare({ type: 'ExactbindWarning', code: 'EXACTBIND_PRIMARY' }));
  }
  process.env[MARK] = String(process.pid);
}
