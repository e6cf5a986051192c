// Obeys Node's permission model, which a native bind would otherwise bypass.
import { accessDenied } from '../errors.ts';

// Node 20 to 24 have no such scope, and answer false for it even where everything is allowed.
// The flags are asked for only where there is a permission model: listing them takes a millisecond.
const { permission } = process as { permission?: { has(scope: string): boolean } };
const model =
  permission !== undefined && process.allowedNodeEnvironmentFlags.has('--allow-net') ? permission : undefined;

/** Whether this process may use the network: false under `--permission` without `--allow-net`. */
export function hasNetPermission(): boolean {
  return model === undefined || model.has('net');
}

/** @throws Error `ERR_ACCESS_DENIED` under `--permission` without `--allow-net`, as Node's own listen() does. */
export function requireNetPermission(resource: string): void {
  if (!hasNetPermission()) throw accessDenied(resource);
}
