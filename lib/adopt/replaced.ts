// Marks the functions of Node that exactbind/register has replaced, and tells whether it has.
import net from 'node:net';
import { bare } from '../own.ts';

// What a function of ours replaces, for the next copy of this module: Jest loads one for each file of tests.
const REPLACED = Symbol.for('exactbind.replaced');

export function replacing<F extends object>(replacement: F, replaced: F): F {
  return Object.defineProperty(replacement, REPLACED, bare({ value: replaced }));
}

export function original<F>(found: F): F {
  return (found as { [REPLACED]?: F } | undefined)?.[REPLACED] ?? found;
}

/** Whether this thread's servers bind exactly without being asked. */
export function isHooked(): boolean {
  const { _listen2: listen } = net.Server.prototype as unknown as { _listen2: object };
  return original(listen) !== listen;
}
