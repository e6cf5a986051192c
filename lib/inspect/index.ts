// inspectPort(): who has a port, why, and until when, without a process spawned or a connection made.
import { requireNetPermission } from '../adopt/permission.ts';
import { resolveHost } from '../adopt/resolve-host.ts';
import type { Refusal } from '../bind/places.ts';
import { type BindRequest, checkBindOptions, isName, refuseUrl } from '../bind/request.ts';
import { badPort, incompatible, wrongValue } from '../errors.ts';
import { endsAt } from '../frames.ts';
import { type Names as NamesOf, type Read, readOptions } from '../options-once.ts';
import { LISTENING, listSockets, listSocketsLater, NAMES, type Names, withoutNames } from '../socket-list.ts';
import { inspectPath, inspectPathSync } from '../unix/inspect.ts';
import type { PathReport } from '../unix/report.ts';
import { type Inspection, inspect, type Question } from './inspection.ts';
import type { InspectOptions, InspectPathOptions, PortReport } from './report.ts';

/** The options of a port or of a path, before anybody has told which. */
type AnyInspectOptions = Omit<InspectOptions, 'path'> & { readonly path?: string | undefined };

const KNOWN = { port: true, host: true, protocol: true, path: true } satisfies NamesOf<AnyInspectOptions>;

/** Options of `inspectPort()` that were read once: of a port, and of whichever. */
export type ReadInspectOptions = Read<InspectOptions> & InspectOptions;
type AnyReadOptions = Read<AnyInspectOptions>;

/** Reads the options of `inspectPort()`, and takes a bare port. */
function readAnyOptions(asked: number | string | InspectOptions | InspectPathOptions): AnyReadOptions {
  refuseUrl(asked);
  const given = typeof asked !== 'object' || asked === null ? { port: asked } : asked;
  return readOptions<AnyInspectOptions>(given as AnyInspectOptions, KNOWN);
}

/** The same where there can be no path. */
export function readInspectOptions(asked: number | string | InspectOptions): ReadInspectOptions {
  const read = readAnyOptions(asked);
  if (read.path === undefined) return read as ReadInspectOptions;
  throw wrongValue('options.path', read.path, 'is for inspectPort(), and for listen(), which can wait for it');
}

/** The path that is asked about, where it is none of a port. */
function pathOf({ path, port, host, protocol }: AnyReadOptions): string | undefined {
  if (path === undefined) return undefined;
  for (const [name, value] of Object.entries({ port, host, protocol })) {
    if (value !== undefined) throw incompatible('path', name);
  }
  requireNetPermission(path);
  return path;
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
 * Tells who has a port, whether this process could bind it, and for how long it is taken. It sees the sockets of all
 * users, TCP or UDP, on every address or on one. It works off the main thread, spawns no process and makes no
 * connection. If the list of sockets cannot decide `bindable`, it binds a socket for a moment, which never listens.
 *
 * - Linux: NETLINK_SOCK_DIAG (sock_diag(7)), and /proc for the processes.
 * - macOS: `net.inet.tcp.pcblist_n` and libproc. Not run on a Mac yet.
 * - Windows: `GetExtendedTcpTable`, `GetExtendedUdpTable`.
 *
 * @param options a port, or `{ port, host, protocol }`; `host` may be a name
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; RangeError `ERR_SOCKET_BAD_PORT`
 * @throws Error `ENOTFOUND`, `EAI_AGAIN` for a name; `ERR_ACCESS_DENIED` under `--permission` without `--allow-net`
 */
export function inspectPort(options: number | string | InspectOptions): Promise<PortReport>;
/**
 * Tells who has a Unix socket, and whether this process could listen there. It makes no connection, so the file of a
 * socket without a visible holder has the verdict `'unknown'`.
 *
 * - Linux: NETLINK_SOCK_DIAG (unix_diag), which shows the sockets of one network namespace, abstract names too.
 * - macOS: libproc, which shows the processes of this user; to root, all.
 * - Windows: the list of named pipes, which names no process.
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_INCOMPATIBLE_OPTION_PAIR`
 * @throws Error `ENAMETOOLONG`; `ENOTSUP` for an abstract name elsewhere than on Linux; `ERR_ACCESS_DENIED`
 */
export function inspectPort(options: InspectPathOptions): Promise<PathReport>;
export async function inspectPort(
  options: number | string | InspectOptions | InspectPathOptions,
): Promise<PortReport | PathReport> {
  const read = readAnyOptions(options);
  const path = pathOf(read);
  if (path !== undefined) return inspectPath(path);
  const asked = read as ReadInspectOptions;
  const { host } = asked;
  const request = requestOf(isName(host) ? { ...asked, host: await endsAt(inspectPort, resolveHost(host)) } : asked);
  return answeredLater(request, NAMES.every, inspect(request));
}

/**
 * Tells the same synchronously, on this thread; `host` must be an address.
 * @throws what `inspectPort()` rejects with, except for names: `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`,
 * `ERR_SOCKET_BAD_PORT`, `ERR_ACCESS_DENIED`
 */
export function inspectPortSync(options: number | string | InspectOptions): PortReport;
/**
 * Tells the same about a Unix socket synchronously, on this thread.
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_INCOMPATIBLE_OPTION_PAIR`
 * @throws Error `ENAMETOOLONG`; `ENOTSUP` for an abstract name elsewhere than on Linux; `ERR_ACCESS_DENIED`
 */
export function inspectPortSync(options: InspectPathOptions): PathReport;
export function inspectPortSync(
  options: number | string | InspectOptions | InspectPathOptions,
): PortReport | PathReport {
  const read = readAnyOptions(options);
  const path = pathOf(read);
  if (path !== undefined) return inspectPathSync(path);
  const request = requestOf(read as ReadInspectOptions);
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
