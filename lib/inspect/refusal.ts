// The error of a refused bind, with who holds the address.
import type { Refused } from '../bind/places.ts';
import { type SystemError, systemError } from '../errors.ts';
import { bare, give } from '../own.ts';
import { explain } from './index.ts';
import type { PortReport } from './report.ts';
import { sentenceOf } from './sentence.ts';

const EXPLAINED = ['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL'];

/** What the list of sockets says of a refusal; undefined where it has nothing to say. */
export function reportOn({ request, place, refusal }: Refused): PortReport | undefined {
  const isOfAddress = refusal.syscall === 'bind' || refusal.syscall === 'listen';
  if (request.port === 0 || !isOfAddress || !EXPLAINED.includes(refusal.code)) return undefined;
  try {
    return explain({ ...request, host: place.host }, refusal);
  } catch {
    // A clear refusal never becomes another error, also where no descriptor is left to load the inspection with.
    return undefined;
  }
}

/** Adds `heldBy`, which shows when the error is printed, and `report`, which does not. */
export function addReport(error: Error, report: PortReport): void {
  give(error, { heldBy: sentenceOf(report) });
  Object.defineProperty(error, 'report', bare({ value: report, configurable: true, writable: true }));
}

/** The error of a refusal; its message ends with who holds the address. */
export function refusedError(refused: Refused): SystemError {
  const { request, place, refusal } = refused;
  const where = { address: place.host, port: request.port };
  const report = reportOn(refused);
  if (report === undefined) return systemError(refusal, where);
  const error = systemError({ ...refusal, remark: sentenceOf(report) }, where);
  addReport(error, report);
  return error;
}
