// The error of a refused bind, with who holds the address.
import type { Refused } from '../bind/places.ts';
import { type SystemError, systemError } from '../errors.ts';
import { bare, give, own } from '../own.ts';
import { explain, explainLater } from './index.ts';
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
export function addReport(error: Error, report: PortReport): void {
  const remedy = own(report, 'remedy');
  give(error, { heldBy: sentenceOf(report), ...(remedy !== undefined && { remedy }) });
  Object.defineProperty(error, 'report', bare({ value: report, configurable: true, writable: true }));
}

function errorOf({ request, place, refusal }: Refused, report: PortReport | undefined): SystemError {
  const where = { address: place.host, port: request.port };
  if (report === undefined) return systemError(refusal, where);
  const error = systemError({ ...refusal, remark: sentenceOf(report) }, where);
  addReport(error, report);
  return error;
}

/** The error of a refusal; its message ends with who holds the address. */
export const refusedError = (refused: Refused): SystemError => errorOf(refused, reportOn(refused));

/** The same, without this thread standing still meanwhile. */
export async function refusedErrorLater(refused: Refused): Promise<SystemError> {
  return errorOf(refused, await reportOnLater(refused));
}
