// What a handle of Node's came from, if this package opened its socket: whoever hands it over tells the next process.
import type { BindRequest } from '../bind/request.ts';
import type { Bound } from '../bind/socket.ts';

export interface Origin {
  readonly request: BindRequest;
  readonly bound: Bound;
}

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
