// The error of a refused bind, with who holds the address.
import type { Refused, RefusedPorts } from '../bind/places.ts';
import { type SystemError, systemError } from '../errors.ts';
import { bare, give, own } from '../own.ts';
import type { PathReport } from '../unix/report.ts';
import { explain, explainLater, explainUnnamed } from './index.ts';
import type { PortReport } from './report.ts';
import { sentenceOf } from './sentence.ts';

const EXPLAINED = ['EADDRINUSE', 'EACCES', 'EPERM', 'EADDRNOTAVAIL'];

// A link-local address without its interface; of others the code says nothing about the address.
const isZoneless = ({ place, refusal }: Refused) => refusal.code === 'EINVAL' && /^fe80:[^%]*$/i.test(place.host);

function isExplained(refused: Refused): boolean {
  const { request, refusal } = refused;
  const isOfAddress = refusal.syscall === 'bind' || refusal.syscall === 'listen';
  return request.port !== 0 && isOfAddress && (EXPLAINED.includes(refusal.code) || isZoneless(refused));
}

const requestAt = ({ request, place }: Refused) => ({ ...request, host: place.host });

/** What the list of sockets says of a refusal; undefined where it has nothing to say. */
export function reportOn(refused: Refused): PortReport | undefined {
  if (!isExplained(refused)) return undefined;
  try {
    return explain(requestAt(refused), refused.refusal);
  } catch {
    // A clear refusal never becomes another error, also where no descriptor is left to load the inspection with.
    return undefined;
  }
}

/** The same, looked up on another thread. */
export async function reportOnLater(refused: Refused): Promise<PortReport | undefined> {
  if (!isExplained(refused)) return undefined;
  try {
    return await explainLater(requestAt(refused), refused.refusal);
  } catch {
    return undefined;
  }
}

/** Adds `heldBy` and `remedy`, which show when the error is printed, and `report`, which does not. */
export function addReport(error: Error, report: PortReport): void;
/** @param sentence of a report on a path, which says who has it */
export function addReport(error: Error, report: PathReport, sentence: string): void;
export function addReport(error: Error, report: PortReport | PathReport, sentence?: string): void {
  const remedy = own(report, 'remedy');
  give(error, { heldBy: sentence ?? sentenceOf(report as PortReport), ...(remedy !== undefined && { remedy }) });
  Object.defineProperty(error, 'report', bare({ value: report, configurable: true, writable: true }));
}

function errorOf(refused: Refused, report: PortReport | undefined): SystemError {
  const { request, place, refusal } = refused;
  const ports = own(refused, 'ports');
  const where = { address: place.host, port: request.port };
  const all = ports === undefined || ports.count === 1 ? [] : [`none of the ${ports.count} ports can be bound`];
  const remarks = [...(report === undefined ? [] : [sentenceOf(report)]), ...all];
  const error = systemError({ ...refusal, ...(remarks.length > 0 && { remark: remarks.join('; ') }) }, where);
  if (report !== undefined) addReport(error, report);
  return error;
}

// All other ports of a list together: who holds them is looked up as long as this lasts, and then not any more.
const NAMED_FOR = 100;

function reportUnnamed(refused: Refused): PortReport | undefined {
  try {
    return explainUnnamed(requestAt(refused), refused.refusal);
  } catch {
    return undefined;
  }
}

function addReports(error: SystemError, { count }: RefusedPorts, reports: readonly (PortReport | undefined)[]): void {
  const known = reports.filter((report) => report !== undefined);
  const property = (value: unknown) => bare({ value, configurable: true, writable: true });
  Object.defineProperty(error, 'reports', property(known));
  if (count > known.length) Object.defineProperty(error, 'omitted', property(count - known.length));
}

/** The first of a list by its own refusal; of one port, that. */
const firstOf = (refused: Refused): Refused => own(refused, 'ports')?.kept[0] ?? refused;

/** The error of a refusal; its message ends with who holds the address. */
export function refusedError(refused: Refused): SystemError {
  const report = reportOn(firstOf(refused));
  const error = errorOf(refused, report);
  const ports = own(refused, 'ports');
  if (ports === undefined) return error;
  const until = performance.now() + NAMED_FOR;
  const others = ports.kept.slice(1).map((one) => (performance.now() < until ? reportOn(one) : reportUnnamed(one)));
  addReports(error, ports, [report, ...others]);
  return error;
}

/** The same, without this thread standing still meanwhile. */
export async function refusedErrorLater(refused: Refused): Promise<SystemError> {
  const report = await reportOnLater(firstOf(refused));
  const error = errorOf(refused, report);
  const ports = own(refused, 'ports');
  if (ports === undefined) return error;
  const until = performance.now() + NAMED_FOR;
  const reports = [report];
  for (const one of ports.kept.slice(1)) {
    reports.push(performance.now() < until ? await reportOnLater(one) : reportUnnamed(one));
  }
  addReports(error, ports, reports);
  return error;
}
