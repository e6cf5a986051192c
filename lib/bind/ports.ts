// A list of ports: read once and checked, and bound where the first of them can be.
import { wrongValue } from '../errors.ts';
import { has } from '../own.ts';
import type { Refused, RefusedPorts } from './places.ts';
import type { BindRequest } from './request.ts';

/** More there are none. */
const MOST = 65_536;

// Others are counted: nobody reads more reports than that.
const MOST_KEPT = 100;

function checkOne(port: unknown): number {
  const isText = typeof port === 'string' && port.trim() !== '';
  const number = typeof port === 'number' || isText ? Number(port) : 0;
  if (number === number >>> 0 && number >= 1 && number <= 65_535) return number;
  throw wrongValue('options.port', port, 'must be a list of ports from 1 to 65535');
}

/**
 * Reads a list of ports, once.
 * @throws TypeError `ERR_INVALID_ARG_VALUE` of an empty one, of more than 65,536, and of what is no port from 1 to 65535
 */
export function readPorts(ports: Iterable<unknown>): readonly number[] {
  const read: number[] = [];
  for (const port of ports) {
    // It may never end.
    if (read.length === MOST) throw wrongValue('options.port', ports, `must have at most ${MOST} ports`);
    read.push(checkOne(port));
  }
  if (read.length === 0) throw wrongValue('options.port', ports, 'must have a port');
  return read;
}

/** Whether the next port may be tried: this one is somebody's, or not for this process. */
function goesOn({ refusal: { code, syscall } }: Refused): boolean {
  return (code === 'EADDRINUSE' || code === 'EACCES') && (syscall === 'bind' || syscall === 'listen');
}

/** The refusal of all: the first one's, with the code of a conflict if any was one. */
function refusedByAll(request: BindRequest, first: Refused, ports: RefusedPorts): Refused {
  const code = ports.isAnyTaken ? 'EADDRINUSE' : first.refusal.code;
  return { ...first, request, refusal: { ...first.refusal, code }, ports };
}

/** A request for one port of the list. */
export function atPort(request: BindRequest, port: number): BindRequest {
  return { ...request, port, ports: undefined };
}

/**
 * Tries the ports of a request in their order: the bind itself decides. What is neither a conflict nor EACCES ends it;
 * nothing is explained.
 */
export function atPorts<Result extends object>(
  request: BindRequest,
  attempt: (request: BindRequest) => Result | Refused,
): Result | Refused {
  const { ports = [request.port] } = request;
  const kept: Refused[] = [];
  let isAnyTaken = false;
  for (const port of ports) {
    const result = attempt(atPort(request, port));
    if (!has(result, 'refusal')) return result;
    const refused = result as Refused;
    if (!goesOn(refused)) return refused;
    isAnyTaken ||= refused.refusal.code === 'EADDRINUSE';
    if (kept.length < MOST_KEPT) kept.push(refused);
  }
  return refusedByAll(request, kept[0] as Refused, { kept, count: ports.length, isAnyTaken });
}
