// Listens to an AbortSignal, also in the contexts of Jest and vitest's vm pools.

import { bare } from './own.ts';

/**
 * Calls `listener` once, when the signal is aborted; returns what ends that.
 *
 * Not addAbortListener() of node:events: what it returns is ended by Symbol.dispose, which contexts of Node 20 lack.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  signal.addEventListener('abort', listener, bare({ once: true }));
  return () => signal.removeEventListener('abort', listener);
}
