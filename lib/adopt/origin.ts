// What a handle of Node's came from, if this package opened its socket: whoever hands it over tells the next process.
import type { BindRequest } from '../bind/request.ts';
import type { Bound } from '../bind/socket.ts';
import type { BoundPath } from '../unix/socket.ts';

export interface PortOrigin {
  readonly request: BindRequest;
  readonly bound: Bound;
}

/** Of a Unix socket. */
export interface PathOrigin {
  readonly request: undefined;
  readonly bound: BoundPath;
}

export type Origin = PortOrigin | PathOrigin;

const ORIGIN = Symbol('exactbind.origin');

interface Marked {
  [ORIGIN]?: Origin;
}

export function remember(handle: object, origin: Origin): void {
  (handle as Marked)[ORIGIN] = origin;
}

export function originOf(handle: object): Origin | undefined {
  return (handle as Marked)[ORIGIN];
}
