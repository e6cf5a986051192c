// Obeys Node's permission model, which a native bind would otherwise bypass.
import { accessDenied } from '../errors.ts';

// Node 20 to 24 have no such scope, and answer false for it even where everything is allowed.
const hasScope = process.allowedNodeEnvironmentFlags.has('--allow-net');

/** Whether this process may use the network: false under `--permission` without `--allow-net`. */
export function hasNetPermission(): boolean {
  const { permission } = process as { permission?: { has(scope: string): boolean } };
  return !hasScope || permission === undefined || permission.has('net');
}

/** @throws Error `ERR_ACCESS_DENIED` under `--permission` without `--allow-net`, as Node's own listen() does. */
export function requireNetPermission(resource: string): void {
  if (!hasNetPermission()) throw accessDenied(resource);
}
