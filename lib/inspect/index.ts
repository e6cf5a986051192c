// inspectPort(): who has a port, why, and until when, without a process spawned or a connection made.
import { requireNetPermission } from '../adopt/permission.ts';
import { resolveHost } from '../adopt/resolve-host.ts';
import type { Refusal } from '../bind/places.ts';
import { type BindRequest, checkBindOptions, isName } from '../bind/request.ts';
import { badPort } from '../errors.ts';
import { type Names, type Read, readOptions } from '../options-once.ts';
import { EVERY_NAME, listSockets, listSocketsLater, NO_NAMES } from '../socket-list.ts';
import { type Inspection, inspect, type Question } from './inspection.ts';
import type { InspectOptions, PortReport } from './report.ts';

// Whoever waits for an answer wants the pids; whoever waits for an error wants the error.
const NAMES_OF_AN_ERROR = 20;

const NAMES = { port: true, host: true, protocol: true } satisfies Names<InspectOptions>;

/** Options of `inspectPort()` that were read once. */
export type ReadInspectOptions = Read<InspectOptions> & InspectOptions;

/** Reads the options of `inspectPort()`, and takes a bare port. */
export function readInspectOptions(asked: number | string | InspectOptions): ReadInspectOptions {
  const given = typeof asked !== 'object' || asked === null ? { port: asked } : asked;
  return readOptions<InspectOptions>(given, NAMES) as ReadInspectOptions;
}

function requestOf({ port, host, protocol }: ReadInspectOptions): BindRequest {
  const request = checkBindOptions({ port, host, protocol });
  if (request.port === 0) throw badPort(port, 1);
  requireNetPermission(request.host ?? '');
  return request;
}

const inWords = ({ protocol }: BindRequest, { port, states, names }: Question, budget: number) =>
  [{ protocol, port }, states, names ? budget : NO_NAMES] as const;

function answered(request: BindRequest, budget: number, inspection: Inspection): PortReport {
  let step = inspection.next();
  while (!step.done) step = inspection.next(listSockets(...inWords(request, step.value, budget)));
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
  const inspection = inspect(request);
  let step = inspection.next();
  while (!step.done) step = inspection.next(await listSocketsLater(...inWords(request, step.value, EVERY_NAME)));
  return step.value;
}

/**
 * Tells the same at once, on this thread; `host` must be an address.
 * @throws what `inspectPort()` rejects with, but for names: `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`,
 * `ERR_SOCKET_BAD_PORT`, `ERR_ACCESS_DENIED`
 */
export function inspectPortSync(options: number | string | InspectOptions): PortReport {
  const request = requestOf(readInspectOptions(options));
  return answered(request, EVERY_NAME, inspect(request));
}

/** Explains a refusal of the system: at most 20 ms of looking for pids, and nothing is bound. */
export function explain(request: BindRequest, refusal: Refusal): PortReport {
  return answered(request, NAMES_OF_AN_ERROR, inspect(request, refusal));
}
