// inspectPort(): who has a port, why, and until when, without a process spawned or a connection made.
import { requireNetPermission } from '../adopt/permission.ts';
import { resolveHost } from '../adopt/resolve-host.ts';
import type { Refusal } from '../bind/places.ts';
import { type BindRequest, checkBindOptions, isName, refuseUrl } from '../bind/request.ts';
import { badPort } from '../errors.ts';
import { type Names as NamesOf, type Read, readOptions } from '../options-once.ts';
import { LISTENING, listSockets, listSocketsLater, NAMES, type Names, withoutNames } from '../socket-list.ts';
import { type Inspection, inspect, type Question } from './inspection.ts';
import type { InspectOptions, PortReport } from './report.ts';

const KNOWN = { port: true, host: true, protocol: true } satisfies NamesOf<InspectOptions>;

/** Options of `inspectPort()` that were read once. */
export type ReadInspectOptions = Read<InspectOptions> & InspectOptions;

/** Reads the options of `inspectPort()`, and takes a bare port. */
export function readInspectOptions(asked: number | string | InspectOptions): ReadInspectOptions {
  refuseUrl(asked);
  const given = typeof asked !== 'object' || asked === null ? { port: asked } : asked;
  return readOptions<InspectOptions>(given, KNOWN) as ReadInspectOptions;
}

function requestOf({ port, host, protocol }: ReadInspectOptions): BindRequest {
  const request = checkBindOptions({ port, host, protocol });
  if (request.port === 0) throw badPort(port, 1);
  requireNetPermission(request.host ?? '');
  return request;
}

const inWords = ({ protocol }: BindRequest, { port, states, names }: Question, which: Names) =>
  [{ protocol, port }, states, names ? which : NAMES.none] as const;

function answered(request: BindRequest, which: Names, inspection: Inspection): PortReport {
  let step = inspection.next();
  while (!step.done) step = inspection.next(listSockets(...inWords(request, step.value, which)));
  return step.value;
}

async function answeredLater(request: BindRequest, which: Names, inspection: Inspection): Promise<PortReport> {
  let step = inspection.next();
  while (!step.done) {
    const question = inWords(request, step.value, which);
    // Listeners alone are listed sooner than a thread is begun.
    const isSoon = step.value.states === LISTENING && !step.value.names;
    step = inspection.next(isSoon ? listSockets(...question) : await listSocketsLater(...question));
  }
  return step.value;
}

/**
 * Tells who has a port, whether this process could bind it, and until when: of all users, TCP and UDP apart, on every
 * address or one. The work is done off the main thread. No process is spawned and no connection made. Where the list of
 * sockets cannot decide what `bindable` asks, a socket is bound for a moment, and never listens.
 *
 * - Linux: NETLINK_SOCK_DIAG (sock_diag(7)), and /proc for the processes.
 * - macOS: `net.inet.tcp.pcblist_n` and libproc. Not run on a Mac yet.
 * - Windows: `GetExtendedTcpTable`, `GetExtendedUdpTable`.
 *
 * @param options a port, or `{ port, host, protocol }`; `host` may be a name
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; RangeError `ERR_SOCKET_BAD_PORT`
 * @throws Error `ENOTFOUND`, `EAI_AGAIN` of a name; `ERR_ACCESS_DENIED` under `--permission` without `--allow-net`
 */
export async function inspectPort(options: number | string | InspectOptions): Promise<PortReport> {
  const asked = readInspectOptions(options);
  const request = requestOf(isName(asked.host) ? { ...asked, host: await resolveHost(asked.host) } : asked);
  return answeredLater(request, NAMES.every, inspect(request));
}

/**
 * Tells the same at once, on this thread; `host` must be an address.
 * @throws what `inspectPort()` rejects with, but for names: `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`,
 * `ERR_SOCKET_BAD_PORT`, `ERR_ACCESS_DENIED`
 */
export function inspectPortSync(options: number | string | InspectOptions): PortReport {
  const request = requestOf(readInspectOptions(options));
  return answered(request, NAMES.every, inspect(request));
}

/**
 * Explains a refusal of the system, and binds nothing: on a thread that is limited to 100 ms of the processor, for which
 * this one waits.
 */
export function explain(request: BindRequest, refusal: Refusal): PortReport {
  return answered(request, NAMES.inTime, inspect(request, refusal));
}

/** The same, without looking for processes. */
export function explainUnnamed(request: BindRequest, refusal: Refusal): PortReport {
  const inspection = inspect(request, refusal);
  let step = inspection.next();
  while (!step.done) step = inspection.next(withoutNames({ ...request, port: step.value.port }, step.value.states));
  return step.value;
}

/** The same while this thread goes on. */
export function explainLater(request: BindRequest, refusal: Refusal): Promise<PortReport> {
  return answeredLater(request, NAMES.inTime, inspect(request, refusal));
}
